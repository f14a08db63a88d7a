package ledger

import (
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// notice applies the origin's own recall or urge.
func (t *txn) notice(c *Notice) Result {
	n, ok := decodeNotice(c.Notice)
	if !ok {
		return refuse(exchange.Invalid, "the notice cannot be read")
	}
	ex, m, res := t.open(n.Exchange)
	if res.Code != "" {
		return res
	}
	if ex.Via != "" || n.From != m.From || n.Manifest != ex.Digest || !indexes(n.Deliveries, len(m.To)) {
		return refuse(exchange.Conflict, "only the sender recalls or urges, for its own recipients")
	}
	var onward []uint16
	for _, i := range n.Deliveries {
		here, res := t.noticeOne(m, &n, i, c.Receipts, c.Voids)
		if res.Code != "" {
			return res
		}
		if !here {
			t.markRecall(m.ID, i, n.Kind)
			onward = append(onward, i)
		}
	}
	t.passNotice(m, c.Notice, onward)
	t.keepNotice(m.ID, c.Notice)
	t.note(Event{Kind: EventNotice, Exchange: m.ID, Unit: n.From, Person: n.Person, Digest: t.sum(c.Notice.Bytes)})
	return Result{Exchange: m.ID}
}

func (t *txn) markRecall(id exchange.ID, i uint16, kind exchange.NoticeKind) {
	if kind != exchange.Recall {
		return
	}
	if d, ok := t.delivery(id, i); ok {
		d.Recall = true
		save(t, TableDelivery, DeliveryKey(id, i), d)
	}
}

// noticed applies a recall or an urge to local deliveries and passes it on to
// the others. What is still arriving is withdrawn here.
func (t *txn) noticed(peer exchange.Domain, row *ReceivedRow, s crypto.Signed) Result {
	n, ok := decodeNotice(s)
	if !ok {
		return t.hold(peer, row)
	}
	ex, m, res := t.open(n.Exchange)
	if was, gone := t.gone(n.Exchange); gone && was == n.Manifest {
		return Result{}
	}
	if res.Code == exchange.NotFound {
		return t.early(peer, row, s, &n)
	}
	if res.Code != "" || n.Manifest != ex.Digest {
		return t.holdFor(peer, row, "a notice about another exchange of the same id")
	}
	var onward []uint16
	for _, i := range n.Deliveries {
		if _, mine := slices.BinarySearch(ex.Deliveries, i); !mine {
			continue
		}
		here, res := t.noticeOne(m, &n, i, row.Receipts, row.Voids)
		if res.Code != "" {
			return res
		}
		if !here {
			onward = append(onward, i)
		}
	}
	t.stopWaiting(m, &ex)
	t.passNotice(m, s, onward)
	if (len(onward) > 0 || n.Kind == exchange.Recall && t.beyondHere(m, n.Deliveries)) && t.keepNotice(m.ID, s) {
		t.note(Event{Kind: EventNotice, Exchange: m.ID, Domain: peer, Digest: t.sum(s.Bytes)})
	}
	return Result{}
}

// noticeOne handles one delivery; here is false when the notice must travel on.
func (t *txn) noticeOne(m *exchange.Manifest, n *exchange.Notice, i uint16, prepared []crypto.Signed, voids []Withdrawn) (here bool, res Result) {
	d, ok := t.delivery(m.ID, i)
	if !ok {
		return true, Result{}
	}
	local := m.To[i].Unit.Domain() == t.self.Domain
	if n.Kind == exchange.Urge {
		d.Urged++
		save(t, TableDelivery, DeliveryKey(m.ID, i), d)
		return local || d.State == exchange.Arriving || d.State.Final(), Result{} // an urge does not overtake what it urges
	}
	queued, unsent := t.unsent(m, i, &d, voids)
	withdrawable := d.State == exchange.Arriving && !t.mayBeBeyond(m, i) || local && d.State == exchange.Arrived
	if !withdrawable && !unsent {
		return local || d.State.Final() && !t.outrun(m, i), Result{}
	}
	s, r, ok := preparedRecall(prepared, i)
	if !ok || r.Prev != d.Last || r.Exchange != m.ID || r.Manifest != n.Manifest || r.Domain != t.self.Domain || !indexes(r.Deliveries, len(m.To)) {
		return false, refuse(exchange.Stale, "delivery %d changed meanwhile", i)
	}
	t.keepReceipt(m, s, &r)
	if unsent {
		t.takeBack(m, i, queued)
	}
	t.note(Event{Kind: EventRecalled, Exchange: m.ID, Unit: m.To[i].Unit, Digest: t.sum(s.Bytes)})
	return true, Result{}
}

// stopWaiting gives up the chunks of an envelope of which nothing is left to
// deliver. What this domain had custody of once, and forgot, it fetches all the
// same: others may need it.
func (t *txn) stopWaiting(m *exchange.Manifest, ex *Exchange) {
	if !ex.Waiting || ex.Giver != "" && t.hasContent(ex, m.ID) {
		return
	}
	for _, i := range ex.Deliveries {
		if d, _ := t.delivery(m.ID, i); !d.State.Final() {
			return
		}
	}
	if ex.Giver != "" { // more than one may offer them
		t.haveIt(m, ex)
	}
	t.delete(TableWaiting, waitingKey(ex.Source(), m))
	ex.Waiting, ex.Giver = false, ""
	save(t, TableExchange, ExchangeKey(m.ID), *ex)
}

// beyondHere reports whether any delivery goes further than this domain: what is
// recalled of those may have to be chased.
func (t *txn) beyondHere(m *exchange.Manifest, deliveries []uint16) bool {
	return t.level() >= 2 && slices.ContainsFunc(deliveries, func(i uint16) bool { return int(i) < len(m.To) && m.To[i].Unit.Domain() != t.self.Domain })
}

func (t *txn) passNotice(m *exchange.Manifest, s crypto.Signed, onward []uint16) {
	hops, _ := t.fan(m, onward)
	for _, h := range hops {
		t.enqueueMessage(h.Peer, exchange.ClassOf(m.Urgency), exchange.Message{Notice: &s})
	}
}

func preparedRecall(prepared []crypto.Signed, i uint16) (crypto.Signed, exchange.Receipt, bool) {
	for _, s := range prepared {
		if r, ok := decodeReceipt(s); ok && r.State == exchange.Recalled && r.Covers(i) {
			return s, r, true
		}
	}
	return crypto.Signed{}, exchange.Receipt{}, false
}

func decodeNotice(s crypto.Signed) (exchange.Notice, bool) {
	body, ok := s.Body(exchange.ContextNotice)
	if !ok {
		return exchange.Notice{}, false
	}
	n, err := exchange.DecodeStored[exchange.Notice](body)
	return n, err == nil
}
