package ledger

import (
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// settle takes custody: it applies this domain's first receipts for an
// exchange, puts local deliveries into inboxes, and queues the others for
// their next hop. Precondition: every delivery is Arriving, or final because
// it was recalled meanwhile. Postcondition: none is Arriving. It writes the
// exchange row.
func (t *txn) settle(m *exchange.Manifest, ex *Exchange, receipts []crypto.Signed) Result {
	var onward []uint16
	for _, s := range receipts {
		r, ok := decodeReceipt(s)
		if !ok || !t.firstWord(m, ex, &r) {
			return refuse(exchange.Invalid, "a prepared receipt is not about this exchange")
		}
		for _, i := range r.Deliveries {
			d, ok := t.delivery(m.ID, i)
			if !ok || d.State > exchange.Accepted {
				return refuse(exchange.Stale, "delivery %d changed meanwhile", i)
			}
		}
		t.keepReceipt(m, s, &r)
		switch r.State {
		case exchange.Accepted, exchange.Relayed:
			if !t.took(ex) {
				ex.Custody = append(ex.Custody, s)
			}
			onward = append(onward, r.Deliveries...)
		case exchange.Arrived:
			t.deliver(m, r.Deliveries)
		}
	}
	for _, i := range ex.Deliveries {
		if d, _ := t.delivery(m.ID, i); d.State == exchange.Arriving {
			return refuse(exchange.Stale, "no receipt says what becomes of delivery %d", i)
		}
	}
	ex.Waiting = false
	save(t, TableExchange, ExchangeKey(m.ID), *ex)
	t.forward(m, ex, onward)
	return Result{}
}

// firstWord reports whether a prepared receipt is about this exchange and says
// what this domain may say when it takes custody.
func (t *txn) firstWord(m *exchange.Manifest, ex *Exchange, r *exchange.Receipt) bool {
	if r.Exchange != m.ID || r.Manifest != ex.Digest || r.Domain != t.self.Domain || !indexes(r.Deliveries, len(m.To)) {
		return false
	}
	switch r.State {
	case exchange.Accepted:
		return ex.Via == ""
	case exchange.Relayed, exchange.Refused:
		return ex.Via != ""
	case exchange.Arrived:
		return !slices.ContainsFunc(r.Deliveries, func(i uint16) bool { return m.To[i].Unit.Domain() != t.self.Domain })
	}
	return false
}

// forward queues an exchange for the next hops. A hop fetches the chunks that
// do not ride along.
func (t *txn) forward(m *exchange.Manifest, ex *Exchange, onward []uint16) {
	hops, _ := t.fan(m, onward)
	if len(hops) > 0 {
		t.passed(m.ID)
	}
	for _, h := range hops {
		sent := ex.Regained || ex.Via != "" && t.regaining(h.Peer) // in an earlier life, for all that is known here
		for _, row := range t.passages(m, ex, h.Deliveries) {
			row.Sent = sent
			t.enqueue(h.Peer, exchange.ClassOf(m.Urgency), row)
		}
		if !ex.Inline {
			t.put(TableOffer, pair(string(h.Peer), m.ID[:]), nil)
		}
	}
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
	seen := seenKey(m.ID, digest)
	if t.has(TableSeen, seen) {
		return false
	}
	t.put(TableSeen, seen, nil)
	save(t, TableReceipt, sequenceKey(m.ID[:], t.next(TableReceipt, m.ID[:])), s)
	var odd []uint16
	for _, i := range r.Deliveries {
		if t.advance(m, i, r, digest) {
			odd = append(odd, i)
		}
	}
	t.endOffer(m, r)
	t.sendReceipt(m, s)
	t.chase(m, odd)
	return true
}

// endOffer withdraws the chunks of an exchange from a neighbour that has them:
// whoever takes custody has, and so has every domain before it on the road. A
// neighbour that only ended some deliveries still fetches them for the others.
func (t *txn) endOffer(m *exchange.Manifest, r *exchange.Receipt) {
	if r.Domain == t.self.Domain {
		return
	}
	peer, ok := t.toward(r.Domain)
	key := pair(string(peer), m.ID[:])
	if !ok || !t.has(TableOffer, key) || len(t.get(TableOffer, key)) > 0 {
		return
	}
	if peer == r.Domain && !r.State.Custody() && t.openBeyond(m, peer) {
		return
	}
	t.delete(TableOffer, key)
}

// openBeyond reports whether any delivery that goes through peer is not final.
func (t *txn) openBeyond(m *exchange.Manifest, peer exchange.Domain) bool {
	for i, to := range m.To {
		if d, ok := t.delivery(m.ID, uint16(i)); ok && !d.State.Final() {
			if p, ok := t.toward(to.Unit.Domain()); ok && p == peer {
				return true
			}
		}
	}
	return false
}

// sendReceipt queues a receipt towards the origin, unless this is the origin.
func (t *txn) sendReceipt(m *exchange.Manifest, s crypto.Signed) {
	origin := m.From.Domain()
	if origin == t.self.Domain {
		return
	}
	if peer, ok := t.toward(origin); ok {
		t.enqueueMessage(peer, exchange.ClassControl, exchange.Message{Receipt: &s})
	}
}

func decodeReceipt(s crypto.Signed) (exchange.Receipt, bool) {
	body, ok := s.Body(crypto.ContextReceipt)
	if !ok {
		return exchange.Receipt{}, false
	}
	r, err := exchange.DecodeStored[exchange.Receipt](body)
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
