package ledger_test

import (
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// greet opens a link for a life of a peer.
func (d *domain) greet(peer exchange.Domain, incarnation uint64, life byte) {
	d.Helper()
	d.must(ledger.Command{Open: &ledger.OpenLink{Peer: peer, Incarnation: incarnation, Term: 1, Epoch: [16]byte{life}, Life: [16]byte{life}}})
}

// meet opens a link with a peer in its first life.
func (d *domain) meet(peer exchange.Domain) {
	d.Helper()
	d.must(ledger.Command{Open: &ledger.OpenLink{Peer: peer, Incarnation: 1, Term: 1, Epoch: epochOf(peer)}})
}

// walkOn takes steps until nothing is owed, and tells how many.
func (d *domain) walkOn() (steps int) {
	d.Helper()
	for {
		list, err := ledger.Owed(&d.rows, 1<<20)
		if err != nil {
			d.Fatal(err)
		}
		if len(list) == 0 {
			return steps
		}
		for _, w := range list {
			d.must(ledger.Command{Walk: &w})
			steps++
		}
	}
}

// back decodes what a row gives back, as the pipeline builds it.
func (d *domain) back(q *ledger.QueueRow) exchange.Back {
	d.Helper()
	ex, _, err := ledger.Find(&d.rows, q.Exchange)
	if err != nil {
		d.Fatal(err)
	}
	b := exchange.Back{Manifest: ex.Manifest, Deliveries: q.Deliveries}
	for _, n := range q.Back {
		s, ok, _ := ledger.ReceiptAt(&d.rows, q.Exchange, n)
		if !ok {
			d.Fatalf("receipt %d is not stored", n)
		}
		b.Receipts = append(b.Receipts, s)
	}
	if ex.Inline {
		b.Inline = [][]byte{d.rows.Get(ledger.TableInline, ledger.InlineKey(q.Exchange, 0))}
	}
	return b
}

func (d *domain) lastReceipt(id exchange.ID) crypto.Signed {
	all, err := ledger.Receipts(&d.rows, id)
	if err != nil || len(all) == 0 {
		d.Fatalf("no receipts of %s: %v", id, err)
	}
	return all[len(all)-1]
}

func TestANewLifeOfAPeerIsToldEverythingInTheOrderOfAcceptance(t *testing.T) {
	d := found(t, province)
	var ms []exchange.Manifest
	for n := range 4 {
		ms = append(ms, manifest(n, "bgt@320000", "wjw@320500"))
		d.must(ledger.Command{Submit: submission(&ms[n], n)})
	}
	d.must(ledger.Command{Ack: &ledger.Ack{Peer: city, Class: exchange.ClassOrdinary, UpTo: 3}})
	d.hear(&ms[1], says{exchange.Arrived, city}) // the others may have been lost with the city
	d.greet(city, 2, 9)
	m := manifest(4, "bgt@320000", "wjw@320500") // accepted meanwhile: its turn comes
	d.must(ledger.Command{Submit: submission(&m, 4)})
	if n := len(d.queued(city, exchange.ClassOrdinary)); n != 0 {
		t.Fatalf("%d rows overtake what is owed", n)
	}
	d.walkOn()
	rows := d.queued(city, exchange.ClassOrdinary)
	if len(rows) != 6 {
		t.Fatalf("%d rows are queued, want five exchanges and the end", len(rows))
	}
	for n, row := range rows[:5] {
		if row.Exchange != idOf(n) || (row.Back != nil) != (n == 1) {
			t.Errorf("row %d is %s, given back: %v", n, row.Exchange, row.Back != nil)
		}
	}
	for class := range exchange.Class(exchange.ClassCount) {
		q := d.queued(city, class)
		msg, err := exchange.Decode[exchange.Message](q[len(q)-1].Message)
		if err != nil || msg.Back == nil || msg.Back.Done != [16]byte{9} {
			t.Errorf("class %d does not end with the word that this was all", class)
		}
	}
	link, _, _ := ledger.LinkOf(&d.rows, city)
	if link.Walk != nil || link.Resyncs != 1 || ledger.Numbering(ledger.Self{Epoch: epochOf(province)}, link) == epochOf(province) {
		t.Fatalf("the link is %+v", link)
	}
}

func TestAWalkTakesBoundedSteps(t *testing.T) {
	d := found(t, province)
	for n := range 600 {
		m := manifest(n, "bgt@320000", "wjw@320500")
		d.must(ledger.Command{Submit: submission(&m, n)})
	}
	d.greet(city, 2, 9)
	if steps := d.walkOn(); steps < 3 {
		t.Fatalf("600 exchanges were told in %d steps", steps)
	}
	if n := len(d.queued(city, exchange.ClassOrdinary)); n != 601 {
		t.Fatalf("%d rows", n)
	}
}

func TestWhatANumberingSaidDoesNotCountInTheNext(t *testing.T) {
	d := found(t, province)
	before := epochOf(province)
	d.greet(city, 2, 9)
	d.walkOn()
	d.refused(ledger.Command{Ack: &ledger.Ack{Peer: city, Class: exchange.ClassControl, UpTo: 1, Epoch: before}}, exchange.Denied)
	// The peer's own numbering does not go back either: ours began after its.
	link, _, _ := ledger.LinkOf(&d.rows, city)
	theirs := sum([]byte("yizhan/numbering/v1"), []byte{9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, before[:])
	open := ledger.OpenLink{Peer: city, Incarnation: 2, Term: 1, Epoch: [16]byte(theirs[:16]), Life: link.PeerLife}
	d.must(ledger.Command{Open: &open})
	open.Epoch = [16]byte{9}
	d.refused(ledger.Command{Open: &open}, exchange.Denied)
}

func TestTwoLivesUnderOneIncarnationAreRefused(t *testing.T) {
	d := found(t, province)
	d.refused(ledger.Command{Open: &ledger.OpenLink{Peer: city, Incarnation: 1, Term: 9, Epoch: [16]byte{9}}}, exchange.Denied)
}

// restoredRecipient is the city, to which the province gives back an exchange
// that a unit had signed for.
func restoredRecipient(t *testing.T) (d *domain, m exchange.Manifest, b exchange.Back) {
	p := found(t, province)
	m = manifest(1, "bgt@320000", "wjw@320500")
	p.must(ledger.Command{Submit: submission(&m, 1)})
	p.hear(&m, says{exchange.Arrived, city})
	p.hear(&m, says{exchange.SignedFor, city})
	p.greet(city, 2, 9)
	p.walkOn()
	b = p.back(&p.queued(city, exchange.ClassOrdinary)[0])
	d = found(t, city)
	d.must(renewal(2))
	d.meet(province)
	return d, m, b
}

func TestARestoredDomainTakesBackWhatItSignedFor(t *testing.T) {
	d, m, b := restoredRecipient(t)
	if res := d.carry(province, exchange.ClassOrdinary, exchange.Message{Back: &b}); res.Code != "" {
		t.Fatal(res.Message)
	}
	if s := d.stateOf(m.ID, 0); s != exchange.SignedFor {
		t.Fatalf("it is %s", s)
	}
	if in, _ := ledger.InboxDeliveries(&d.rows, "wjw@320500", m.ID); len(in) != 1 {
		t.Fatal("it is not in the inbox")
	}
	signed := d.lastReceipt(m.ID)
	res := d.do(ledger.Command{Act: &ledger.Act{Receipt: receipt(&m, exchange.Returned, city, digest(signed), 0)}})
	if res.Code != exchange.Conflict {
		t.Fatalf("what was signed for was returned: %+v", res)
	}
	res = d.must(ledger.Command{Act: &ledger.Act{Receipt: receipt(&m, exchange.SignedFor, city, digest(signed), 0)}})
	if !res.Replayed || digest(res.Receipts[0]) != digest(signed) {
		t.Fatal("signing again does not give the original receipt")
	}
	before := dump(&d.rows, ledger.TableReceipt)
	d.carry(province, exchange.ClassOrdinary, exchange.Message{Back: &b})
	if string(before) != string(dump(&d.rows, ledger.TableReceipt)) {
		t.Fatal("taking it back twice changed something")
	}
}

func TestNothingOldIsSignedForBeforeTheNeighbourGaveEverythingBack(t *testing.T) {
	d := found(t, city)
	m := manifest(1, "bgt@320000", "wjw@320500")
	accepted := receipt(&m, exchange.Accepted, province, crypto.Digest{}, 0)
	arrived := receipt(&m, exchange.Arrived, city, digest(accepted), 0)
	d.carry(province, exchange.ClassOrdinary, exchange.Message{Envelope: &exchange.Envelope{Manifest: signedManifest(&m), Deliveries: []uint16{0},
		Custody: []crypto.Signed{accepted}, Inline: inline(1)}}, arrived)
	d.must(renewal(2))
	d.meet(province)
	act := ledger.Command{Act: &ledger.Act{Receipt: receipt(&m, exchange.SignedFor, city, digest(arrived), 0)}}
	d.refused(act, exchange.Unavailable)
	for class := range exchange.Class(exchange.ClassCount) {
		d.refused(act, exchange.Unavailable)
		d.carry(province, class, exchange.Message{Back: &exchange.Back{Done: [16]byte{0xee, 2}}})
	}
	d.must(act)
}

func TestAnOriginTakesBackWhatItAcceptedAndForwardsWhatNobodyHas(t *testing.T) {
	p := found(t, province)
	m := manifest(1, "bgt@320000", "wjw@320500", "wjw@320582")
	p.must(ledger.Command{Submit: submission(&m, 1)})
	accepted := p.lastReceipt(m.ID)
	relayed := receipt(&m, exchange.Relayed, city, digest(accepted), 1)
	p = found(t, province) // restored from before
	p.must(renewal(2))
	p.meet(city)
	b := exchange.Back{Manifest: signedManifest(&m), Deliveries: []uint16{1}, Receipts: []crypto.Signed{accepted, relayed}, Inline: inline(1)}
	if res := p.carry(city, exchange.ClassControl, exchange.Message{Back: &b}); res.Code != "" {
		t.Fatal(res.Message)
	}
	if a, r := p.stateOf(m.ID, 0), p.stateOf(m.ID, 1); a != exchange.Accepted || r != exchange.Relayed {
		t.Fatalf("deliveries are %s and %s", a, r)
	}
	var row ledger.QueueRow
	for _, q := range p.queued(city, exchange.ClassOrdinary) {
		if q.Exchange == m.ID {
			row = q
		}
	}
	if len(row.Deliveries) != 1 || row.Deliveries[0] != 0 || !row.Sent {
		t.Fatalf("what nobody has is queued as %+v", row)
	}
	found := false
	ledger.Due(&p.rows, m.NotAfter, func(id exchange.ID) bool { found = found || id == m.ID; return true })
	if !found || !p.has(ledger.TableOutbox, ledger.UnitKey("bgt@320000", m.ID[:])) {
		t.Fatal("it has no deadline, or is in no outbox")
	}
}

func (d *domain) has(table ledger.Table, key []byte) bool { return d.rows.Get(table, key) != nil }

func TestWhatIsGivenBackWithoutAReceiptOfThisOriginIsSetAside(t *testing.T) {
	p := found(t, province)
	p.must(renewal(2))
	p.meet(city)
	m := manifest(1, "bgt@320000", "wjw@320500")
	b := exchange.Back{Manifest: signedManifest(&m), Deliveries: []uint16{0}, Inline: inline(1)}
	p.carry(city, exchange.ClassControl, exchange.Message{Back: &b})
	if held, _ := ledger.Held(&p.rows, city); len(held) != 1 || p.has(ledger.TableExchange, ledger.ExchangeKey(m.ID)) {
		t.Fatal("an exchange that the domain never accepted was taken for its own")
	}
}

// waitingRelay is the city, that began a new life before it took custody of an
// exchange whose chunks are still at the county, and was then given back by the
// sibling what it had said of it. The chunks were lost.
func waitingRelay(t *testing.T) (*domain, exchange.Manifest) {
	d := found(t, city)
	m := manifest(1, "wjw@320582", "wjw@320583")
	accepted := receipt(&m, exchange.Accepted, county, crypto.Digest{}, 0)
	d.carry(county, exchange.ClassOrdinary, exchange.Message{Envelope: &exchange.Envelope{Manifest: signedManifest(&m), Deliveries: []uint16{0}, Custody: []crypto.Signed{accepted}}})
	d.must(renewal(2))
	d.meet(sibling)
	b := exchange.Back{Manifest: signedManifest(&m), Deliveries: []uint16{0}, Receipts: []crypto.Signed{accepted, receipt(&m, exchange.Relayed, city, digest(accepted), 0)}}
	d.carry(sibling, exchange.ClassControl, exchange.Message{Back: &b})
	for class := range exchange.Class(exchange.ClassCount) {
		d.carry(sibling, class, exchange.Message{Back: &exchange.Back{Done: [16]byte{0xee, 2}}})
	}
	return d, m
}

func TestWhatWaitsForLostContentIsGivenBackAllTheSame(t *testing.T) {
	d, m := waitingRelay(t)
	if ex, _, _ := ledger.Find(&d.rows, m.ID); !ex.Waiting || d.stateOf(m.ID, 0) != exchange.Relayed {
		t.Fatalf("waiting %v, %s", ex.Waiting, d.stateOf(m.ID, 0))
	}
	d.greet(county, 2, 9)                                // it forgot that it ever sent it
	d.pass(ledger.TimeOf(&d.rows).Add(11 * time.Minute)) // the province gives nothing back
	d.walkOn()
	for _, q := range d.queued(county, exchange.ClassControl) {
		if q.Exchange == m.ID && len(d.back(&q).Receipts) == 2 {
			return
		}
	}
	t.Fatal("an exchange is not given back to the domain that sent it, because its chunks are lost")
}

func TestWhoLacksTheContentOfWhatItGivesBackLooksForItThere(t *testing.T) {
	d := found(t, city)
	d.must(renewal(2))
	d.meet(sibling)
	m := manifest(1, "wjw@320582", "wjw@320583")
	accepted := receipt(&m, exchange.Accepted, county, crypto.Digest{}, 0)
	relayed := receipt(&m, exchange.Relayed, city, digest(accepted), 0)
	b := exchange.Back{Manifest: signedManifest(&m), Deliveries: []uint16{0}, Receipts: []crypto.Signed{accepted, relayed}}
	d.carry(sibling, exchange.ClassControl, exchange.Message{Back: &b})
	d.greet(county, 2, 9) // it forgot that it ever sent it, and may have the content
	d.pass(ledger.TimeOf(&d.rows).Add(11 * time.Minute))
	d.walkOn()
	for _, peer := range []exchange.Domain{county, sibling} {
		found := false
		ledger.Waiting(&d.rows, peer, func(id exchange.ID) bool { found = id == m.ID; return !found })
		if !found {
			t.Errorf("nobody looks for its chunks at %s", peer)
		}
	}
	var row ledger.QueueRow
	for _, q := range d.queued(county, exchange.ClassControl) {
		if q.Exchange == m.ID {
			row = q
		}
	}
	if !row.Lacks {
		t.Error("it is given back as if its chunks were here")
	}
	// And who gets it back offers them, whichever side it came from.
	e := found(t, sibling)
	e.must(renewal(2))
	e.meet(city)
	b.Receipts, b.Lacks = append(b.Receipts, receipt(&m, exchange.Arrived, sibling, digest(relayed), 0)), true
	e.carry(city, exchange.ClassOrdinary, exchange.Message{Back: &b})
	offered := false
	ledger.Offered(&e.rows, city, func(id exchange.ID) bool { offered = id == m.ID; return !offered })
	if !offered {
		t.Error("what the sibling may still have is not on offer to the city")
	}
}
