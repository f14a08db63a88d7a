package ledger

import (
	"slices"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// What became of an exchange may be known before the exchange comes: its recall
// overtook it, because it was held on the way or is sent again, or an officer
// gave up an envelope that cannot be stored. A tombstone remembers it.

const (
	// TombLife is how long a tombstone waits for its exchange: longer than an
	// exchange lives by default.
	TombLife = 45 * 24 * time.Hour
	// MostTombs bounds them; what is beyond is held for an officer to see.
	MostTombs  = 10_000
	tombsSwept = 16 // looked at for each new one, from its place on: ids spread by time and chance
)

// Tomb is what is known of an exchange that has not come yet.
type Tomb struct {
	Manifest   crypto.Digest   `cbor:"1,keyasint"`           // the exchange that it is about, and no other of its id
	Deliveries []uint16        `cbor:"2,keyasint,omitempty"` // recalled
	Notice     crypto.Signed   `cbor:"3,keyasint,omitzero"`  // the latest recall
	Refused    []crypto.Signed `cbor:"4,keyasint,omitempty"` // what the neighbour was answered
	Until      exchange.Time   `cbor:"5,keyasint"`
}

// TombOf returns the tombstone of an exchange; false when there is none, it is
// of another manifest, or its time has passed.
func TombOf(r Reader, id exchange.ID, manifest crypto.Digest) (Tomb, bool, error) {
	tomb, ok, err := Get[Tomb](r, TableTomb, ExchangeKey(id))
	return tomb, ok && tomb.Manifest == manifest && tomb.Until >= TimeOf(r), err
}

// Covered splits deliveries into those that a tombstone covers and the others.
func (b *Tomb) Covered(deliveries []uint16) (gone, rest []uint16) {
	for _, i := range deliveries {
		if slices.Contains(b.Deliveries, i) {
			gone = append(gone, i)
		} else {
			rest = append(rest, i)
		}
	}
	return gone, rest
}

// early keeps a recall whose exchange is not here. An urge of what is not here
// has nobody to urge.
func (t *txn) early(peer exchange.Domain, row *ReceivedRow, s crypto.Signed, n *exchange.Notice) Result {
	if n.Kind != exchange.Recall {
		return Result{}
	}
	tomb, ok := load[Tomb](t, TableTomb, ExchangeKey(n.Exchange))
	if ok && tomb.Manifest != n.Manifest {
		return t.holdFor(peer, row, "a recall of an exchange that was recalled before as another manifest")
	}
	tomb.Manifest, tomb.Notice = n.Manifest, s
	for _, i := range n.Deliveries {
		if !slices.Contains(tomb.Deliveries, i) {
			tomb.Deliveries = append(tomb.Deliveries, i)
		}
	}
	if !t.bury(n.Exchange, tomb) {
		return t.holdFor(peer, row, "a recall before its exchange, and too many of them wait already")
	}
	t.note(Event{Kind: EventNotice, Exchange: n.Exchange, Unit: n.From, Person: n.Person, Digest: t.sum(s.Bytes)})
	return Result{}
}

// bury stores a tombstone and clears away a few whose time has passed. It
// reports false when there are too many.
func (t *txn) bury(id exchange.ID, tomb Tomb) bool {
	t.sweepTombs(ExchangeKey(id))
	c, _ := load[Counts](t, TableMeta, keyCounts)
	if !t.has(TableTomb, ExchangeKey(id)) {
		if c.Tombs >= MostTombs {
			return false
		}
		c.Tombs++
		save(t, TableMeta, keyCounts, c)
	}
	tomb.Until = t.now.Add(TombLife)
	save(t, TableTomb, ExchangeKey(id), tomb)
	return true
}

func (t *txn) unbury(id exchange.ID) {
	t.delete(TableTomb, ExchangeKey(id))
	c, _ := load[Counts](t, TableMeta, keyCounts)
	c.Tombs--
	save(t, TableMeta, keyCounts, c)
}

func (t *txn) sweepTombs(from []byte) {
	var out []exchange.ID
	look := func(k, raw []byte) {
		if b, err := exchange.DecodeStored[Tomb](raw); err == nil && b.Until < t.now && !t.changed(TableTomb, k) {
			out = append(out, exchange.ID(k))
		}
	}
	n := 0
	t.r.Scan(TableTomb, nil, nil, func(k, raw []byte) bool { look(k, raw); n++; return n < tombsSwept }) // the oldest
	t.r.Scan(TableTomb, nil, from, func(k, raw []byte) bool { look(k, raw); n++; return n < 2*tombsSwept })
	for _, id := range slices.CompactFunc(out, func(a, b exchange.ID) bool { return a == b }) {
		if t.has(TableTomb, ExchangeKey(id)) {
			t.unbury(id)
		}
	}
}

// buried is what a tombstone says to the exchange when it comes: the refusal
// that was signed for it, or RECALLED for the deliveries that were withdrawn.
// done is true when nothing is left to do.
func (t *txn) buried(peer exchange.Domain, m *exchange.Manifest, ex *Exchange, recalled []crypto.Signed) (done bool, res Result) {
	tomb, ok := load[Tomb](t, TableTomb, ExchangeKey(m.ID))
	if !ok || tomb.Manifest != ex.Digest || tomb.Until < t.now {
		return false, Result{}
	}
	gone, _ := tomb.Covered(ex.Deliveries)
	for _, s := range recalled {
		r, ok := decodeReceipt(s)
		if !ok || r.State != exchange.Recalled || r.Exchange != m.ID || r.Manifest != ex.Digest || r.Domain != t.self.Domain || !slices.Equal(r.Deliveries, gone) {
			return false, refuse(exchange.Stale, "what was recalled before it came changed meanwhile")
		}
		t.keepReceipt(m, s, &r)
		t.note(Event{Kind: EventRecalled, Exchange: m.ID, Domain: peer, Digest: t.sum(s.Bytes)})
	}
	for _, i := range gone {
		if d, _ := t.delivery(m.ID, i); d.State == exchange.Arriving {
			return false, refuse(exchange.Stale, "delivery %d was recalled before it came", i)
		}
	}
	t.unbury(m.ID)
	if t.beyondHere(m, gone) {
		t.keepNotice(m.ID, tomb.Notice)
	}
	if len(gone) < len(ex.Deliveries) {
		return false, Result{}
	}
	ex.Waiting = false
	save(t, TableExchange, ExchangeKey(m.ID), *ex)
	return true, Result{}
}

// refusedBefore answers an exchange that an officer gave up, if it comes again,
// with what was signed then.
func (t *txn) refusedBefore(peer exchange.Domain, id exchange.ID, manifest crypto.Digest) bool {
	tomb, ok := load[Tomb](t, TableTomb, ExchangeKey(id))
	if !ok || tomb.Manifest != manifest || len(tomb.Refused) == 0 {
		return false
	}
	for _, s := range tomb.Refused {
		t.enqueueMessage(peer, exchange.ClassControl, exchange.Message{Receipt: &s})
	}
	return true
}

// answer refuses a held envelope that cannot be stored. Its sender is told, and
// is told the same if it sends it again.
func (t *txn) answer(peer exchange.Domain, s crypto.Signed) Result {
	r, ok := decodeReceipt(s)
	if !ok || r.State != exchange.Refused || r.Domain != t.self.Domain || r.Exchange.IsZero() {
		return refuse(exchange.Invalid, "the receipt does not refuse what is held")
	}
	tomb, _ := load[Tomb](t, TableTomb, ExchangeKey(r.Exchange))
	if t.has(TableExchange, ExchangeKey(r.Exchange)) || len(tomb.Refused) > 0 && tomb.Manifest != r.Manifest {
		return refuse(exchange.Conflict, "exchange %s came meanwhile, or was refused as another manifest", r.Exchange)
	}
	tomb.Manifest, tomb.Refused = r.Manifest, append(tomb.Refused, s)
	if !t.bury(r.Exchange, tomb) {
		return refuse(exchange.Exhausted, "too many exchanges were refused before they came; try again in some days")
	}
	t.enqueueMessage(peer, exchange.ClassControl, exchange.Message{Receipt: &s})
	return Result{}
}
