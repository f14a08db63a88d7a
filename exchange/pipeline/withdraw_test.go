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

// hangUp ends the sessions of a domain, as a leader finds them when it begins.
func (f *federation) hangUp(at exchange.Domain) {
	f.t.Helper()
	f.at[at].Lead()
	if err := f.at[at].CloseLinks(context.Background()); err != nil {
		f.t.Fatal(err)
	}
}

// crossed counts the messages that go from one domain to another from now on.
type crossing struct{ envelopes, voids, notices int }

func (f *federation) watch(from, to exchange.Domain) *crossing {
	n := &crossing{}
	f.alter = func(a, b exchange.Domain, m *exchange.Message) {
		switch {
		case a != from || b != to:
		case m.Envelope != nil:
			n.envelopes++
		case m.Void != nil:
			n.voids++
		case m.Notice != nil:
			n.notices++
		}
	}
	return n
}

func (f *federation) track(u exchange.Unit, id exchange.ID) exchange.DeliveryView {
	f.t.Helper()
	return must(f.of(u).Track(as(u), id.String())).Deliveries[0]
}

// TestWhatIsRecalledBeforeItWasSentNeverLeaves: while the link is down, a row is
// replaced by a signed VOID, the delivery is settled at once, and what comes
// behind it arrives without a gap.
func TestWhatIsRecalledBeforeItWasSentNeverLeaves(t *testing.T) {
	for name, content := range map[string]string{"inline": "内容", "in chunks": strings.Repeat("长", 100_000)} {
		t.Run(name, func(t *testing.T) {
			f := newFederation(t)
			f.hangUp(county)
			id := f.file("k1", content)
			behind := f.file("k2", "后一件")
			out := must(f.of(filer).Recall(as(filer), id.String(), nil, "content"))
			if out.State != "recalled" {
				t.Fatalf("the recall gives %+v", out)
			}
			if got, want := states(t, f, filer, id), "wjw@320500=recalled [accepted@320582 recalled@320582]"; got != want {
				t.Fatalf("at once: %s", got)
			}
			seen := f.watch(county, city)
			f.settle()
			if *seen != (crossing{envelopes: 1, voids: 1}) {
				t.Fatalf("over the link went %+v", *seen)
			}
			if _, ok := f.find(city, id); ok {
				t.Fatal("it is stored at the city")
			}
			if _, ok := f.find(city, behind); !ok {
				t.Fatal("what came behind it did not arrive")
			}
			if held := f.held(city, county); len(held) != 0 {
				t.Fatalf("held: %q", held)
			}
			f.audited(county, ledger.EventWithdrawn, ledger.EventRecalled)
			prove(t, f, filer, id)
		})
	}
}

// TestWhatMayHaveBeenSentIsInDoubtUntilThePeerAnswers: while a session may be
// open, also one of a leader that fell, the recall travels and the answer counts.
func TestWhatMayHaveBeenSentIsInDoubtUntilThePeerAnswers(t *testing.T) {
	f := newFederation(t)
	id := f.file("k1", "内容")
	f.restart(county) // the leader falls; the next one finds the session still open
	must(f.of(filer).Recall(as(filer), id.String(), nil, ""))
	if v := f.track(filer, id); !v.InDoubt || v.State != "accepted" || len(v.Waiting) != 1 || !strings.Contains(v.Waiting[0], "answer pending") {
		t.Fatalf("shown as %+v", v)
	}
	f.hangUp(county) // too late: it was queued while the session was open
	if _, err := f.of(filer).Recall(as(filer), id.String(), nil, ""); err != nil {
		t.Fatal(err)
	}
	if v := f.track(filer, id); !v.InDoubt || v.State != "accepted" {
		t.Fatalf("after the session ended it is %+v", v)
	}
	seen := f.watch(county, city)
	f.settle()
	if seen.envelopes != 1 || seen.voids != 0 || seen.notices == 0 {
		t.Fatalf("over the link went %+v", *seen)
	}
	if v := f.track(filer, id); v.InDoubt || v.State != "recalled" || v.Where != city {
		t.Fatalf("after the answer it is %+v", v)
	}
}

// TestARecallOfOneRecipientLeavesTheOthers: the row goes out without it.
func TestARecallOfOneRecipientLeavesTheOthers(t *testing.T) {
	f := newFederation(t)
	f.hangUp(province)
	sender := exchange.Unit("wjw@320000")
	s, open := notice("k1")
	done := must(f.of(sender).Submit(as(sender), s, open))
	must(f.of(sender).Recall(as(sender), done.ID.String(), []exchange.Unit{"wjw@320582"}, "recipient"))
	seen := f.watch(province, city)
	f.settle()
	if *seen != (crossing{envelopes: 1}) {
		t.Fatalf("over the link went %+v", *seen)
	}
	want := "wjw@320500=arrived [accepted@320000 arrived@320500]; wjw@320582=recalled [accepted@320000 recalled@320000]"
	if got := states(t, f, sender, done.ID); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	if _, ok := f.find(county, done.ID); ok {
		t.Fatal("it went on to the county all the same")
	}
	prove(t, f, sender, done.ID)
}

// TestARelayTakesBackWhatItDidNotSendOn: the recall overtakes the exchange at a
// station whose link onwards is down.
func TestARelayTakesBackWhatItDidNotSendOn(t *testing.T) {
	f := newFederation(t)
	f.hangUp(city)
	s, open := filing("k1", "内容")
	s.To = []string{"wjw@320000"}
	done := must(f.of(filer).Submit(as(filer), s, open))
	f.pump(county, city)
	must(f.of(filer).Recall(as(filer), done.ID.String(), nil, ""))
	f.pump(county, city)
	f.pump(city, county)
	if got, want := states(t, f, filer, done.ID), "wjw@320000=recalled [accepted@320582 relayed@320500 recalled@320500]"; got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	seen := f.watch(city, province)
	f.settle()
	if *seen != (crossing{voids: 1}) {
		t.Fatalf("over the link went %+v", *seen)
	}
}

// TestWhatBouncesSaysWhetherItWasSent ends two exchanges by their deadline: one
// whose row never left, and one that may have.
func TestWhatBouncesSaysWhetherItWasSent(t *testing.T) {
	f := newFederation(t)
	ctx := context.Background()
	short := func(key string) exchange.ID {
		s, open := filing(key, "内容")
		s.ExpiresIn = 3600
		return must(f.of(filer).Submit(as(filer), s, open)).ID
	}
	doubtful := short("k1")
	f.hangUp(county)
	unsent := short("k2")
	f.clock.advance(2 * time.Hour)
	if n, err := f.at[county].ExpireDue(ctx); n != 2 || err != nil {
		t.Fatalf("%d were ended, %v", n, err)
	}
	sure, maybe := f.track(filer, unsent), f.track(filer, doubtful)
	if sure.State != "bounced" || sure.InDoubt || !strings.Contains(strings.Join(sure.Receipts[1].Reasons, " "), "deadline not_sent") {
		t.Fatalf("what was not sent: %+v", sure)
	}
	if maybe.State != "bounced" || !maybe.InDoubt || !strings.Contains(strings.Join(maybe.Receipts[1].Reasons, " "), "deadline in_doubt") {
		t.Fatalf("what may have been sent: %+v", maybe)
	}
	seen := f.watch(county, city)
	f.settle()
	if seen.envelopes != 1 || seen.voids != 1 {
		t.Fatalf("over the link went %+v", *seen)
	}
	if v := f.track(filer, doubtful); v.State != "arrived" && v.State != "bounced" {
		t.Fatalf("%+v", v)
	}
	must(f.of(clerk).Sign(as(clerk), doubtful.String()))
	f.settle()
	if v := f.track(filer, doubtful); v.State != "signed" || v.InDoubt {
		t.Fatalf("the recipient's word does not stand: %+v", v)
	}
}

// TestAVoidIsBelievedOnlyInItsPlace moves a VOID to another sequence, and forges
// one.
func TestAVoidIsBelievedOnlyInItsPlace(t *testing.T) {
	f := newFederation(t)
	void := exchange.Void{From: county, To: city, Class: exchange.ClassOrdinary, Sequence: 7, At: f.clock.read()}
	moved := f.signAs(county, crypto.ContextVoid, void)
	void.Sequence = 1
	forged := f.signAs(sibling, crypto.ContextVoid, void)
	f.inject(county, city, exchange.ClassOrdinary, exchange.Message{Void: &forged}, exchange.Message{Void: &moved})
	held := must(f.at[city].Held(admin(city)))
	if len(held) != 2 || held[0].Kind != "void" || !strings.Contains(held[1].Reason, "not for this place") {
		t.Fatalf("held: %+v", held)
	}
}
