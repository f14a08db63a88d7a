package ledger

import (
	"encoding/binary"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// advance moves one delivery by a receipt, where the receipt supersedes what is
// known. It reports whether the receipt contradicts that instead: custody of what
// is recalled, or the recall of what is not.
func (t *txn) advance(m *exchange.Manifest, i uint16, r *exchange.Receipt, digest crypto.Digest) (contradicts bool) {
	d, ok := t.delivery(m.ID, i)
	if !ok || int(i) >= len(m.To) {
		return false
	}
	if !supersedes(r, &d, m.From.Domain(), m.To[i].Unit.Domain()) {
		return d.State == exchange.Recalled && r.State.Custody() || d.State != exchange.Recalled && r.State == exchange.Recalled
	}
	if d.State == exchange.Arriving && (r.State == exchange.Accepted || r.State == exchange.Relayed) && r.Domain != t.self.Domain {
		return false // who passed it on says nothing of what becomes of it here
	}
	ended := r.State.Final() && !d.State.Final()
	d.State, d.At, d.Where, d.Last = r.State, r.At, r.Domain, digest
	if r.State.Final() {
		d.Recall, d.Ended = false, t.now
	}
	save(t, TableDelivery, DeliveryKey(m.ID, i), d)
	if ended && m.From.Domain() == t.self.Domain {
		t.ended(m)
	}
	return false
}

// supersedes tells whether a receipt is later news than a delivery's state.
//
//   - Custody moves forward only.
//   - Once the recipient's own domain has spoken, only it goes on, or the
//     origin that gave up waiting (Expired): who passed a thing on cannot take
//     it back.
//   - A final state stays, unless somebody else presumed it and the recipient's
//     domain now says how it really ended.
func supersedes(r *exchange.Receipt, d *Delivery, origin, recipient exchange.Domain) bool {
	spoken := d.Where == recipient && d.State != exchange.Arriving
	switch {
	case !MayState(r.State, r.Domain, origin, recipient):
		return false
	case d.State.Final():
		return r.State.Final() && r.Domain == recipient && !spoken
	case spoken && d.State == exchange.Arrived && r.Domain != recipient:
		return r.State == exchange.Expired && r.Domain == origin
	}
	return r.State >= d.State
}

// MayState tells who may state what about a delivery, provided that the domain
// stands on its road: the origin that it took the exchange in, those in between
// that they passed it on, the recipient's domain how it ended. Withdrawing and
// refusing is anybody's; giving up is for those who wait.
func MayState(s exchange.State, by, origin, recipient exchange.Domain) bool {
	switch s {
	case exchange.Accepted:
		return by == origin
	case exchange.Relayed:
		return by != origin && by != recipient
	case exchange.Arrived, exchange.SignedFor, exchange.Returned:
		return by == recipient
	case exchange.Recalled, exchange.Refused:
		return true
	case exchange.Bounced, exchange.Expired:
		return by != recipient || by == origin
	}
	return false
}

func (t *txn) delivery(id exchange.ID, i uint16) (Delivery, bool) {
	return load[Delivery](t, TableDelivery, DeliveryKey(id, i))
}

// DeadlineKey is the key of TableDeadline.
func DeadlineKey(at exchange.Time, id exchange.ID) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 24), uint64(at)), id[:]...)
}

// expect remembers that deliveries of this origin are to end by NotAfter.
func (t *txn) expect(m *exchange.Manifest) {
	t.put(TableDeadline, DeadlineKey(m.NotAfter, m.ID), binary.BigEndian.AppendUint16(nil, uint16(len(m.To))))
}

// ended counts one delivery that became final; with the last, the deadline
// goes.
func (t *txn) ended(m *exchange.Manifest) {
	key := DeadlineKey(m.NotAfter, m.ID)
	raw := t.get(TableDeadline, key)
	if len(raw) != 2 {
		return
	}
	if open := binary.BigEndian.Uint16(raw) - 1; open > 0 {
		t.put(TableDeadline, key, binary.BigEndian.AppendUint16(nil, open))
		return
	}
	t.delete(TableDeadline, key)
}
