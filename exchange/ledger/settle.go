package ledger

import (
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/route"
)

// settle takes custody: it applies this domain's first receipts for an
// exchange, puts local deliveries into inboxes, and queues the others for
// their next hop. Precondition: every covered delivery is Arriving, or
// Accepted by an earlier one of the receipts. It writes the exchange row.
func (t *txn) settle(m *exchange.Manifest, ex *Exchange, receipts []crypto.Signed) Result {
	var onward []uint16
	for _, s := range receipts {
		r, ok := decodeReceipt(s)
		if !ok || r.Exchange != m.ID || r.Manifest != ex.Digest || r.Domain != t.self.Domain {
			return refuse(exchange.Invalid, "a prepared receipt is not about this exchange")
		}
		for _, i := range r.Deliveries {
			d, ok := load[Delivery](t, TableDelivery, DeliveryKey(m.ID, i))
			if !ok || d.State > exchange.Accepted {
				return refuse(exchange.Stale, "delivery %d changed meanwhile", i)
			}
		}
		t.keepReceipt(m, s, &r)
		switch r.State {
		case exchange.Accepted, exchange.Relayed:
			ex.Custody = append(ex.Custody, s)
			onward = append(onward, r.Deliveries...)
		case exchange.Arrived:
			t.deliver(m, r.Deliveries)
		}
	}
	ex.Waiting = false
	save(t, TableExchange, ExchangeKey(m.ID), *ex)
	hops, _, _ := route.Fan(t.self.Domain, m.To, onward, t.parents)
	for _, h := range hops {
		t.enqueue(h.Peer, exchange.ClassOf(m.Urgency), QueueRow{Exchange: m.ID, Deliveries: h.Deliveries})
		if !ex.Inline {
			t.put(TableOffer, pair(string(h.Peer), m.ID[:]), nil)
		}
	}
	return Result{}
}

// deliver puts local deliveries into their units' inboxes.
func (t *txn) deliver(m *exchange.Manifest, deliveries []uint16) {
	for _, i := range deliveries {
		key := UnitKey(m.To[i].Unit, m.ID[:])
		have, _ := load[[]uint16](t, TableInbox, key)
		if !slices.Contains(have, i) {
			save(t, TableInbox, key, append(have, i))
		}
	}
}

// keepReceipt stores a receipt once, moves the deliveries it speaks of, and
// sends it on towards the origin. It reports whether the receipt was new.
func (t *txn) keepReceipt(m *exchange.Manifest, s crypto.Signed, r *exchange.Receipt) bool {
	digest := t.sum(s.Bytes)
	seen := pair("", digest[:])
	if t.has(TableSeen, seen) {
		return false
	}
	t.put(TableSeen, seen, nil)
	save(t, TableReceipt, sequenceKey(m.ID[:], t.next(TableReceipt, m.ID[:])), s)
	for _, i := range r.Deliveries {
		t.advance(m, i, r, digest)
	}
	if peer, ok := route.Next(t.self.Domain, r.Domain, t.parents); ok && (peer == r.Domain || r.State.Final()) {
		t.delete(TableOffer, pair(string(peer), m.ID[:])) // the neighbour has the chunks, or needs them no more
	}
	t.sendReceipt(m, s)
	return true
}

// sendReceipt queues a receipt towards the origin, unless this is the origin.
func (t *txn) sendReceipt(m *exchange.Manifest, s crypto.Signed) {
	origin := m.From.Domain()
	if origin == t.self.Domain {
		return
	}
	if peer, ok := route.Next(t.self.Domain, origin, t.parents); ok {
		t.enqueueMessage(peer, exchange.ClassControl, exchange.Message{Receipt: &s})
	}
}

// advance moves one delivery by a receipt. Custody moves forward only; a final
// state stays, unless it was only presumed by a body other than the
// recipient's, and the recipient's own domain now speaks.
func (t *txn) advance(m *exchange.Manifest, i uint16, r *exchange.Receipt, digest crypto.Digest) {
	key := DeliveryKey(m.ID, i)
	d, ok := load[Delivery](t, TableDelivery, key)
	if !ok || int(i) >= len(m.To) {
		return
	}
	if !supersedes(r, d, m.To[i].Unit.Domain()) {
		return
	}
	d.State, d.At, d.Where, d.Last = r.State, r.At, r.Domain, digest
	if r.State.Final() {
		d.Recall = false
	}
	save(t, TableDelivery, key, d)
}

func supersedes(r *exchange.Receipt, d Delivery, recipient exchange.Domain) bool {
	if d.State.Final() {
		return r.State.Final() && r.Domain == recipient && d.Where != recipient
	}
	return r.State >= d.State
}

func decodeReceipt(s crypto.Signed) (exchange.Receipt, bool) {
	body, ok := s.Body(crypto.ContextReceipt)
	if !ok {
		return exchange.Receipt{}, false
	}
	r, err := exchange.Decode[exchange.Receipt](body)
	return r, err == nil
}

func (t *txn) decided(id exchange.ID, row DecisionRow) {
	save(t, TableDecision, sequenceKey(id[:], t.next(TableDecision, id[:])), row)
}

func (t *txn) count(exchanges, held int) {
	c, _ := load[Counts](t, TableMeta, keyCounts)
	c.Exchanges += uint64(exchanges)
	c.Held += uint64(held)
	save(t, TableMeta, keyCounts, c)
}
