package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/policy"
)

const (
	filer = exchange.Unit("wjw@320582")
	clerk = exchange.Unit("wjw@320500")
)

// file sends a filing from the county up to the city.
func (f *federation) file(key, content string) exchange.ID {
	f.t.Helper()
	s, open := filing(key, content)
	done, err := f.of(filer).Submit(as(filer), s, open)
	if err != nil {
		f.t.Fatal(err)
	}
	return done.ID
}

// resign makes a statement about m anew, as its origin would.
func (f *federation) resign(m exchange.Manifest, by exchange.Domain) crypto.Signed {
	return f.signAs(by, crypto.ContextManifest, m)
}

// TestWhatDoesNotVerifyIsQuarantinedAndTheLinkGoesOn alters an envelope on its
// way up, and then sends another that must arrive.
func TestWhatDoesNotVerifyIsQuarantinedAndTheLinkGoesOn(t *testing.T) {
	for _, c := range []struct {
		name, reason string
		alter        func(f *federation, e *exchange.Envelope)
	}{
		{"altered content", "does not match its address", func(_ *federation, e *exchange.Envelope) { e.Inline[1][0] ^= 1 }},
		{"reordered chunks", "does not match its address", func(_ *federation, e *exchange.Envelope) { e.Inline[0], e.Inline[1] = e.Inline[1], e.Inline[0] }},
		{"truncated content", "1 chunks came along, the manifest lists 2", func(_ *federation, e *exchange.Envelope) { e.Inline = e.Inline[:1] }},
		{"an altered manifest", "manifest", func(_ *federation, e *exchange.Envelope) { e.Manifest.Bytes[len(e.Manifest.Bytes)-1] ^= 1 }},
		{"a manifest that is no manifest", "manifest", func(_ *federation, e *exchange.Envelope) { e.Manifest.Bytes = []byte("yizhan/manifest/v1\nxx") }},
		{"a manifest signed by another domain", "never stated for 320582", func(f *federation, e *exchange.Envelope) {
			m, _ := ledger.DecodeManifest(e.Manifest)
			e.Manifest = f.resign(m, sibling)
		}},
		{"an oversized manifest", "at most 393216 are possible", func(f *federation, e *exchange.Envelope) {
			m, _ := ledger.DecodeManifest(e.Manifest)
			m.Wraps = append(m.Wraps, exchange.Wrap{Domain: city, Data: make([]byte, exchange.MaxManifestSize)})
			e.Manifest = f.resign(m, county)
		}},
		{"a header that fills memory", "chunks for", func(f *federation, e *exchange.Envelope) {
			m, _ := ledger.DecodeManifest(e.Manifest)
			m.Parts[0].Size = 1 << 31
			e.Manifest = f.resign(m, county)
		}},
		{"an exchange without an id", "not well formed", func(f *federation, e *exchange.Envelope) {
			m, _ := ledger.DecodeManifest(e.Manifest)
			m.ID = exchange.ID{}
			e.Manifest = f.resign(m, county)
		}},
		{"a kind that nobody knows", "does not know", func(f *federation, e *exchange.Envelope) {
			m, _ := ledger.DecodeManifest(e.Manifest)
			m.Kind = 9
			e.Manifest = f.resign(m, county)
		}},
		{"an exchange of another origin", "not on the road", func(f *federation, e *exchange.Envelope) {
			m, _ := ledger.DecodeManifest(e.Manifest)
			m.From = "wjw@320583"
			e.Manifest = f.resign(m, sibling)
		}},
		{"a delivery that leads back", "leads back", func(f *federation, e *exchange.Envelope) {
			m, _ := ledger.DecodeManifest(e.Manifest)
			m.To[0].Unit = "bgs@320582"
			e.Manifest = f.resign(m, county)
		}},
		{"no custody", "0 custody receipts", func(_ *federation, e *exchange.Envelope) { e.Custody = nil }},
		{"custody of another exchange", "does not continue the chain", func(f *federation, e *exchange.Envelope) {
			r, _ := ledger.DecodeReceipt(e.Custody[0])
			r.Exchange[0] ^= 1
			e.Custody[0] = f.signAs(county, crypto.ContextReceipt, r)
		}},
		{"custody forged by a sibling", "custody receipt of 320582", func(f *federation, e *exchange.Envelope) {
			r, _ := ledger.DecodeReceipt(e.Custody[0])
			e.Custody[0] = f.signAs(sibling, crypto.ContextReceipt, r)
		}},
		{"custody that does not cover the delivery", "does not continue the chain", func(f *federation, e *exchange.Envelope) {
			r, _ := ledger.DecodeReceipt(e.Custody[0])
			r.Deliveries = []uint16{1}
			e.Custody[0] = f.signAs(county, crypto.ContextReceipt, r)
		}},
		{"deliveries out of bounds", "not well formed", func(_ *federation, e *exchange.Envelope) { e.Deliveries = []uint16{7} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFederation(t)
			f.alter = func(from, _ exchange.Domain, m *exchange.Message) {
				if from == county && m.Envelope != nil {
					c.alter(f, m.Envelope)
				}
			}
			id := f.file("k1", "附件内容")
			f.settle()
			held := f.held(city, county)
			if len(held) != 1 || !strings.Contains(held[0], c.reason) {
				t.Fatalf("held %q, want %q", held, c.reason)
			}
			if _, ok := f.find(city, id); ok {
				t.Fatal("it is stored all the same")
			}
			f.alter = nil
			f.file("k2", "下一件")
			f.settle()
			if list, _ := f.at[city].Inbox(as(clerk), exchange.ListQuery{}); len(list.Items) != 1 {
				t.Fatalf("%d exchanges arrived after it, want 1", len(list.Items))
			}
		})
	}
}

func TestAMessageTooLargeForTheLogIsQuarantined(t *testing.T) {
	f := newFederation(t)
	big := crypto.Signed{Bytes: make([]byte, 600<<10)}
	f.inject(county, city, exchange.ClassControl, exchange.Message{Policy: &big})
	if held := f.held(city, county); len(held) != 1 || !strings.Contains(held[0], "at most 458752 are possible") {
		t.Fatalf("held %q", held)
	}
}

// TestReceiptsAreBelievedOnlyInTheirPlace sends forged receipts down to the
// county, whose filing arrived at the city.
func TestReceiptsAreBelievedOnlyInTheirPlace(t *testing.T) {
	f := newFederation(t)
	id := f.file("k1", "附件内容")
	f.settle()
	ex, _ := f.find(county, id)
	arrived := must(exchange.Decode[exchange.Receipt](mustReceipt(f, receiptsOf(f, county, id)[1])))
	stated := func(change func(*exchange.Receipt)) exchange.Receipt {
		r := arrived
		r.Deliveries = []uint16{0}
		change(&r)
		return r
	}
	receipt := crypto.ContextReceipt
	for _, c := range []struct {
		name, reason string
		signed       crypto.Signed
	}{
		{"by a sibling in its own name", "cannot state", f.signAs(sibling, receipt, stated(func(r *exchange.Receipt) { r.Domain, r.State, r.Unit = sibling, exchange.SignedFor, clerk }))},
		{"by a sibling in the city's name", "never stated for 320500", f.signAs(sibling, receipt, stated(func(r *exchange.Receipt) { r.State, r.Unit = exchange.SignedFor, clerk }))},
		{"refused by a domain that is not on the road", "not on the road", f.signAs(province, receipt, stated(func(r *exchange.Receipt) { r.Domain, r.State = province, exchange.Refused }))},
		{"signed for by nobody", "cannot state", f.signAs(city, receipt, stated(func(r *exchange.Receipt) { r.State = exchange.SignedFor }))},
		{"signed for by another unit", "cannot state", f.signAs(city, receipt, stated(func(r *exchange.Receipt) { r.State, r.Unit = exchange.SignedFor, "bgs@320500" }))},
		{"accepted by the recipient", "cannot state", f.signAs(city, receipt, stated(func(r *exchange.Receipt) { r.State = exchange.Accepted }))},
		{"relayed by the recipient", "cannot state", f.signAs(city, receipt, stated(func(r *exchange.Receipt) { r.State = exchange.Relayed }))},
		{"a state that nobody knows", "cannot state", f.signAs(city, receipt, stated(func(r *exchange.Receipt) { r.State = 200 }))},
		{"for another manifest", "another manifest", f.signAs(city, receipt, stated(func(r *exchange.Receipt) { r.Manifest[0] ^= 1 }))},
		{"for an exchange that is not here", "not known here", f.signAs(city, receipt, stated(func(r *exchange.Receipt) { r.Exchange[0] ^= 1 }))},
		{"for a delivery that is not", "no such deliveries", f.signAs(city, receipt, stated(func(r *exchange.Receipt) { r.Deliveries = []uint16{1} }))},
		{"under another context", "receipt", f.signAs(city, crypto.ContextManifest, arrived)},
	} {
		before := len(f.held(county, city))
		f.inject(city, county, exchange.ClassControl, exchange.Message{Receipt: &c.signed})
		held := f.held(county, city)
		if len(held) != before+1 || !strings.Contains(held[before], c.reason) {
			t.Errorf("%s: held %q, want %q", c.name, held[before:], c.reason)
		}
	}
	replayed := receiptsOf(f, county, id)[1]
	f.inject(city, county, exchange.ClassControl, exchange.Message{Receipt: &replayed}, exchange.Message{Receipt: &replayed})
	want := "wjw@320500=arrived [accepted@320582 arrived@320500]"
	if got := states(t, f, filer, ex.M.ID); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

func receiptsOf(f *federation, at exchange.Domain, id exchange.ID) (out []crypto.Signed) {
	_ = f.at[at].log.View(func(r ledger.Reader) error { out = must(ledger.Receipts(r, id)); return nil })
	return out
}

func TestARelayCannotStateAnArrival(t *testing.T) {
	f := newFederation(t)
	s, open := filing("k1", "内容")
	s.To = []string{"wjw@320000"}
	done := must(f.of(filer).Submit(as(filer), s, open))
	f.pump(county, city)
	f.pump(city, county)
	r, _ := ledger.DecodeReceipt(receiptsOf(f, county, done.ID)[1])
	r.State = exchange.Arrived
	forged := f.signAs(city, crypto.ContextReceipt, r)
	f.inject(city, county, exchange.ClassControl, exchange.Message{Receipt: &forged})
	if held := f.held(county, city); len(held) != 1 || !strings.Contains(held[0], "320500 cannot state arrived for wjw@320000") {
		t.Fatalf("held %q", held)
	}
}

func TestOnlyTheSenderRecalls(t *testing.T) {
	f := newFederation(t)
	id := f.file("k1", "内容")
	f.settle()
	ex, _ := f.find(city, id)
	n := exchange.Notice{Kind: exchange.Recall, Exchange: id, Manifest: ex.Digest, Deliveries: []uint16{0}, From: filer, At: f.clock.read()}
	forged := f.signAs(sibling, exchange.ContextNotice, n)
	n.From = "wjw@320583"
	other := f.signAs(sibling, exchange.ContextNotice, n)
	f.inject(sibling, city, exchange.ClassOrdinary, exchange.Message{Notice: &forged}, exchange.Message{Notice: &other})
	if held := f.held(city, sibling); len(held) != 2 || !strings.Contains(held[0], "never stated for 320582") || !strings.Contains(held[1], "not about the exchange") {
		t.Fatalf("held %q", held)
	}
	if _, err := f.of("bgs@320582").Recall(as("bgs@320582"), id.String(), nil, ""); exchange.CodeOf(err) != exchange.NotFound {
		t.Fatalf("another unit's recall gives %v", err)
	}
	if _, err := f.of(clerk).Recall(as(clerk), id.String(), nil, ""); exchange.CodeOf(err) != exchange.Denied {
		t.Fatalf("the recipient's recall gives %v", err)
	}
	if got := states(t, f, filer, id); !strings.HasPrefix(got, "wjw@320500=arrived") {
		t.Fatal(got)
	}
}

func TestPolicyComesFromSuperiorsOnly(t *testing.T) {
	f := newFederation(t)
	bundle := func(issuer exchange.Domain, number uint64, prev crypto.Digest) *crypto.Signed {
		s := f.signAs(issuer, crypto.ContextPolicy, exchange.PolicyBundle{Issuer: issuer, Number: number, Prev: prev, At: f.clock.read(), Files: policy.CitySample()})
		return &s
	}
	forged := f.signAs(city, crypto.ContextPolicy, exchange.PolicyBundle{Issuer: province, Number: 2, At: f.clock.read()})
	f.inject(county, city, exchange.ClassControl, exchange.Message{Policy: bundle(county, 1, crypto.Digest{})}, exchange.Message{Policy: &forged})
	f.inject(city, county, exchange.ClassControl, exchange.Message{Policy: bundle(province, 2, crypto.Digest{})})
	held := append(f.held(city, county), f.held(county, city)...)
	if len(held) != 3 || !strings.Contains(held[0], "not a superior") || !strings.Contains(held[1], "never stated for 320000") || !strings.Contains(held[2], "does not name number 1 in Prev") {
		t.Fatalf("held %q", held)
	}
	if layers := must(f.at[county].PolicyStatus(as(filer))); len(layers) != 1 || layers[0].Number != 1 {
		t.Fatalf("in force: %+v", layers)
	}
}

func (f *federation) directory(issuer exchange.Domain, number uint64, prev crypto.Digest, begin exchange.Time, children ...exchange.Domain) crypto.Signed {
	d := exchange.Directory{Issuer: issuer, Number: number, Prev: prev, NotBefore: begin, NotAfter: begin.Add(24 * time.Hour)}
	for _, c := range children {
		d.Children = append(d.Children, f.infos[c])
	}
	return must(directory.Sign(f.at[issuer].vault.keys.Sign, d))
}

func statementsOf(f *federation, at, issuer exchange.Domain) (s crypto.Signed) {
	_ = f.at[at].log.View(func(r ledger.Reader) error {
		s, _, _ = ledger.Get[crypto.Signed](r, ledger.TableDirectory, []byte(issuer))
		return nil
	})
	return s
}

func TestAnEquivocatingDirectoryIsAnAlarmAndAnOldOneIsNone(t *testing.T) {
	f := newFederation(t)
	one := statementsOf(f, county, city)
	now := f.clock.read()
	other := f.directory(city, 1, crypto.Digest{}, now, county)
	two := f.directory(city, 2, f.p.Sum(one.Bytes), now, county, sibling)
	f.inject(city, county, exchange.ClassControl, exchange.Message{Directory: &other}, exchange.Message{Directory: &two}, exchange.Message{Directory: &one}, exchange.Message{Directory: &two})
	if held := f.held(county, city); len(held) != 1 || !strings.Contains(held[0], "two statements under one number") {
		t.Fatalf("held %q", held)
	}
	if got := statementsOf(f, county, city); string(got.Bytes) != string(two.Bytes) {
		t.Fatal("number 2 is not in force")
	}
}

func TestANeighboursClockMayRunAhead(t *testing.T) {
	f := newFederation(t)
	one := statementsOf(f, county, city)
	soon := f.directory(city, 2, f.p.Sum(one.Bytes), f.clock.read().Add(time.Minute), county, sibling)
	late := f.directory(city, 3, f.p.Sum(soon.Bytes), f.clock.read().Add(time.Hour), county, sibling)
	f.inject(city, county, exchange.ClassControl, exchange.Message{Directory: &soon}, exchange.Message{Directory: &late})
	if held := f.held(county, city); len(held) != 1 || !strings.Contains(held[0], "directory 3") {
		t.Fatalf("held %q", held)
	}
}

func TestPolicyOutlivesTheKeyThatSignedIt(t *testing.T) {
	f := newFederation(t)
	key := must(f.p.GenerateKey(crand))
	pair := must(f.ca.IssuePair(string(province), key.Public(), f.at[province].vault.keys.Encrypt.Public()))
	renewed := f.infos[province]
	renewed.SignCert, renewed.EncryptCert = pair.Sign.Raw, pair.Encrypt.Raw
	f.infos[province] = renewed
	f.clock.advance(25 * time.Hour) // the first statement has ended, and with it the old key
	now := f.clock.read()
	d := exchange.Directory{Issuer: province, Number: 2, Prev: f.p.Sum(statementsOf(f, city, province).Bytes), NotBefore: now, NotAfter: now.Add(24 * time.Hour),
		Children: []exchange.DomainInfo{renewed, f.infos[city]}}
	two := must(directory.Sign(key, d))
	f.inject(province, city, exchange.ClassControl, exchange.Message{Directory: &two})
	if held := f.held(city, province); len(held) != 0 {
		t.Fatalf("held %q", held)
	}
	if _, err := f.at[city].Units(as(clerk), "", 0); err != nil {
		t.Fatalf("the city stands still: %v", err)
	}
}
