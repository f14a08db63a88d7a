package ledger

import (
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// The deliveries of an exchange come together and go on together, by one road of
// custody receipts, which Exchange.Custody keeps. Only where a domain forgot a
// part do the others come later: an origin forgot that it had withdrawn a
// delivery before it was sent, and sends it after the rest. Then each has
// receipts of its own, and is passed on with those.

// Mixed reports whether its deliveries may have come by different receipts.
func (e *Exchange) Mixed() bool { return e.Parts || e.Regained }

// RoadFor finds the custody receipts by which one delivery came to a domain, the
// origin's first: those of the exchange, unless they do not cover it. receipts
// are all that are known.
func RoadFor(sum func(...[]byte) crypto.Digest, ex *Exchange, receipts []crypto.Signed, self, origin exchange.Domain, i uint16) []crypto.Signed {
	road := came(ex, self)
	covers := func(s crypto.Signed) bool { r, ok := decodeReceipt(s); return ok && r.Covers(i) }
	if !slices.ContainsFunc(road, func(s crypto.Signed) bool { return !covers(s) }) {
		return road
	}
	about := slices.DeleteFunc(slices.Clone(receipts), func(s crypto.Signed) bool { return !covers(s) })
	if own := Road(sum, about, self, origin, ex.Via); len(own) > 0 {
		return own
	}
	return road
}

// came leaves out what the domain itself said beyond the origin's receipt.
func came(ex *Exchange, self exchange.Domain) []crypto.Signed {
	if n := len(ex.Custody); n > 1 {
		if r, ok := decodeReceipt(ex.Custody[n-1]); ok && r.Domain == self {
			return ex.Custody[:n-1]
		}
	}
	return ex.Custody
}

// upTo returns the digest of the receipt by which a delivery came here. more are
// receipts that are not stored yet.
func (t *txn) upTo(m *exchange.Manifest, ex *Exchange, more []crypto.Signed, i uint16) crypto.Digest {
	road := RoadFor(t.sum, ex, slices.Concat(more, t.known(m.ID)), t.self.Domain, m.From.Domain(), i)
	return t.sum(road[len(road)-1].Bytes)
}

// passages makes the rows that pass deliveries on: one, unless they came by
// different receipts.
func (t *txn) passages(m *exchange.Manifest, ex *Exchange, deliveries []uint16) (rows []QueueRow) {
	if !ex.Mixed() || t.oneRoad(ex, deliveries) {
		return []QueueRow{{Exchange: m.ID, Deliveries: deliveries}}
	}
	for _, i := range deliveries {
		road := t.passage(m.ID, i)
		at := slices.IndexFunc(rows, func(q QueueRow) bool { return slices.Equal(q.Road, road) })
		if at < 0 {
			at = len(rows)
			rows = append(rows, QueueRow{Exchange: m.ID, Road: road})
		}
		rows[at].Deliveries = append(rows[at].Deliveries, i)
	}
	return rows
}

// oneRoad reports whether the receipts that the exchange keeps are those of all
// these deliveries.
func (t *txn) oneRoad(ex *Exchange, deliveries []uint16) bool {
	return !slices.ContainsFunc(ex.Custody, func(s crypto.Signed) bool {
		r, ok := decodeReceipt(s)
		return !ok || slices.ContainsFunc(deliveries, func(i uint16) bool { return !r.Covers(i) })
	})
}

// passage lists, by their numbers of arrival, the custody receipts with which a
// delivery is passed on: from this domain's own back to ACCEPTED. It is nil when
// they are not here.
func (t *txn) passage(id exchange.ID, i uint16) (road []uint32) {
	type stored struct {
		number uint32
		prev   crypto.Digest
	}
	by := map[crypto.Digest]stored{}
	var at crypto.Digest
	t.receipts(id, func(n uint32, r *exchange.Receipt, s crypto.Signed) {
		if !r.Covers(i) || r.State != exchange.Accepted && r.State != exchange.Relayed {
			return
		}
		digest := t.sum(s.Bytes)
		by[digest] = stored{n, r.Prev}
		if r.Domain == t.self.Domain {
			at = digest
		}
	})
	for range len(by) {
		s, ok := by[at]
		if !ok {
			return nil
		}
		road = append([]uint32{s.number}, road...)
		if at = s.prev; at.IsZero() {
			return road
		}
	}
	return nil
}

// HasContent reports whether the content of an exchange is in a domain's
// keeping: it came along, or the domain took custody of some of it. receipts are
// all that are known.
func HasContent(ex *Exchange, receipts []crypto.Signed, self exchange.Domain) bool {
	return ex.Inline || slices.ContainsFunc(receipts, func(s crypto.Signed) bool {
		r, ok := decodeReceipt(s)
		return ok && r.Domain == self && r.State.Custody()
	})
}

func (t *txn) hasContent(ex *Exchange, id exchange.ID) bool {
	return HasContent(ex, t.known(id), t.self.Domain)
}

// known lists the receipts of an exchange in the order in which they came.
func (t *txn) known(id exchange.ID) (out []crypto.Signed) {
	t.receipts(id, func(_ uint32, _ *exchange.Receipt, s crypto.Signed) { out = append(out, s) })
	return out
}
