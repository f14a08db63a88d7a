package pipeline_test

import (
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// overtaken has the city hold an envelope for want of a rule that works, so that
// its recall comes before it.
func overtaken(t *testing.T, content string) (*federation, exchange.ID, uint64) {
	f := newFederation(t)
	f.publish(city, broken)
	f.settle()
	id := f.file("k1", content)
	for range 20 {
		_ = f.offer(county, city)
	}
	held := must(f.at[city].Held(admin(city)))
	if len(held) != 1 {
		t.Fatalf("held: %+v", held)
	}
	f.publish(city, mended)
	f.settle()
	return f, id, held[0].Number
}

// TestARecallThatComesBeforeItsTargetIsAnsweredWhenItComes: nothing reaches the
// inbox, and the sender is told.
func TestARecallThatComesBeforeItsTargetIsAnsweredWhenItComes(t *testing.T) {
	for name, content := range map[string]string{"inline": "内容", "in chunks": strings.Repeat("长", 100_000)} {
		t.Run(name, func(t *testing.T) {
			f, id, number := overtaken(t, content)
			must(f.of(filer).Recall(as(filer), id.String(), nil, "content"))
			must(f.of(filer).Urge(as(filer), id.String(), nil))
			f.settle()
			if held := f.held(city, county); len(held) != 1 {
				t.Fatalf("held: %q", held)
			}
			if v := f.track(filer, id); !v.InDoubt || v.State != "accepted" {
				t.Fatalf("before its target the sender sees %+v", v)
			}
			out := must(f.at[city].ReleaseHeld(admin(city), number))
			if out.State != "recalled" {
				t.Fatalf("the target became %+v", out)
			}
			f.settle()
			if got, want := states(t, f, filer, id), "wjw@320500=recalled [accepted@320582 recalled@320500]"; got != want {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
			if list := must(f.at[city].Inbox(as(clerk), exchange.ListQuery{})); len(list.Items) != 0 {
				t.Fatal("it is in the inbox")
			}
			if reasons := f.track(filer, id).Receipts[1].Reasons; len(reasons) != 1 || reasons[0] != "content" {
				t.Errorf("the answer gives the reasons %v", reasons)
			}
			if n := f.tombs(city); n != 0 {
				t.Errorf("%d tombstones are left", n)
			}
			prove(t, f, filer, id)
		})
	}
}

// TestARecallBeforeItsTargetSparesTheOtherRecipients: one of two deliveries was
// recalled.
func TestARecallBeforeItsTargetSparesTheOtherRecipients(t *testing.T) {
	f := newFederation(t)
	f.publish(city, broken)
	f.settle()
	sender := exchange.Unit("wjw@320000")
	s, open := notice("k1")
	done := must(f.of(sender).Submit(as(sender), s, open))
	f.at[city].log.change = func(c *ledger.Command) {
		for i := range c.Receive.Rows {
			if row := &c.Receive.Rows[i]; envelopeOf(row) == done.ID {
				row.Quarantine, row.Receipts = "by a defect", nil
			}
		}
	}
	f.settle()
	f.at[city].log.change = nil
	must(f.of(sender).Recall(as(sender), done.ID.String(), []exchange.Unit{"wjw@320582"}, ""))
	f.settle()
	f.publish(city, mended)
	must(f.at[city].ReleaseHeld(admin(city), must(f.at[city].Held(admin(city)))[0].Number))
	f.settle()
	want := "wjw@320500=arrived [accepted@320000 arrived@320500]; wjw@320582=recalled [accepted@320000 recalled@320500]"
	if got := states(t, f, sender, done.ID); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	if _, ok := f.find(county, done.ID); ok {
		t.Fatal("it went on to the county all the same")
	}
}

// TestATombstoneIsOnlyForWhatTheOriginSigned forges a recall of what is not here.
func TestATombstoneIsOnlyForWhatTheOriginSigned(t *testing.T) {
	f := newFederation(t)
	n := exchange.Notice{Kind: exchange.Recall, Exchange: exchange.ID{1}, Deliveries: []uint16{0}, From: filer, Person: "zhang.san", At: f.clock.read()}
	forged := f.signAs(sibling, exchange.ContextNotice, n)
	astray := f.signAs(county, exchange.ContextNotice, n)
	f.inject(county, city, exchange.ClassOrdinary, exchange.Message{Notice: &forged})
	f.inject(sibling, city, exchange.ClassOrdinary, exchange.Message{Notice: &astray})
	if n := f.tombs(city); n != 0 {
		t.Fatalf("%d tombstones", n)
	}
	if len(f.held(city, county)) != 1 || len(f.held(city, sibling)) != 1 {
		t.Fatalf("held: %q %q", f.held(city, county), f.held(city, sibling))
	}
}

// TestADamagedEnvelopeThatIsReturnedIsRefusedToItsSender: the origin did sign
// it. When it comes again, whole, it is answered the same.
func TestADamagedEnvelopeThatIsReturnedIsRefusedToItsSender(t *testing.T) {
	f := newFederation(t)
	f.alter = func(from, _ exchange.Domain, m *exchange.Message) {
		if from == county && m.Envelope != nil {
			m.Envelope.Inline[1][0] ^= 1
		}
	}
	id := f.file("k1", "内容")
	f.settle()
	f.alter = nil
	out := must(f.at[city].ReturnHeld(admin(city), must(f.at[city].Held(admin(city)))[0].Number, "altered"))
	if out.Done != "returned" {
		t.Fatalf("%+v", out)
	}
	f.settle()
	want := "wjw@320500=refused [accepted@320582 refused@320500]"
	if got := states(t, f, filer, id); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
	prove(t, f, filer, id)
	ex, _ := f.find(county, id)
	e := exchange.Envelope{Manifest: ex.Manifest, Deliveries: ex.Deliveries, Custody: ex.Custody, Inline: f.inlineOf(county, &ex)}
	f.inject(county, city, exchange.ClassOrdinary, exchange.Message{Envelope: &e})
	if _, ok := f.find(city, id); ok {
		t.Fatal("what was refused is taken when it comes again")
	}
	if held := f.held(city, county); len(held) != 0 {
		t.Fatalf("held: %q", held)
	}
}

func (f *federation) inlineOf(at exchange.Domain, ex *ledger.Stored) (out [][]byte) {
	_ = f.at[at].log.View(func(r ledger.Reader) error {
		for i := range ex.M.Chunks() {
			out = append(out, r.Get(ledger.TableInline, ledger.InlineKey(ex.M.ID, uint32(i))))
		}
		return nil
	})
	return out
}

// tombs counts tombstones, by rows and by the count, which must agree.
func (f *federation) tombs(at exchange.Domain) (n int) {
	_ = f.at[at].log.View(func(r ledger.Reader) error {
		r.Scan(ledger.TableTomb, nil, nil, func(_, _ []byte) bool { n++; return true })
		if c := must(ledger.CountsOf(r)); c.Tombs != uint64(n) {
			f.t.Errorf("%d tombstones, %d counted", n, c.Tombs)
		}
		return nil
	})
	return n
}
