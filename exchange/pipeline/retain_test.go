package pipeline_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/pipeline"
)

// later sets a domain's ledger forward without a day passing for certificates.
func (f *federation) later(at exchange.Domain, d time.Duration) {
	f.t.Helper()
	now := f.clock.read().Add(d)
	if res := must(f.at[at].log.Propose(context.Background(), ledger.Command{Clock: &now})); res.Code != "" {
		f.t.Fatal(res.Message)
	}
	s := f.at[at]
	o := s.Options
	o.Clock = func() exchange.Time { return f.clock.read().Add(d) }
	s.Domain = pipeline.New(o)
}

// back lets a domain's own clock be that of the others again; its ledger stays
// where it is.
func (f *federation) back(at exchange.Domain) {
	o := f.at[at].Options
	o.Clock = f.clock.read
	f.at[at].Domain = pipeline.New(o)
}

func (f *federation) collect(at exchange.Domain) int {
	f.t.Helper()
	n, err := f.at[at].Collect(context.Background())
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

// about counts the rows of the tables that grow with exchanges.
func (f *federation) about(at exchange.Domain) (n int) {
	for _, table := range []ledger.Table{ledger.TableExchange, ledger.TableDelivery, ledger.TableReceipt, ledger.TableSeen, ledger.TableDecision,
		ledger.TableInline, ledger.TableInbox, ledger.TableOutbox, ledger.TableOffer, ledger.TableRef, ledger.TableNotice} {
		n += f.at[at].log.rows.Rows(table)
	}
	return n
}

const tenYears = 10 * 365 * 24 * time.Hour

// TestWhatEndedIsDeletedAtTheEndOfItsRetention: everything about it, at both
// ends; a repetition and a used key are still noticed; what is open stays.
func TestWhatEndedIsDeletedAtTheEndOfItsRetention(t *testing.T) {
	f := newFederation(t)
	ctx := context.Background()
	small, large := f.file("k1", "短"), f.file("k2", strings.Repeat("长", 100_000))
	f.settle()
	ex, _ := f.find(county, small)
	again := exchange.Envelope{Manifest: ex.Manifest, Deliveries: ex.Deliveries, Custody: ex.Custody[:1], Inline: f.inlineOf(county, &ex)}
	for _, id := range []exchange.ID{small, large} {
		must(f.of(clerk).Sign(as(clerk), id.String()))
	}
	f.settle()
	final := receiptsOf(f, county, small)[2]
	open := f.file("k3", "还开着")
	f.settle()
	leaves := f.at[city].log.rows.Rows(ledger.TableAudit)
	for _, d := range []exchange.Domain{county, city} {
		f.later(d, tenYears-time.Hour)
		if n := f.collect(d); n != 0 {
			t.Fatalf("%s deleted %d before the end of their retention", d, n)
		}
		f.later(d, tenYears+time.Hour)
		if n := f.collect(d); n != 2 {
			t.Fatalf("%s deleted %d, want the two that ended", d, n)
		}
		if n := f.collect(d); n != 0 {
			t.Fatalf("%s deleted %d more", d, n)
		}
		for _, id := range []exchange.ID{small, large} {
			if _, ok := f.find(d, id); ok {
				t.Fatalf("%s still has %s", d, id)
			}
		}
		if _, ok := f.find(d, open); !ok {
			t.Fatalf("%s deleted what is open", d)
		}
		f.back(d)
	}
	if n := f.at[city].log.rows.Rows(ledger.TableAudit); n < leaves+2 {
		t.Errorf("leaves of the audit tree are gone: %d of %d", n, leaves)
	}
	// A repetition changes nothing, and nothing of it is held.
	rows := f.about(city)
	f.inject(county, city, exchange.ClassOrdinary, exchange.Message{Envelope: &again})
	f.inject(city, county, exchange.ClassControl, exchange.Message{Receipt: &final})
	if f.about(city) != rows || len(f.held(city, county))+len(f.held(county, city)) != 0 {
		t.Fatalf("a repetition: %d rows of %d, held %q %q", f.about(city), rows, f.held(city, county), f.held(county, city))
	}
	// The same id with other content is an alarm.
	m, _ := ledger.DecodeManifest(again.Manifest)
	m.Type = "5"
	again.Manifest = f.resign(m, county)
	accepted, _ := ledger.DecodeReceipt(again.Custody[0])
	accepted.Manifest = f.p.Sum(again.Manifest.Bytes)
	again.Custody = []crypto.Signed{f.signAs(county, crypto.ContextReceipt, accepted)}
	f.inject(county, city, exchange.ClassOrdinary, exchange.Message{Envelope: &again})
	if held := f.held(city, county); len(held) != 1 || !strings.Contains(held[0], "other content") {
		t.Fatalf("held %q", held)
	}
	// The key is not free again.
	s, files := filing("k1", "短")
	if _, err := f.of(filer).Submit(as(filer), s, files); exchange.CodeOf(err) != exchange.Conflict || !strings.Contains(err.Error(), "retention") {
		t.Fatalf("a used key gives %v", err)
	}
	// Until repetitions need not be noticed any more.
	f.later(county, 2*tenYears+2*time.Hour)
	if _, err := f.at[county].Collect(ctx); err != nil {
		t.Fatal(err)
	}
	if n, k := f.at[county].log.rows.Rows(ledger.TableGone), f.at[county].log.rows.Rows(ledger.TableKey); n != 0 || k != 1 {
		t.Fatalf("%d tombstones and %d keys are left", n, k)
	}
}

// TestWhatIsQueuedIsKept: a row that may still carry it waits for a link that is
// down for ever.
func TestWhatIsQueuedIsKept(t *testing.T) {
	f := newFederation(t)
	s, open := filing("k1", "内容")
	s.ExpiresIn = 3600
	id := must(f.of(filer).Submit(as(filer), s, open)).ID
	f.clock.advance(2 * time.Hour)
	if n, err := f.at[county].ExpireDue(context.Background()); n != 1 || err != nil {
		t.Fatalf("%d ended, %v", n, err)
	}
	f.later(county, 2*tenYears)
	if n := f.collect(county); n != 0 {
		t.Fatal("it was deleted while a row carries it")
	}
	f.back(county)
	f.settle()
	if _, ok := f.find(city, id); !ok {
		t.Fatal("the row could not be sent")
	}
	f.later(county, 2*tenYears)
	if n := f.collect(county); n != 1 {
		t.Fatalf("%d were deleted once it was sent", n)
	}
}

// TestTheLedgerKeepsEverythingForSixMonths whatever is configured, and a shorter
// retention is lifted.
func TestTheLedgerKeepsEverythingForSixMonths(t *testing.T) {
	r := pipeline.Retention{Documents: time.Hour, Cases: 1, Others: 1, Duplicates: 1}.WithDefaults()
	if r.Documents != ledger.MinRetention || r.Cases != ledger.MinRetention || r.Others != ledger.MinRetention || r.Duplicates != ledger.MinRetention {
		t.Fatalf("%+v", r)
	}
	f := newFederation(t)
	id := f.file("k1", "短")
	f.settle()
	must(f.of(clerk).Sign(as(clerk), id.String()))
	f.settle()
	f.later(county, ledger.MinRetention-time.Hour)
	res := must(f.at[county].log.Propose(context.Background(), ledger.Command{Time: f.clock.read(), Collect: &ledger.Collect{Exchanges: []exchange.ID{id}}}))
	if _, ok := f.find(county, id); !ok || res.Code != "" {
		t.Fatalf("deleted before six months: %+v", res)
	}
}
