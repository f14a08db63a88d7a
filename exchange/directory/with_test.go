package directory_test

import (
	"bytes"
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	dt "github.com/yizhan-exchange/yizhan/exchange/directory/directorytest"
)

// draft is a sound next statement of the city, and the book it goes into.
func draft(t testing.TB) (*dt.Federation, *directory.Book, exchange.Directory) {
	f := dt.Three(t)
	b := f.Book(now)
	d := f.Directory(dt.City, 2)
	_, d.Prev = b.Next(dt.City)
	return f, b, d
}

func TestAStatementThatIsNotTheIssuersToMakeIsRefused(t *testing.T) {
	info := func(f *dt.Federation, d exchange.Domain) exchange.DomainInfo { return f.Domains[d].DomainInfo }
	cases := map[string]struct {
		change func(*dt.Federation, *exchange.Directory)
		class  error
	}{
		"without a number":          {func(_ *dt.Federation, d *exchange.Directory) { d.Number = 0 }, directory.ErrMalformed},
		"first with a Prev":         {func(_ *dt.Federation, d *exchange.Directory) { d.Number = 1 }, directory.ErrMalformed},
		"second without a Prev":     {func(_ *dt.Federation, d *exchange.Directory) { d.Prev = crypto.Digest{} }, directory.ErrMalformed},
		"second with another Prev":  {func(_ *dt.Federation, d *exchange.Directory) { d.Prev[0] ^= 1 }, directory.ErrChain},
		"ends before it begins":     {func(_ *dt.Federation, d *exchange.Directory) { d.NotAfter = d.NotBefore }, directory.ErrMalformed},
		"over":                      {func(_ *dt.Federation, d *exchange.Directory) { d.NotAfter = now - 1 }, directory.ErrExpired},
		"not begun":                 {func(_ *dt.Federation, d *exchange.Directory) { d.NotBefore = now + 1 }, directory.ErrNotYetValid},
		"a child twice":             {func(_ *dt.Federation, d *exchange.Directory) { d.Children = append(d.Children, d.Children[0]) }, directory.ErrMalformed},
		"a child of another parent": {func(_ *dt.Federation, d *exchange.Directory) { d.Children[0].Parent = dt.Far }, directory.ErrIssuer},
		"a child above the issuer":  {func(_ *dt.Federation, d *exchange.Directory) { d.Children[0].Level = exchange.Province }, directory.ErrIssuer},
		"a child without a level":   {func(_ *dt.Federation, d *exchange.Directory) { d.Children[0].Level = 0 }, directory.ErrMalformed},
		"somebody else's child": {func(f *dt.Federation, d *exchange.Directory) {
			d.Children = append(d.Children, stolen(info(f, dt.Far)))
		}, directory.ErrIssuer},
		"itself": {func(f *dt.Federation, d *exchange.Directory) {
			d.Children = append(d.Children, stolen(info(f, dt.City)))
		}, directory.ErrIssuer},
		"the root": {func(f *dt.Federation, d *exchange.Directory) {
			d.Children = append(d.Children, stolen(info(f, dt.Province)))
		}, directory.ErrIssuer},
		"another's certificate":     {func(f *dt.Federation, d *exchange.Directory) { d.Children[0].SignCert = info(f, dt.Far).SignCert }, directory.ErrCertificate},
		"an encryption key to sign": {func(_ *dt.Federation, d *exchange.Directory) { d.Children[0].SignCert = d.Children[0].EncryptCert }, directory.ErrCertificate},
		"no certificate":            {func(_ *dt.Federation, d *exchange.Directory) { d.Children[0].SignCert = []byte{1} }, directory.ErrCertificate},
		"a foreign certificate":     {foreign, directory.ErrCertificate},
		"a replica's certificate":   {replica, directory.ErrCertificate},
		"an expired certificate":    {expired, directory.ErrCertificate},
		"a revocation without a time": {func(_ *dt.Federation, d *exchange.Directory) {
			d.Revoked = []exchange.Revocation{{Key: crypto.KeyID{1}}}
		}, directory.ErrMalformed},
		"its own key revoked": {func(f *dt.Federation, d *exchange.Directory) {
			d.Revoked = []exchange.Revocation{{Key: f.Domains[dt.City].Sign.KeyID(), Since: now}}
		}, directory.ErrIssuer},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f, b, d := draft(t)
			c.change(f, &d)
			_, err := b.With(must(directory.Sign(f.Domains[dt.City].Sign, d)), now)
			wantClass(t, err, c.class)
		})
	}
}

func stolen(info exchange.DomainInfo) exchange.DomainInfo {
	info.Parent, info.Level = dt.City, exchange.Township
	return info
}

func foreign(f *dt.Federation, d *exchange.Directory) {
	other := dt.New(f.T(), dt.Province).Join(dt.County, dt.City, exchange.County, "昆山市")
	d.Children[0] = other.DomainInfo
}

func replica(f *dt.Federation, d *exchange.Directory) {
	county := f.Domains[dt.County]
	pair := must(f.Authority.IssueReplica(string(dt.County), "county-1", county.Sign.Public(), county.Encrypt.Public()))
	d.Children[0].SignCert = pair.Sign.Raw
}

func expired(f *dt.Federation, d *exchange.Directory) {
	county := f.Domains[dt.County]
	short := f.Authority.WithValidity(dt.Begin.Std().Add(-30*time.Minute), 10*time.Minute)
	d.Children[0].SignCert = must(short.IssuePair(string(dt.County), county.Sign.Public(), county.Encrypt.Public())).Sign.Raw
}

func TestASignatureOfSomebodyElseIsRefused(t *testing.T) {
	f, b, d := draft(t)
	_, err := b.With(must(directory.Sign(f.Domains[dt.Far].Sign, d)), now)
	wantClass(t, err, directory.ErrUnknownKey)
	s := must(directory.Sign(f.Domains[dt.Far].Sign, d))
	s.Key = f.Domains[dt.City].Sign.KeyID()
	_, err = b.With(s, now)
	wantClass(t, err, directory.ErrSignature)
	s = must(crypto.Sign(f.Domains[dt.City].Sign, crypto.ContextUnits, exchange.Encode(d)))
	_, err = b.With(s, now)
	wantClass(t, err, directory.ErrContext)
	s = must(crypto.Sign(f.Domains[dt.City].Sign, crypto.ContextDirectory, []byte("no CBOR")))
	_, err = b.With(s, now)
	wantClass(t, err, directory.ErrMalformed)
	s = must(crypto.Sign(f.Domains[dt.City].Sign, crypto.ContextDirectory, make([]byte, directory.MaxStatement)))
	_, err = b.With(s, now)
	wantClass(t, err, directory.ErrMalformed)
}

func TestEveryAlteredByteOfAStatementIsNoticed(t *testing.T) {
	f := dt.Three(t)
	root := directory.NewBook(f.Provider, f.Anchor)
	for i, s := range f.Statements[:2] {
		for at := 0; at < len(s.Bytes); at += 1 + len(s.Bytes)/97 {
			altered := s
			altered.Bytes = bytes.Clone(s.Bytes)
			altered.Bytes[at] ^= 1
			if _, err := root.WithPast(altered); err == nil {
				t.Fatalf("statement %d, byte %d: accepted", i, at)
			}
		}
		root = must(root.WithPast(s))
	}
}

func TestTheRootIsTheAnchors(t *testing.T) {
	f, other := dt.Three(t), dt.Three(t)
	b := directory.NewBook(f.Provider, f.Anchor)
	_, err := b.With(other.Statements[0], now)
	wantClass(t, err, directory.ErrAnchor)
	_, err = b.With(f.Statements[1], now)
	wantClass(t, err, directory.ErrAnchor)
	d := f.Directory(dt.Province, 1)
	d.Children = d.Children[1:]
	_, err = b.With(must(directory.Sign(f.Domains[dt.Province].Sign, d)), now)
	wantClass(t, err, directory.ErrAnchor)
	anchor := f.Anchor
	anchor.CAs = nil
	_, err = directory.NewBook(f.Provider, anchor).With(f.Statements[0], now)
	wantClass(t, err, directory.ErrAnchor)
	anchor.CAs = [][]byte{{1}}
	_, err = directory.NewBook(f.Provider, anchor).With(f.Statements[0], now)
	wantClass(t, err, directory.ErrAnchor)
}

func TestStatementsGoInFromTheRootDown(t *testing.T) {
	f := dt.Three(t)
	b := must(directory.NewBook(f.Provider, f.Anchor).With(f.Statements[0], now))
	d := exchange.Directory{Issuer: dt.County, Number: 1, NotBefore: dt.Begin, NotAfter: dt.Begin.Add(dt.Year)}
	_, err := b.With(must(directory.Sign(f.Domains[dt.County].Sign, d)), now)
	wantClass(t, err, directory.ErrIssuer)
}

func TestTwoStatementsUnderOneNumberAreAnAlarm(t *testing.T) {
	f, b, d := draft(t)
	b = must(b.With(f.State(d), now))
	d.Children = d.Children[:1]
	_, err := b.With(f.State(d), now)
	wantClass(t, err, directory.ErrEquivocation)
	d.Number, d.Prev = 1, crypto.Digest{}
	_, err = b.WithPast(f.State(d))
	wantClass(t, err, directory.ErrEquivocation)
}

func TestAGapIsBridgedByTheSignatureAndFilledFromThePast(t *testing.T) {
	f, b, two := draft(t)
	second := f.State(two)
	three := two
	three.Number, three.Prev = 3, f.Provider.Sum(second.Bytes)
	third := f.State(three)
	b = must(b.With(third, now))
	_, err := b.With(second, now)
	wantClass(t, err, directory.ErrSuperseded)
	if got, _ := must(b.WithPast(second)).Latest(dt.City); !bytes.Equal(got.Bytes, third.Bytes) {
		t.Error("the past replaced the present")
	}
	two.NotAfter++
	_, err = b.WithPast(f.State(two))
	wantClass(t, err, directory.ErrChain)
}

func TestTheRootRenewsItsKeyByItself(t *testing.T) {
	for _, by := range []string{"old", "new"} {
		t.Run(by, func(t *testing.T) {
			f := dt.Three(t)
			b := f.Book(now)
			signers := map[string]sm.PrivateKey{"old": f.Domains[dt.Province].Sign}
			signers["new"] = f.Join(dt.Province, "", exchange.Province, "江苏省").Sign
			d := f.Directory(dt.Province, 2)
			_, d.Prev = b.Next(dt.Province)
			b = must(b.With(must(directory.Sign(signers[by], d)), now))
			if must(b.SignKey(dt.Province, now)) != signers["new"].Public() {
				t.Error("the new key is not in force")
			}
			if want := map[string]int{"old": 2, "new": 1}[by]; len(b.Chain(dt.Province)) != want {
				t.Errorf("%d statements prove it, want %d", len(b.Chain(dt.Province)), want)
			}
		})
	}
}

func TestALineOfDepartmentsMayStandUnderItsOwnGovernment(t *testing.T) {
	f, b, d := draft(t)
	line := f.Join("320500.health", dt.City, exchange.City, "苏州市卫生健康委员会")
	d.Children = append(d.Children, line.DomainInfo)
	b = must(b.With(f.State(d), now))
	if p, _ := b.Parent("320500.health"); p != dt.City {
		t.Errorf("parent %s", p)
	}
}

func FuzzWith(f *testing.F) {
	three := dt.Three(f)
	b := three.Book(now)
	for _, s := range three.Statements {
		f.Add(s.Bytes, false)
	}
	f.Add([]byte(crypto.ContextDirectory+"\n"), true)
	key := must(three.Provider.GenerateKey(rand.Reader))
	f.Fuzz(func(t *testing.T, bytes []byte, past bool) {
		sig, err := key.Sign(bytes)
		if err != nil {
			t.Skip()
		}
		for _, id := range []crypto.KeyID{key.KeyID(), three.Domains[dt.City].Sign.KeyID()} {
			s := crypto.Signed{Bytes: bytes, Key: id, Sig: sig}
			next, err := b.With(s, now)
			if past {
				next, err = b.WithPast(s)
			}
			if err == nil && !slices.ContainsFunc(three.Statements, func(h crypto.Signed) bool { return string(h.Bytes) == string(bytes) }) {
				t.Fatalf("a statement that nobody signed was accepted: %v", next.Domains())
			}
		}
	})
}

func TestAStatementHasOneEncoding(t *testing.T) {
	f, b, d := draft(t)
	d.Revoked = []exchange.Revocation{{Key: crypto.KeyID{7}, Since: now}}
	body := exchange.Encode(d)
	key := append([]byte{0x58, 32}, make([]byte, 32)...)
	key[2] = 7
	at := bytes.Index(body, key)
	short := slices.Concat(body[:at], []byte{0x41, 7}, body[at+len(key):])
	for _, odd := range [][]byte{short, append(bytes.Clone(body), 0)} {
		_, err := b.With(must(crypto.Sign(f.Domains[dt.City].Sign, crypto.ContextDirectory, odd)), now)
		wantClass(t, err, directory.ErrMalformed)
	}
}
