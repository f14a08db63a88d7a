package pipeline_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

func (f *federation) lookForDelays(at exchange.Domain) int {
	f.t.Helper()
	n, err := f.at[at].LookForDelays(context.Background())
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

// impatient has a domain give up after five hours instead of five days: the
// certificates of the test do not last so long.
func (f *federation) impatient(at exchange.Domain) {
	f.t.Helper()
	if d := f.at[at]; d.DelayAfter != time.Hour || d.BounceAfter != 5*24*time.Hour {
		f.t.Fatalf("by default notice is given after %s, and it bounces after %s", d.DelayAfter, d.BounceAfter)
	}
	f.at[at].BounceAfter = 5 * time.Hour
}

// count counts the leaves of a kind.
func (f *federation) count(at exchange.Domain, kind ledger.EventKind) (n int, last ledger.Event) {
	_ = f.at[at].log.View(func(r ledger.Reader) error {
		r.Scan(ledger.TableAudit, nil, nil, func(_, raw []byte) bool {
			if e := must(exchange.DecodeStored[ledger.Event](raw)); e.Kind == kind {
				n, last = n+1, e
			}
			return true
		})
		return nil
	})
	return n, last
}

// TestASenderIsToldOfADelayAndThenThatItBounced: after an hour without custody
// further on, once; after its time it is given up. What arrived in time leaves
// no trace.
func TestASenderIsToldOfADelayAndThenThatItBounced(t *testing.T) {
	f := newFederation(t)
	f.impatient(county)
	f.at[county].LinkState = func(peer exchange.Domain) string { return "dialing" }
	inTime := f.file("k0", "及时的")
	f.settle()
	f.hangUp(county)
	id := f.file("k1", "迟延的")
	f.clock.advance(50 * time.Minute)
	f.lookForDelays(county)
	if v := f.track(filer, id); v.Delayed {
		t.Fatalf("delayed after 50 minutes: %+v", v)
	}
	f.clock.advance(15 * time.Minute)
	for range 2 {
		if n := f.lookForDelays(county); n != 0 {
			t.Fatalf("%d were given up after an hour", n)
		}
	}
	if n, e := f.count(county, ledger.EventDelayed); n != 1 || e.Exchange != id || e.Domain != city || e.Reason != "link dialing" {
		t.Fatalf("%d notices of delay, %+v", n, e)
	}
	v := f.track(filer, id)
	if !v.Delayed || !strings.Contains(strings.Join(v.Waiting, " "), "at 320582 for 1 h") || !strings.Contains(strings.Join(v.Waiting, " "), "link to 320500: dialing") {
		t.Fatalf("shown as %+v", v)
	}
	list := must(f.of(filer).Outbox(as(filer), exchange.ListQuery{}))
	if len(list.Items) != 2 || !list.Items[0].Delayed || list.Items[1].Delayed || list.Items[1].ID != inTime {
		t.Fatalf("the outbox shows %+v", list.Items)
	}
	f.clock.advance(3 * time.Hour)
	if n := f.lookForDelays(county); n != 0 {
		t.Fatalf("%d were given up after four hours", n)
	}
	f.clock.advance(time.Hour)
	if n := f.lookForDelays(county); n != 1 {
		t.Fatalf("%d were given up after five hours", n)
	}
	if got, want := states(t, f, filer, id), "wjw@320500=bounced [accepted@320582 bounced@320582]"; got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	if reasons := strings.Join(f.track(filer, id).Receipts[1].Reasons, " "); reasons != "delay not_sent" {
		t.Fatalf("the reasons are %s", reasons)
	}
	if n := f.lookForDelays(county); n != 0 {
		t.Fatalf("%d bounced twice", n)
	}
	if n := f.at[county].log.rows.Rows(ledger.TableDelay); n != 0 {
		t.Errorf("%d rows are left to look at", n)
	}
	prove(t, f, filer, id)
}

// TestARelayBouncesWhatItCannotPassOn: its receipt ends the delivery at the
// origin, and nothing bounces the bounce.
func TestARelayBouncesWhatItCannotPassOn(t *testing.T) {
	f := newFederation(t)
	f.impatient(city)
	f.impatient(county)
	s, open := filing("k1", "内容")
	s.To = []string{"wjw@320000"}
	done := must(f.of(filer).Submit(as(filer), s, open))
	f.pump(county, city)
	f.pump(city, county)
	f.clock.advance(2 * time.Hour)
	f.lookForDelays(city)
	if v := f.track(filer, done.ID); !v.Delayed || v.Where != city {
		t.Fatalf("the sender sees %+v", v)
	}
	f.clock.advance(4 * time.Hour)
	if n := f.lookForDelays(city); n != 1 {
		t.Fatalf("the relay gave %d up", n)
	}
	if n := f.lookForDelays(county); n != 0 {
		t.Fatalf("the origin gave %d up that the relay had taken", n)
	}
	f.pump(city, county)
	if got, want := states(t, f, filer, done.ID), "wjw@320000=bounced [accepted@320582 relayed@320500 bounced@320500]"; got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	prove(t, f, filer, done.ID)
	f.clock.advance(10 * time.Hour)
	if a, b := f.lookForDelays(city), f.lookForDelays(county); a+b != 0 {
		t.Fatalf("a bounce bounced: %d %d", a, b)
	}
}

// TestNobodyBouncesTooEarly: the ledger refuses it whoever proposes it.
func TestNobodyBouncesTooEarly(t *testing.T) {
	f := newFederation(t)
	id := f.file("k1", "内容")
	ex, _ := f.find(county, id)
	accepted := receiptsOf(f, county, id)[0]
	f.clock.advance(30 * time.Minute)
	early := f.signAs(county, crypto.ContextReceipt, exchange.Receipt{State: exchange.Bounced, Exchange: id, Manifest: ex.Digest, Domain: county,
		Deliveries: []uint16{0}, At: f.clock.read(), Prev: f.p.Sum(accepted.Bytes), Reasons: []string{"delay", "in_doubt"}})
	c := ledger.Command{Time: f.clock.read(), Bounce: &ledger.Bounce{Receipts: []crypto.Signed{early}}}
	if res := must(f.at[county].log.Propose(context.Background(), c)); res.Code != exchange.Conflict {
		t.Fatalf("%+v", res)
	}
}
