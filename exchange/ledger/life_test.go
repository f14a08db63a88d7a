package ledger_test

import (
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// renewal begins the n-th life of a test.
func renewal(n byte) ledger.Command {
	return ledger.Command{Renew: &ledger.Renew{Token: [16]byte{n}, Incarnation: uint64(n), Epoch: [16]byte{0xee, n}, Reason: "restored"}}
}

func TestANewLifeNumbersEverythingAnewInItsOrder(t *testing.T) {
	d := found(t, province)
	for n := range 5 {
		m := manifest(n, "bgt@320000", "wjw@320500")
		d.must(ledger.Command{Submit: submission(&m, n)})
	}
	d.must(ledger.Command{Ack: &ledger.Ack{Peer: city, Class: exchange.ClassOrdinary, UpTo: 2}})
	before := d.queued(city, exchange.ClassOrdinary)
	d.must(renewal(2))

	self, _, _ := ledger.SelfOf(&d.rows)
	if self.Incarnation != 2 || self.Epoch != [16]byte{0xee, 2} {
		t.Fatalf("the domain is %+v", self)
	}
	var sequences []uint64
	var after []exchange.ID
	if err := ledger.QueueRows(&d.rows, city, exchange.ClassOrdinary, 0, func(s uint64, row ledger.QueueRow) bool {
		sequences, after = append(sequences, s), append(after, row.Exchange)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if len(after) != 3 || sequences[0] != 1 || sequences[2] != 3 {
		t.Fatalf("rows are numbered %v", sequences)
	}
	for n, row := range before {
		if row.Exchange != after[n] {
			t.Fatal("rows changed places")
		}
	}
	link, _, _ := ledger.LinkOf(&d.rows, city)
	if link.SendNext[exchange.ClassOrdinary] != 4 || link.Acked[exchange.ClassOrdinary] != 0 || link.PeerEpoch != [16]byte{} {
		t.Fatalf("the link is %+v", link)
	}
	// Rows of a session of the former life are no rows of this one.
	d.refused(ledger.Command{Receive: &ledger.Receive{Peer: city, Epoch: epochOf(city), Term: 1}}, exchange.Denied)
	life, ok, err := ledger.LifeOf(&d.rows)
	if !ok || err != nil || life.Incarnation != 2 || life.Since >= life.At && life.Since == 0 {
		t.Fatalf("the life is %+v %v %v", life, ok, err)
	}
}

func TestALifeIsBegunOnceForEachMark(t *testing.T) {
	d := found(t, province)
	first := renewal(2)
	first.Renew.Index = d.index
	if d.must(first).Replayed {
		t.Fatal("the first mark was taken for a repetition")
	}
	again := renewal(3)
	again.Renew.Token = first.Renew.Token
	if !d.must(again).Replayed {
		t.Fatal("one token began two lives")
	}
	// Another replica with the same state has a mark of its own.
	other := renewal(4)
	other.Renew.Index = first.Renew.Index
	if !d.must(other).Replayed {
		t.Fatal("a second replica's mark of the same state began another life")
	}
	later := renewal(5)
	later.Renew.Index = d.index
	if d.must(later).Replayed {
		t.Fatal("a later restore began no life")
	}
}

func TestALifeHasAHigherIncarnationAndAnEpochOfItsOwn(t *testing.T) {
	for name, spoil := range map[string]func(*ledger.Renew){
		"no token":             func(r *ledger.Renew) { r.Token = [16]byte{} },
		"no epoch":             func(r *ledger.Renew) { r.Epoch = [16]byte{} },
		"the same epoch":       func(r *ledger.Renew) { r.Epoch = epochOf(province) },
		"the same incarnation": func(r *ledger.Renew) { r.Incarnation = 1 },
		"one out of range":     func(r *ledger.Renew) { r.Incarnation = 1 << 31 },
	} {
		t.Run(name, func(t *testing.T) {
			d, c := found(t, province), renewal(2)
			spoil(c.Renew)
			d.refused(c, exchange.Invalid)
		})
	}
}

func TestANewKindOfCommandNeedsItsLevel(t *testing.T) {
	d := blank(t, province)
	b := bootstrap(province)
	b.Level = 1
	d.must(ledger.Command{Bootstrap: b})
	d.refused(renewal(2), exchange.Unavailable)
	level := uint32(2)
	d.must(ledger.Command{Level: &level})
	d.must(renewal(2))
}

func TestStatementsOfALifeAreNumberedInItsOwnRange(t *testing.T) {
	for _, c := range []struct{ number, incarnation, next uint64 }{
		{0, 1, 1}, {7, 1, 8}, {7, 2, 2<<32 + 1}, {2<<32 + 1, 2, 2<<32 + 2}, {2<<32 + 9, 5, 5<<32 + 1},
	} {
		if got := ledger.NextNumber(c.number, c.incarnation); got != c.next {
			t.Errorf("after %d in life %d comes %d, want %d", c.number, c.incarnation, got, c.next)
		}
	}
}

func TestWhatANeighbourAsksForIsShownUntilItIsStated(t *testing.T) {
	d := found(t, province)
	ask := &ledger.Asked{Peer: city, Incarnation: 2, Life: [16]byte{2}, Reason: "restored", Since: begin}
	d.must(ledger.Command{Asked: ask})
	if !d.must(ledger.Command{Asked: ask}).Replayed {
		t.Fatal("the same request was taken for another")
	}
	d.refused(ledger.Command{Asked: &ledger.Asked{Peer: county, Incarnation: 2}}, exchange.Denied)
	rows, err := ledger.AskedOf(&d.rows)
	if err != nil || len(rows) != 1 || rows[0].Incarnation != 2 || rows[0].At == 0 {
		t.Fatalf("asked: %+v %v", rows, err)
	}
	body, _ := tree()[0].Body(crypto.ContextDirectory)
	dir, err := exchange.Decode[exchange.Directory](body)
	if err != nil {
		t.Fatal(err)
	}
	dir.Number, dir.Children[1].Incarnation = 2, 2
	s := state(crypto.ContextDirectory, dir)
	d.must(ledger.Command{Statement: &ledger.Statement{Directory: &s}})
	if rows, _ := ledger.AskedOf(&d.rows); len(rows) != 0 {
		t.Fatalf("still asked: %+v", rows)
	}
}
