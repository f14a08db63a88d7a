package directory_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	dt "github.com/yizhan-exchange/yizhan/exchange/directory/directorytest"
)

var now = dt.Begin.Add(30 * 24 * time.Hour)

func wantClass(t *testing.T, err, class error) {
	t.Helper()
	var e *exchange.Error
	if !errors.Is(err, class) || !errors.As(err, &e) || e.Code == exchange.Internal || e.Code == "" {
		t.Errorf("got %v (%s), want %v", err, exchange.CodeOf(err), class)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestABookKnowsWhoIsWhoseChild(t *testing.T) {
	f := dt.Three(t)
	b := f.Book(now)
	if b.Root() != dt.Province || len(b.Domains()) != 5 {
		t.Fatalf("root %s, domains %v", b.Root(), b.Domains())
	}
	if got := b.Ancestors(dt.County); !slices.Equal(got, []exchange.Domain{dt.City, dt.Province}) {
		t.Errorf("ancestors %v", got)
	}
	if got := b.Children(dt.City); !slices.Equal(got, []exchange.Domain{dt.County, dt.Sibling}) {
		t.Errorf("children %v", got)
	}
	if _, ok := b.Parent(dt.Province); ok {
		t.Error("the root has a superior")
	}
	if info, ok := b.Domain(dt.County); !ok || info.Name != "昆山市" || info.Level != exchange.County {
		t.Errorf("%+v %v", info, ok)
	}
	if _, ok := b.Domain("999999"); ok {
		t.Error("a stranger is known")
	}
	if _, ok := b.DomainAt(dt.County, dt.Begin-1, nil); ok {
		t.Error("known before the statement begins")
	}
}

func TestKeysAreGivenForTheTimeTheyAreAskedFor(t *testing.T) {
	f := dt.Three(t)
	b := f.Book(now)
	pub, err := b.SignKey(dt.County, now)
	if err != nil || pub != f.Domains[dt.County].Sign.Public() {
		t.Errorf("sign key: %v", err)
	}
	enc, id, err := b.EncryptKey(dt.County, now)
	if err != nil || enc != f.Domains[dt.County].Encrypt.Public() || id != f.Domains[dt.County].Encrypt.KeyID() {
		t.Errorf("encrypt key: %v", err)
	}
	_, err = b.SignKey(dt.County, dt.Begin.Add(2*dt.Year))
	wantClass(t, err, directory.ErrExpired)
	_, _, err = b.EncryptKey(dt.County, dt.Begin-1)
	wantClass(t, err, directory.ErrNotYetValid)
	_, err = b.SignKey("999999", now)
	wantClass(t, err, directory.ErrUnknownDomain)
	_, err = b.Key(dt.County, f.Domains[dt.City].Sign.KeyID(), now)
	wantClass(t, err, directory.ErrUnknownKey)
}

func TestOnlyADomainsOwnKeySpeaksForIt(t *testing.T) {
	f := dt.Three(t)
	b := f.Book(now)
	s := must(crypto.Sign(f.Domains[dt.County].Sign, crypto.ContextReceipt, []byte("body")))
	if body, err := b.Verify(dt.County, crypto.ContextReceipt, s, now); err != nil || string(body) != "body" {
		t.Fatalf("%q %v", body, err)
	}
	_, err := b.Verify(dt.County, crypto.ContextManifest, s, now)
	wantClass(t, err, directory.ErrContext)
	_, err = b.Verify(dt.Sibling, crypto.ContextReceipt, s, now)
	wantClass(t, err, directory.ErrUnknownKey)
	_, err = b.Verify("999999", crypto.ContextReceipt, s, now)
	wantClass(t, err, directory.ErrUnknownDomain)
	altered := s
	altered.Bytes = append(slices.Clone(s.Bytes), 'x')
	_, err = b.Verify(dt.County, crypto.ContextReceipt, altered, now)
	wantClass(t, err, directory.ErrSignature)
	_, err = b.Verify(dt.County, crypto.ContextReceipt, s, dt.Begin.Add(2*dt.Year))
	wantClass(t, err, directory.ErrExpired)
}

func TestTheEncryptionKeySignsNothing(t *testing.T) {
	f := dt.Three(t)
	s := must(crypto.Sign(f.Domains[dt.County].Encrypt, crypto.ContextReceipt, nil))
	_, err := f.Book(now).Verify(dt.County, crypto.ContextReceipt, s, now)
	wantClass(t, err, directory.ErrUnknownKey)
}

func TestAChainProvesAKeyToSomebodyWhoHasOnlyTheAnchor(t *testing.T) {
	f := dt.Three(t)
	chain := f.Book(now).Chain(dt.County)
	if len(chain) != 2 {
		t.Fatalf("%d statements", len(chain))
	}
	b := directory.NewBook(f.Provider, f.Anchor)
	for _, s := range chain {
		b = must(b.WithPast(s))
	}
	if pub, err := b.SignKey(dt.County, now); err != nil || pub != f.Domains[dt.County].Sign.Public() {
		t.Errorf("%v", err)
	}
	if len(b.Chain(dt.Province)) != 1 || b.Chain("999999") != nil {
		t.Error("chains of the root or of a stranger")
	}
}

func TestABookIsNeverChanged(t *testing.T) {
	f := dt.Three(t)
	old := f.Book(now)
	f.Join(dt.County, dt.City, exchange.County, "昆山市")
	d := f.Directory(dt.City, 2)
	_, d.Prev = old.Next(dt.City)
	next := must(old.With(f.State(d), now))
	before, after := must(old.SignKey(dt.County, now)), must(next.SignKey(dt.County, now))
	if before == after || after != f.Domains[dt.County].Sign.Public() {
		t.Error("the old book took the new key, or the new one did not")
	}
	if again := must(next.With(f.Statements[len(f.Statements)-1], now)); again != next {
		t.Error("a statement already held made another book")
	}
}

func TestAnOldKeyStillVerifiesAndIsNoLongerGivenOut(t *testing.T) {
	f := dt.Three(t)
	b := f.Book(now)
	old := f.Domains[dt.County].Sign
	s := must(crypto.Sign(old, crypto.ContextReceipt, nil))
	f.Join(dt.County, dt.City, exchange.County, "昆山市")
	d := f.Directory(dt.City, 2)
	_, d.Prev = b.Next(dt.City)
	b = must(b.With(f.State(d), now))
	if _, err := b.Verify(dt.County, crypto.ContextReceipt, s, now); err != nil {
		t.Errorf("old key: %v", err)
	}
	if must(b.SignKey(dt.County, now)) == old.Public() {
		t.Error("the old key is given out")
	}
	proof := must(b.Prove(dt.County, old.KeyID(), now))
	if len(proof) != 2 || f.Provider.Sum(proof[1].Bytes) != d.Prev {
		t.Error("the old key is proved by another statement")
	}
}

func TestADomainThatIsReleasedIsGoneWithAllBelowIt(t *testing.T) {
	f := dt.Three(t)
	b := f.Book(now)
	d := f.Directory(dt.Province, 2)
	_, d.Prev = b.Next(dt.Province)
	d.Children = slices.DeleteFunc(d.Children, func(c exchange.DomainInfo) bool { return c.Domain == dt.City })
	b = must(b.With(f.State(d), now))
	for _, gone := range []exchange.Domain{dt.City, dt.County} {
		_, err := b.SignKey(gone, now)
		wantClass(t, err, directory.ErrUnknownDomain)
	}
	if _, ok := b.Domain(dt.Far); !ok {
		t.Error("another city went with it")
	}
}

func BenchmarkVerify(b *testing.B) {
	f := dt.Three(b)
	book := f.Book(now)
	s := must(crypto.Sign(f.Domains[dt.County].Sign, crypto.ContextReceipt, make([]byte, 200)))
	b.ReportAllocs()
	for b.Loop() {
		must(book.Verify(dt.County, crypto.ContextReceipt, s, now))
	}
}

func BenchmarkWith(b *testing.B) {
	f := dt.Three(b)
	book := f.Book(now)
	d := f.Directory(dt.City, 2)
	_, d.Prev = book.Next(dt.City)
	s := must(directory.Sign(f.Domains[dt.City].Sign, d))
	b.ReportAllocs()
	for b.Loop() {
		must(book.With(s, now))
	}
}
