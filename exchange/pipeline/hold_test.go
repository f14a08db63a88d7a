package pipeline_test

import (
	"context"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/pipeline"
)

// broken is a policy that fails at run time for some exchanges: nobody can
// judge them.
const broken = `package yizhan.layer

allow if input.kind == "document"

allow if input.kind == "case"

number := 1 if input.kind == "case"

number := 2 if input.point == "receive"

deny contains {
	"code": "city.broken",
	"zh": "规则自相矛盾",
	"en": "contradicts itself",
	"clause": "《苏州市交换规则（示例）》第十条",
	"remedy": "改规则",
} if {
	number == 3
}
`

var mended = strings.Replace(broken, "number := 2", "number := 1", 1)

func (f *federation) publish(at exchange.Domain, rego string) {
	f.t.Helper()
	officer := withDuties(exchange.Unit("bgs@"+at), exchange.SecurityOfficer)
	if _, err := f.at[at].PublishPolicy(officer, []exchange.PolicyFile{{Path: "rule.rego", Data: []byte(rego)}}, 0); err != nil {
		f.t.Fatal(err)
	}
}

// offer hands over what the county has for the city, by a session of its own,
// and tells how that went.
func (f *federation) offer(from, to exchange.Domain) error {
	f.t.Helper()
	ctx := context.Background()
	a, b := f.at[from], f.at[to]
	s := must(b.Open(ctx, from, must(a.Greet(ctx, to))))
	next := must(b.Greet(ctx, from)).ReceiveNext
	for class := range exchange.Class(exchange.ClassCount) {
		if rows := must(a.Next(to, class, next[class]-1, 1000, 1<<20)); len(rows) > 0 {
			if err := b.Receive(ctx, s, rows); err != nil {
				return err
			}
		}
	}
	return nil
}

func admin(at exchange.Domain) context.Context {
	return withDuties(exchange.Unit("bgs@"+at), exchange.Administrator)
}

// restart makes the process anew over the same ledger, as a change of leader
// does.
func (f *federation) restart(at exchange.Domain) {
	s := f.at[at]
	s.Domain = pipeline.New(s.Options)
}

// TestWhatCannotBeJudgedIsTriedPatientlyThenHeldAndReleased: the tries are
// counted once for each time it is its turn, through restarts; what waits
// behind it arrives in the end; released, it is judged by the mended rule.
func TestWhatCannotBeJudgedIsTriedPatientlyThenHeldAndReleased(t *testing.T) {
	f := newFederation(t)
	f.publish(city, broken)
	f.settle()
	id := f.file("k1", "第一件")
	second := f.file("k2", "第二件")
	for n := 1; n < 20; n++ {
		err := f.offer(county, city)
		if exchange.CodeOf(err) != exchange.Unavailable {
			t.Fatalf("attempt %d: %v", n, err)
		}
		if held := f.held(city, county); len(held) != 0 {
			t.Fatalf("held after %d attempts: %q", n, held)
		}
		f.restart(city)
	}
	_ = f.offer(county, city) // the twentieth sets the first aside; the second begins its own patience
	held := must(f.at[city].Held(admin(city)))
	if len(held) != 1 || held[0].Exchange != id.String() || held[0].Tries != 20 || held[0].Kind != "envelope" || held[0].Peer != county || !strings.Contains(held[0].Reason, "after 20 attempts") {
		t.Fatalf("held: %+v", held)
	}
	shown := must(f.at[city].ShowHeld(admin(city), held[0].Number))
	if shown.From != filer || len(shown.To) != 1 || shown.To[0] != clerk || len(shown.Remedy) == 0 {
		t.Fatalf("shown: %+v", shown)
	}
	if _, err := f.at[city].ReleaseHeld(admin(city), held[0].Number); exchange.CodeOf(err) != exchange.Unavailable {
		t.Fatalf("released although it cannot be judged: %v", err)
	}
	f.publish(city, mended)
	f.settle() // the second arrives: the link went on
	if _, ok := f.find(city, second); !ok {
		t.Fatal("what came behind it did not arrive")
	}
	out, err := f.at[city].ReleaseHeld(admin(city), held[0].Number)
	if err != nil || out.Done != "released" || out.State != "arrived" || out.Exchange != id.String() {
		t.Fatalf("%+v, %v", out, err)
	}
	if left := must(f.at[city].Held(admin(city))); len(left) != 0 {
		t.Fatalf("still held: %+v", left)
	}
	if _, err := f.at[city].ReleaseHeld(admin(city), held[0].Number); exchange.CodeOf(err) != exchange.NotFound {
		t.Fatalf("released twice: %v", err)
	}
	f.settle()
	if got := states(t, f, filer, id); !strings.Contains(got, "=arrived") {
		t.Fatalf("the sender sees %s", got)
	}
	f.audited(city, ledger.EventQuarantined, ledger.EventReleased)
}

// TestWhatIsReturnedIsRefusedToItsSender gives up an envelope that could not be
// judged.
func TestWhatIsReturnedIsRefusedToItsSender(t *testing.T) {
	f := newFederation(t)
	f.publish(city, broken)
	f.settle()
	id := f.file("k1", "一件")
	for range 20 {
		_ = f.offer(county, city)
	}
	held := must(f.at[city].Held(admin(city)))
	if len(held) != 1 {
		t.Fatalf("held: %+v", held)
	}
	if _, err := f.at[city].ReturnHeld(withDuties("bgs@320500", exchange.Auditor), held[0].Number, "unjudged"); exchange.CodeOf(err) != exchange.Denied {
		t.Fatalf("an auditor acted: %v", err)
	}
	if _, err := f.at[city].ReturnHeld(admin(city), held[0].Number, "because"); exchange.CodeOf(err) != exchange.Invalid {
		t.Fatalf("any reason will do: %v", err)
	}
	out, err := f.at[city].ReturnHeld(admin(city), held[0].Number, "unjudged")
	if err != nil || out.Done != "returned" || out.State != "refused" {
		t.Fatalf("%+v, %v", out, err)
	}
	f.settle()
	if got, want := states(t, f, filer, id), "wjw@320500=refused [accepted@320582 refused@320500]"; got != want {
		t.Fatalf("the sender sees %s, want %s", got, want)
	}
	tracking := must(f.of(filer).Track(as(filer), id.String()))
	receipts := tracking.Deliveries[0].Receipts
	if reasons := receipts[len(receipts)-1].Reasons; len(reasons) != 1 || reasons[0] != "hold.unjudged" {
		t.Errorf("the receipt gives the reasons %v", reasons)
	}
	if list := must(f.at[city].Inbox(as(clerk), exchange.ListQuery{})); len(list.Items) != 0 {
		t.Error("what was returned is in the inbox")
	}
	f.audited(city, ledger.EventSentBack)
}

// TestWhatNobodySentIsDroppedAndStaysOutWhileItDoesNotVerify alters an
// envelope on its way: releasing it does not help, and nobody is answered.
func TestWhatNobodySentIsDroppedAndStaysOutWhileItDoesNotVerify(t *testing.T) {
	f := newFederation(t)
	f.alter = func(from, _ exchange.Domain, m *exchange.Message) {
		if from == county && m.Envelope != nil {
			m.Envelope.Manifest.Bytes[len(m.Envelope.Manifest.Bytes)-1] ^= 1
		}
	}
	f.file("k1", "一件")
	f.settle()
	held := must(f.at[city].Held(admin(city)))
	if len(held) != 1 {
		t.Fatalf("held: %+v", held)
	}
	if _, err := f.at[city].ReleaseHeld(admin(city), held[0].Number); exchange.CodeOf(err) != exchange.Conflict || !strings.Contains(err.Error(), "still cannot be processed") {
		t.Fatalf("released: %v", err)
	}
	if out, err := f.at[city].ReturnHeld(admin(city), held[0].Number, "altered"); err != nil || out.Done != "dropped" {
		t.Fatalf("%+v, %v", out, err)
	}
	f.audited(city, ledger.EventDismissed)
	f.file("k2", "二件")
	f.settle()
	if next := must(f.at[city].Held(admin(city))); len(next) != 1 || next[0].Number == held[0].Number {
		t.Fatalf("a number was used again: %+v", next)
	}
}

// TestARowThatTheLedgerRefusesDoesNotHoldUpItsLink: what is prepared for it is
// found wrong at apply, each time.
func TestARowThatTheLedgerRefusesDoesNotHoldUpItsLink(t *testing.T) {
	f := newFederation(t)
	id := f.file("k1", "一件")
	second := f.file("k2", "二件")
	f.at[city].log.change = func(c *ledger.Command) {
		for i := range c.Receive.Rows {
			if row := &c.Receive.Rows[i]; len(row.Receipts) > 0 && envelopeOf(row) == id {
				row.Receipts = []crypto.Signed{{Bytes: []byte("nonsense")}}
			}
		}
	}
	for n := 1; n <= 20; n++ {
		if held := f.held(city, county); len(held) != 0 {
			t.Fatalf("held after %d attempts: %q", n-1, held)
		}
		_ = f.offer(county, city)
	}
	if held := must(f.at[city].Held(admin(city))); len(held) != 1 || held[0].Exchange != id.String() || held[0].Tries != 20 {
		t.Fatalf("held: %+v", held)
	}
	if _, ok := f.find(city, second); !ok {
		t.Fatal("what came behind it did not arrive")
	}
}

func envelopeOf(row *ledger.ReceivedRow) exchange.ID {
	m, err := exchange.Decode[exchange.Message](row.Message)
	if err != nil || m.Envelope == nil {
		return exchange.ID{}
	}
	return must(ledger.DecodeManifest(m.Envelope.Manifest)).ID
}

// audited demands that each kind of event is among the leaves.
func (f *federation) audited(at exchange.Domain, kinds ...ledger.EventKind) {
	f.t.Helper()
	seen := map[ledger.EventKind]bool{}
	_ = f.at[at].log.View(func(r ledger.Reader) error {
		r.Scan(ledger.TableAudit, nil, nil, func(_, raw []byte) bool {
			seen[must(exchange.DecodeStored[ledger.Event](raw)).Kind] = true
			return true
		})
		return nil
	})
	for _, k := range kinds {
		if !seen[k] || k.String() == "" {
			f.t.Errorf("no event %d %q", k, k)
		}
	}
}
