package ledger

import (
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/route"
)

// A recall stops where a station finds that the exchange has not gone further,
// and that station says RECALLED for good. One that was restored may be wrong:
// it forgot that it had passed the exchange on. Two rules keep a recall from
// ending at the wrong place:
//
//   - While the neighbour beyond has not given everything back, a restored
//     station does not conclude that a thing is not there (mayBeBeyond): the
//     recall travels on, as one that is in doubt.
//   - Where RECALLED of one station meets custody of another one further on, the
//     recall was outrun, and everybody who has it sends it on (chase). The
//     recipient's domain answers, and its word supersedes what was presumed.

// mayBeBeyond reports whether a delivery that comes from elsewhere may have been
// passed on to its next station in an earlier life.
func (t *txn) mayBeBeyond(m *exchange.Manifest, i uint16) bool {
	peer, ok := t.toward(m.To[i].Unit.Domain())
	return ok && m.From.Domain() != t.self.Domain && t.regaining(peer)
}

// regaining reports whether a neighbour still has to give back what it knows.
func (t *txn) regaining(peer exchange.Domain) bool {
	if t.self.Incarnation <= 1 {
		return false
	}
	link, _ := load[Link](t, TableLink, []byte(peer))
	return link.Regaining != 0
}

// outrun reports whether a delivery was withdrawn by a station on the way and is
// in the custody of one further on, which has not ended it.
func (t *txn) outrun(m *exchange.Manifest, i uint16) bool {
	if t.level() < 2 {
		return false
	}
	dest := m.To[i].Unit.Domain()
	road := route.Road(m.From.Domain(), dest, t.parents)
	recalled, custody := -1, -1
	t.receipts(m.ID, func(_ uint32, r *exchange.Receipt, _ crypto.Signed) {
		at := slices.Index(road, r.Domain)
		switch {
		case !r.Covers(i):
		case r.State.Custody():
			custody = max(custody, at)
		case r.Domain == dest: // it says how it ended
			recalled = len(road)
		case r.State == exchange.Recalled:
			recalled = max(recalled, at)
		}
	})
	return recalled >= 0 && custody > recalled
}

// chase sends the recalls that are kept here after what outran them. deliveries
// are those of a new receipt that contradicts what was known.
func (t *txn) chase(m *exchange.Manifest, deliveries []uint16) {
	var out []uint16
	for _, i := range deliveries {
		if m.To[i].Unit.Domain() != t.self.Domain && t.outrun(m, i) {
			out = append(out, i)
		}
	}
	if len(out) > 0 {
		t.passRecalls(m, out)
	}
}

// recallBehind sends the recalls that came while an exchange still arrived after
// it, when it is passed on at last.
func (t *txn) recallBehind(m *exchange.Manifest, ex *Exchange) {
	if t.level() < 2 || t.self.Incarnation <= 1 { // else nothing that is recalled goes on
		return
	}
	var out []uint16
	for _, i := range ex.Deliveries {
		if d, ok := t.delivery(m.ID, i); ok && d.WaitsHere(t.self.Domain) && m.To[i].Unit.Domain() != t.self.Domain {
			out = append(out, i)
		}
	}
	if len(out) > 0 {
		t.passRecalls(m, out)
	}
}

// passRecalls passes on what is kept of recalls, as far as it is about these
// deliveries.
func (t *txn) passRecalls(m *exchange.Manifest, deliveries []uint16) {
	for _, s := range t.notices(m.ID) {
		n, ok := decodeNotice(s)
		if !ok || n.Kind != exchange.Recall {
			continue
		}
		t.passNotice(m, s, slices.DeleteFunc(slices.Clone(deliveries), func(i uint16) bool { return !slices.Contains(n.Deliveries, i) }))
	}
}
