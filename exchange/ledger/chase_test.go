package ledger_test

import (
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// sentAgain is the city in a new life, to which the province sends again what it
// may have passed on to the county before; with its content, or without.
func sentAgain(t *testing.T, content bool) (d *domain, m exchange.Manifest, accepted, relayed crypto.Signed) {
	d = found(t, city)
	d.must(renewal(2))
	d.meet(province)
	m = manifest(1, "bgt@320000", "wjw@320582")
	accepted = receipt(&m, exchange.Accepted, province, crypto.Digest{}, 0)
	relayed = receipt(&m, exchange.Relayed, city, digest(accepted), 0)
	e := exchange.Envelope{Manifest: signedManifest(&m), Deliveries: []uint16{0}, Custody: []crypto.Signed{accepted}}
	var prepared []crypto.Signed
	if content {
		e.Inline, prepared = inline(1), []crypto.Signed{relayed}
	}
	if res := d.carry(province, exchange.ClassOrdinary, exchange.Message{Envelope: &e}, prepared...); res.Code != "" {
		t.Fatal(res)
	}
	return d, m, accepted, relayed
}

// notices counts the recalls that are queued for a peer.
func (d *domain) notices(peer exchange.Domain) (n int) {
	for _, q := range d.queued(peer, exchange.ClassOrdinary) {
		if msg, err := exchange.Decode[exchange.Message](q.Message); err == nil && msg.Notice != nil {
			n++
		}
	}
	return n
}

func TestARecallDoesNotEndAtAStationThatMayHaveForgottenToHavePassedItOn(t *testing.T) {
	d, m, accepted, _ := sentAgain(t, false)
	res := d.carry(province, exchange.ClassOrdinary, exchange.Message{Notice: recall(&m, 0)}, receipt(&m, exchange.Recalled, city, digest(accepted), 0))
	if res.Code != "" || d.stateOf(m.ID, 0) != exchange.Arriving || d.notices(county) != 1 {
		t.Fatalf("%+v; it is %s, and %d recalls go on to the county", res, d.stateOf(m.ID, 0), d.notices(county))
	}
}

func TestARecallThatCameWhileTheContentWasFetchedFollowsIt(t *testing.T) {
	d, m, accepted, relayed := sentAgain(t, false)
	d.greet(county, 2, 9) // what is said to it waits for the walk, and the walk finds nothing to say yet
	d.carry(province, exchange.ClassOrdinary, exchange.Message{Notice: recall(&m, 0)}, receipt(&m, exchange.Recalled, city, digest(accepted), 0))
	d.pass(ledger.TimeOf(&d.rows).Add(11 * time.Minute))
	d.walkOn()
	if n := d.notices(county); n != 0 {
		t.Fatalf("%d recalls", n)
	}
	for class := range exchange.Class(exchange.ClassCount) {
		d.carry(province, class, exchange.Message{Back: &exchange.Back{Done: [16]byte{0xee, 2}}})
	}
	d.must(ledger.Command{Custody: &ledger.Custody{Exchange: m.ID, Receipts: []crypto.Signed{relayed}, Stored: []exchange.Stored{{Replica: "a"}}}})
	rows := d.queued(county, exchange.ClassOrdinary)
	if n := len(rows); n < 2 || rows[n-2].Exchange != m.ID || d.notices(county) != 1 {
		t.Fatalf("%d rows, %d recalls", n, d.notices(county))
	}
}

func TestWhatMayHaveBeenPassedOnInAnEarlierLifeIsNotTakenBack(t *testing.T) {
	d, m, _, _ := sentAgain(t, true)
	rows := d.queued(county, exchange.ClassOrdinary)
	if len(rows) != 1 || rows[0].Exchange != m.ID || !rows[0].Sent {
		t.Fatalf("queued as %+v", rows)
	}
}

// TestARecallThatWasOutrunIsSentAfterIt: the city said RECALLED, and what the
// county has shows that the exchange had gone on. Whatever is heard first, the
// recall follows, at the city and at the origin.
func TestARecallThatWasOutrunIsSentAfterIt(t *testing.T) {
	recalledAtCity := func(t *testing.T) (*domain, *exchange.Manifest, crypto.Signed, crypto.Signed) {
		d, m, accepted := waiting(t, "wjw@320582")
		d.carry(province, exchange.ClassOrdinary, exchange.Message{Notice: recall(m, 0)}, receipt(m, exchange.Recalled, city, digest(accepted), 0))
		if s := d.stateOf(m.ID, 0); s != exchange.Recalled || d.notices(county) != 0 {
			t.Fatalf("it is %s", s)
		}
		relayed := receipt(m, exchange.Relayed, city, digest(accepted), 0)
		return d, m, relayed, receipt(m, exchange.Arrived, county, digest(relayed), 0)
	}
	giveBack := func(t *testing.T, d *domain, m *exchange.Manifest, receipts ...crypto.Signed) {
		b := exchange.Back{Manifest: signedManifest(m), Deliveries: []uint16{0}, Receipts: receipts}
		if res := d.carry(county, exchange.ClassControl, exchange.Message{Back: &b}); res.Code != "" {
			t.Fatal(res)
		}
	}
	t.Run("the county gives it back", func(t *testing.T) {
		d, m, relayed, arrived := recalledAtCity(t)
		giveBack(t, d, m, relayed, arrived)
		if d.notices(county) != 1 {
			t.Fatalf("%d recalls go on", d.notices(county))
		}
		recalled := receipt(m, exchange.Recalled, county, digest(arrived), 0)
		d.carry(county, exchange.ClassControl, exchange.Message{Receipt: &recalled})
		if del, _, _ := ledger.DeliveryOf(&d.rows, m.ID, 0); del.Where != county || d.notices(county) != 1 {
			t.Fatalf("it is %s by %s, after %d recalls", del.State, del.Where, d.notices(county))
		}
	})
	t.Run("a recall comes afterwards", func(t *testing.T) {
		d, m, relayed, arrived := recalledAtCity(t)
		giveBack(t, d, m, relayed, arrived)
		d.carry(province, exchange.ClassOrdinary, exchange.Message{Notice: recall(m, 0)})
		if d.notices(county) != 2 {
			t.Fatalf("%d recalls go on", d.notices(county))
		}
	})
	t.Run("the county is restored", func(t *testing.T) {
		d, m, relayed, arrived := recalledAtCity(t)
		giveBack(t, d, m, relayed, arrived)
		d.greet(county, 2, 9)
		d.walkOn()
		if rows := d.queued(county, exchange.ClassOrdinary); len(rows) < 2 || rows[0].Back == nil || d.notices(county) != 1 {
			t.Fatalf("%+v", rows)
		}
	})
	for name, history := range map[string][]says{
		"the origin hears of the recall first":  {{exchange.Relayed, city}, {exchange.Recalled, city}, {exchange.Arrived, county}},
		"the origin hears of the arrival first": {{exchange.Relayed, city}, {exchange.Arrived, county}, {exchange.Recalled, city}},
	} {
		t.Run(name, func(t *testing.T) {
			if n := recallsAfter(t, history); n != 2 {
				t.Fatalf("%d recalls go on", n)
			}
		})
	}
}

// recallsAfter recalls an exchange at its origin, which then hears what others
// say of it, and returns how often the recall was sent.
func recallsAfter(t *testing.T, history []says) int {
	d, m := atOrigin(t)
	d.must(ledger.Command{Notice: &ledger.Notice{Notice: *recall(m, 0)}})
	for _, h := range history {
		d.hear(m, h)
	}
	return d.notices(city)
}

func TestARecallThatWasNotOutrunIsNotSentAgain(t *testing.T) {
	for name, history := range map[string][]says{
		"the city took it back":          {{exchange.Relayed, city}, {exchange.Recalled, city}},
		"the county withdrew it":         {{exchange.Relayed, city}, {exchange.Recalled, county}},
		"it was withdrawn there":         {{exchange.Relayed, city}, {exchange.Arrived, county}, {exchange.Recalled, county}},
		"it was signed for all the same": {{exchange.Relayed, city}, {exchange.Arrived, county}, {exchange.SignedFor, county}},
	} {
		t.Run(name, func(t *testing.T) {
			if n := recallsAfter(t, history); n != 1 {
				t.Fatalf("%d recalls go on", n)
			}
		})
	}
}

// TestARecalledEnvelopeThatSeveralOfferNoLongerWaits: its chunks were lost at the
// province as well, which was given it back and may have them after all.
func TestARecalledEnvelopeThatSeveralOfferNoLongerWaits(t *testing.T) {
	d, m, accepted := waiting(t, "wjw@320582")
	b := exchange.Back{Manifest: signedManifest(m), Deliveries: []uint16{0}, Receipts: []crypto.Signed{accepted}}
	d.carry(county, exchange.ClassControl, exchange.Message{Back: &b})
	if ex, _, _ := ledger.Find(&d.rows, m.ID); ex.Giver == "" || d.rows.Rows(ledger.TableWaiting) != 2 {
		t.Fatalf("it waits for %d neighbours", d.rows.Rows(ledger.TableWaiting))
	}
	d.carry(province, exchange.ClassOrdinary, exchange.Message{Notice: recall(m, 0)}, receipt(m, exchange.Recalled, city, digest(accepted), 0))
	if ex, _, _ := ledger.Find(&d.rows, m.ID); ex.Waiting || ex.Giver != "" || d.rows.Rows(ledger.TableWaiting) != 0 {
		t.Fatalf("it was recalled, and waits for %d neighbours", d.rows.Rows(ledger.TableWaiting))
	}
}
