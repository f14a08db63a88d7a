package ledger

import (
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/route"
)

// receive commits rows of a link together with the cursor. Rows below the
// cursor were received before and are ignored; a gap or a superseded session
// refuses the whole command.
func (t *txn) receive(c *Receive) Result {
	link, ok := load[Link](t, TableLink, []byte(c.Peer))
	if !ok || c.Epoch != link.PeerEpoch || c.Term < link.Term {
		return refuse(exchange.Denied, "fenced: the session with %s is superseded", c.Peer)
	}
	for i := range c.Rows {
		row := &c.Rows[i]
		if row.Class >= exchange.ClassCount {
			return refuse(exchange.Conflict, "unknown class %d", row.Class)
		}
		next := max(link.ReceiveNext[row.Class], 1)
		if row.Sequence < next {
			continue
		}
		if row.Sequence > next {
			return refuse(exchange.Conflict, "gap: expected sequence %d of class %d, got %d", next, row.Class, row.Sequence)
		}
		if res := t.receiveRow(c.Peer, row); res.Code != "" {
			return res
		}
		link.ReceiveNext[row.Class] = next + 1
	}
	t.saveCursor(c.Peer, link)
	return Result{}
}

// saveCursor keeps the send side, which processing the rows may have moved.
func (t *txn) saveCursor(peer exchange.Domain, received Link) {
	link, _ := load[Link](t, TableLink, []byte(peer))
	link.ReceiveNext = received.ReceiveNext
	save(t, TableLink, []byte(peer), link)
}

func (t *txn) receiveRow(peer exchange.Domain, row *ReceivedRow) Result {
	msg, err := exchange.Decode[exchange.Message](row.Message)
	if row.Quarantine != "" || err != nil || !msg.Valid() {
		return t.hold(peer, row)
	}
	switch {
	case msg.Envelope != nil:
		return t.envelope(peer, row, msg.Envelope)
	case msg.Receipt != nil:
		return t.receipt(peer, row, *msg.Receipt)
	case msg.Notice != nil:
		return t.noticed(row, *msg.Notice)
	case msg.Directory != nil:
		t.keepDirectory(*msg.Directory, peer)
	case msg.Units != nil:
		t.keepUnits(*msg.Units, peer)
	case msg.Policy != nil:
		t.keepPolicy(*msg.Policy, peer)
	}
	return Result{}
}

// hold quarantines a message that cannot be processed; the link goes on.
func (t *txn) hold(peer exchange.Domain, row *ReceivedRow) Result {
	reason := row.Quarantine
	if reason == "" {
		reason = "the message cannot be read"
	}
	prefix := pair(string(peer), nil)
	save(t, TableHeld, sequenceKey(prefix, t.next(TableHeld, prefix)),
		HeldRow{Peer: peer, Reason: reason, Message: row.Message, At: t.now})
	t.count(0, 1)
	t.note(Event{Kind: EventQuarantined, Domain: peer, Digest: t.sum(row.Message)})
	return Result{}
}

// envelope stores an exchange that arrived over a link. With prepared receipts
// custody is taken at once; without, it waits for its chunks.
func (t *txn) envelope(peer exchange.Domain, row *ReceivedRow, e *exchange.Envelope) Result {
	m, ok := t.manifest(e.Manifest)
	if !ok || len(e.Custody) == 0 || !indexes(e.Deliveries, len(m.To)) {
		return t.hold(peer, row)
	}
	digest := t.sum(e.Manifest.Bytes)
	if known, ok := load[Exchange](t, TableExchange, ExchangeKey(m.ID)); ok {
		if known.Digest != digest {
			row.Quarantine = "an exchange of the same id with other content is already stored"
			return t.hold(peer, row)
		}
		t.repeatReceipts(&m)
		return Result{}
	}
	ex := Exchange{Manifest: e.Manifest, Digest: digest, Via: peer, Deliveries: e.Deliveries, Custody: e.Custody,
		Inline: len(e.Inline) > 0, Waiting: len(row.Receipts) == 0, At: t.now}
	t.keepInline(&m, e.Inline)
	t.arrive(&m, &ex)
	if row.Decision != nil {
		t.decided(m.ID, DecisionRow{Decision: *row.Decision})
	}
	t.count(1, 0)
	t.note(Event{Kind: EventReceived, Exchange: m.ID, Domain: peer, Digest: digest})
	if ex.Waiting {
		save(t, TableExchange, ExchangeKey(m.ID), ex)
		t.put(TableWaiting, waitingKey(peer, &m), nil)
		return Result{}
	}
	return t.settle(&m, &ex, row.Receipts)
}

// arrive keeps the custody receipts that came along and begins the deliveries.
func (t *txn) arrive(m *exchange.Manifest, ex *Exchange) {
	last := t.sum(ex.Custody[len(ex.Custody)-1].Bytes)
	for n, s := range ex.Custody {
		digest := t.sum(s.Bytes)
		t.put(TableSeen, pair("", digest[:]), nil)
		save(t, TableReceipt, sequenceKey(m.ID[:], uint32(n)), s)
	}
	for _, i := range ex.Deliveries {
		save(t, TableDelivery, DeliveryKey(m.ID, i), Delivery{State: exchange.Arriving, At: t.now, Where: t.self.Domain, Last: last})
	}
}

// repeatReceipts answers a repeated envelope with this domain's own receipts.
func (t *txn) repeatReceipts(m *exchange.Manifest) {
	t.r.Scan(TableReceipt, m.ID[:], nil, func(_, raw []byte) bool {
		if s, err := exchange.Decode[crypto.Signed](raw); err == nil {
			if r, ok := decodeReceipt(s); ok && r.Domain == t.self.Domain {
				t.sendReceipt(m, s)
			}
		}
		return true
	})
}

// custody completes a waiting envelope.
func (t *txn) custody(c *Custody) Result {
	ex, m, res := t.open(c.Exchange)
	if res.Code != "" {
		return res
	}
	if !ex.Waiting {
		return Result{Exchange: c.Exchange, Replayed: true}
	}
	if res := t.kept(nil, c.Stored); res.Code != "" {
		return res
	}
	t.delete(TableWaiting, waitingKey(ex.Via, &m))
	if res := t.settle(&m, &ex, c.Receipts); res.Code != "" {
		return res
	}
	t.note(Event{Kind: EventCustody, Exchange: m.ID, Digest: ex.Digest})
	return Result{Exchange: c.Exchange}
}

// open loads an exchange and its manifest.
func (t *txn) open(id exchange.ID) (Exchange, exchange.Manifest, Result) {
	ex, ok := load[Exchange](t, TableExchange, ExchangeKey(id))
	if !ok {
		return ex, exchange.Manifest{}, refuse(exchange.NotFound, "no exchange %s", id)
	}
	m, ok := t.manifest(ex.Manifest)
	if !ok {
		t.fail("the stored manifest of %s cannot be read", id)
	}
	return ex, m, Result{}
}

// receipt keeps a receipt from further along the road.
func (t *txn) receipt(peer exchange.Domain, row *ReceivedRow, s crypto.Signed) Result {
	r, ok := decodeReceipt(s)
	if !ok {
		return t.hold(peer, row)
	}
	ex, m, res := t.open(r.Exchange)
	if res.Code != "" || ex.Digest != r.Manifest || !indexes(r.Deliveries, len(m.To)) {
		row.Quarantine = "a receipt for an exchange that is not known here"
		return t.hold(peer, row)
	}
	if t.keepReceipt(&m, s, &r) {
		t.note(Event{Kind: EventReceipt, Exchange: m.ID, Domain: r.Domain, Digest: t.sum(s.Bytes)})
	}
	return Result{}
}

// noticed applies a recall or an urge to local deliveries and passes it on to
// the others. What is still arriving is withdrawn here.
func (t *txn) noticed(row *ReceivedRow, s crypto.Signed) Result {
	n, ok := decodeNotice(s)
	if !ok {
		return t.hold("", row)
	}
	ex, m, res := t.open(n.Exchange)
	if res.Code != "" {
		row.Quarantine = "a notice about an exchange that is not known here"
		return t.hold("", row)
	}
	var onward []uint16
	for _, i := range n.Deliveries {
		if !slices.Contains(ex.Deliveries, i) {
			continue
		}
		here, res := t.noticeOne(&m, &n, i, row.Receipts)
		if res.Code != "" {
			return res
		}
		if !here {
			onward = append(onward, i)
		}
	}
	t.passNotice(&m, s, onward)
	return Result{}
}

// noticeOne handles one delivery; here is false when the notice must travel on.
func (t *txn) noticeOne(m *exchange.Manifest, n *exchange.Notice, i uint16, prepared []crypto.Signed) (here bool, res Result) {
	key := DeliveryKey(m.ID, i)
	d, ok := load[Delivery](t, TableDelivery, key)
	if !ok {
		return true, Result{}
	}
	local := m.To[i].Unit.Domain() == t.self.Domain
	if n.Kind == exchange.Urge {
		d.Urged++
		save(t, TableDelivery, key, d)
		return local, Result{}
	}
	withdrawable := d.State == exchange.Arriving || local && d.State == exchange.Arrived
	if !withdrawable {
		return local || d.State.Final(), Result{}
	}
	s, r, ok := preparedRecall(prepared, i)
	if !ok || r.Prev != d.Last {
		return false, refuse(exchange.Stale, "delivery %d changed meanwhile", i)
	}
	t.keepReceipt(m, s, &r)
	t.note(Event{Kind: EventRecalled, Exchange: m.ID, Unit: m.To[i].Unit, Digest: t.sum(s.Bytes)})
	return true, Result{}
}

func (t *txn) passNotice(m *exchange.Manifest, s crypto.Signed, onward []uint16) {
	hops, _, _ := route.Fan(t.self.Domain, m.To, onward, t.parents)
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
	n, err := exchange.Decode[exchange.Notice](body)
	return n, err == nil
}

func waitingKey(peer exchange.Domain, m *exchange.Manifest) []byte {
	return append(QueuePrefix(peer, exchange.ClassOf(m.Urgency)), m.ID[:]...)
}

// indexes reports whether all are below n, ascending and at least one.
func indexes(list []uint16, n int) bool {
	for k, i := range list {
		if int(i) >= n || k > 0 && i <= list[k-1] {
			return false
		}
	}
	return len(list) > 0
}
