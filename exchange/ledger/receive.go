package ledger

import (
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
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
		if mutantSkipCursor && next%9 == 0 {
			link.ReceiveNext[row.Class]++
		}
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
	msg, err := exchange.DecodeStored[exchange.Message](row.Message)
	if row.Quarantine != "" || err != nil || !msg.Valid() {
		return t.hold(peer, row)
	}
	switch {
	case msg.Envelope != nil:
		return t.envelope(peer, row, msg.Envelope)
	case msg.Receipt != nil:
		return t.receipt(peer, row, *msg.Receipt)
	case msg.Notice != nil:
		return t.noticed(peer, row, *msg.Notice)
	case msg.Directory != nil:
		t.keepDirectory(*msg.Directory, peer)
	case msg.Units != nil:
		t.keepUnits(*msg.Units, peer)
	case msg.Policy != nil:
		t.keepPolicy(*msg.Policy, peer)
	case msg.Void != nil: // the neighbour took it back before it was sent
	case msg.Back != nil:
		return t.givenBack(peer, row, msg.Back)
	}
	return Result{}
}

// envelope stores an exchange that arrived over a link. With prepared receipts
// custody is taken at once; without, it waits for its chunks.
func (t *txn) envelope(peer exchange.Domain, row *ReceivedRow, e *exchange.Envelope) Result {
	m, ok := t.manifest(e.Manifest)
	if !ok || m.ID.IsZero() || len(e.Custody) == 0 || !indexes(e.Deliveries, len(m.To)) {
		return t.hold(peer, row)
	}
	digest := t.sum(e.Manifest.Bytes)
	if known, ok := load[Exchange](t, TableExchange, ExchangeKey(m.ID)); ok {
		return t.repeated(peer, row, e, &m, &known, digest)
	}
	if was, gone := t.gone(m.ID); gone {
		if was != digest {
			return t.holdFor(peer, row, "an exchange of the same id with other content was stored, and deleted at the end of its retention")
		}
		return Result{} // it came, ended and was deleted
	}
	if t.refusedBefore(peer, m.ID, digest) {
		return Result{}
	}
	ex := Exchange{Manifest: e.Manifest, Digest: digest, Via: peer, Deliveries: e.Deliveries, Custody: e.Custody,
		Inline: len(e.Inline) > 0, Waiting: len(row.Receipts) == 0, At: t.now}
	if ex.Inline {
		if res := t.keepInline(&m, e.Inline); res.Code != "" {
			return t.holdFor(peer, row, res.Message)
		}
	}
	t.refer(&m, &ex)
	t.arrive(&m, &ex)
	if row.Decision != nil {
		t.decided(m.ID, DecisionRow{Decision: *row.Decision})
	}
	t.count(1, 0)
	t.note(Event{Kind: EventReceived, Exchange: m.ID, Domain: peer, Digest: digest})
	if done, res := t.buried(peer, &m, &ex, row.Recalled); done || res.Code != "" {
		return res
	}
	if ex.Waiting {
		save(t, TableExchange, ExchangeKey(m.ID), ex)
		t.put(TableWaiting, waitingKey(peer, &m), nil)
		return Result{}
	}
	if !ex.Inline && t.takesCustody(row.Receipts) {
		return refuse(exchange.Invalid, "custody of content that is not here")
	}
	return t.settle(&m, &ex, row.Receipts)
}

func (t *txn) takesCustody(receipts []crypto.Signed) bool {
	return slices.ContainsFunc(receipts, func(s crypto.Signed) bool {
		r, ok := decodeReceipt(s)
		return !ok || r.State.Custody()
	})
}

// repeated answers an envelope of a known exchange with this domain's own
// receipts. Other content cannot be a repetition. Deliveries that did not come
// before are those that somebody on the road had forgotten, or forgot to have
// withdrawn: they are taken in beside the others.
func (t *txn) repeated(peer exchange.Domain, row *ReceivedRow, e *exchange.Envelope, m *exchange.Manifest, known *Exchange, digest crypto.Digest) Result {
	if known.Digest != digest {
		return t.holdFor(peer, row, "an exchange of the same id with other content is already stored")
	}
	for _, i := range e.Deliveries {
		if _, found := slices.BinarySearch(known.Deliveries, i); !found {
			if known.Regained || t.livedBefore(peer) || t.level() >= 2 { // somebody on the road forgot a part of it
				return t.regain(peer, row, &exchange.Back{Manifest: e.Manifest, Deliveries: e.Deliveries, Receipts: e.Custody, Inline: e.Inline})
			}
			return t.holdFor(peer, row, "a stored exchange comes again with deliveries that were not there before")
		}
	}
	if known.Waiting && known.Giver != "" { // and the neighbour has the chunks
		t.put(TableWaiting, waitingKey(peer, m), nil)
	}
	t.repeatReceipts(m)
	t.note(Event{Kind: EventRepeated, Exchange: m.ID, Domain: peer})
	return Result{}
}

// arrive keeps the custody receipts that came along and begins the deliveries.
func (t *txn) arrive(m *exchange.Manifest, ex *Exchange) {
	last := t.sum(ex.Custody[len(ex.Custody)-1].Bytes)
	for n, s := range ex.Custody {
		digest := t.sum(s.Bytes)
		t.put(TableSeen, seenKey(m.ID, digest), nil)
		save(t, TableReceipt, sequenceKey(m.ID[:], uint32(n)), s)
	}
	for _, i := range ex.Deliveries {
		save(t, TableDelivery, DeliveryKey(m.ID, i), Delivery{State: exchange.Arriving, At: t.now, Where: t.self.Domain, Last: last})
	}
}

// repeatReceipts answers a repeated envelope with this domain's own receipts.
func (t *txn) repeatReceipts(m *exchange.Manifest) {
	t.scan(TableReceipt, m.ID[:], func(_, raw []byte) {
		s, err := exchange.DecodeStored[crypto.Signed](raw)
		if err != nil {
			t.fail("a receipt of %s cannot be read", m.ID)
			return
		}
		if r, ok := decodeReceipt(s); ok && r.Domain == t.self.Domain {
			t.sendReceipt(m, s)
		}
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
	if res := t.mayHaveSaid(&ex); res.Code != "" && len(c.Receipts) > 0 {
		return res
	}
	if res := t.kept(c.Stored); res.Code != "" {
		return res
	}
	given := ex.Giver != "" || t.took(&ex)
	t.haveIt(m, &ex)
	ex.Giver = ""
	if res := t.settle(m, &ex, c.Receipts); res.Code != "" {
		return res
	}
	if given {
		t.forwardRest(m, &ex, ex.Deliveries, c.Receipts)
	}
	t.recallBehind(m, &ex)
	t.note(Event{Kind: EventCustody, Exchange: m.ID, Digest: ex.Digest})
	return Result{Exchange: c.Exchange}
}

// open loads an exchange and its manifest, which never changes and is decoded
// once in a command.
func (t *txn) open(id exchange.ID) (Exchange, *exchange.Manifest, Result) {
	ex, ok := load[Exchange](t, TableExchange, ExchangeKey(id))
	if !ok {
		return ex, nil, refuse(exchange.NotFound, "no exchange %s", id)
	}
	if m := t.manifests[id]; m != nil {
		return ex, m, Result{}
	}
	m, ok := t.manifest(ex.Manifest)
	if !ok {
		t.fail("the stored manifest of %s cannot be read", id)
		return ex, nil, refuse(exchange.Internal, "the stored manifest of %s cannot be read", id)
	}
	if t.manifests == nil {
		t.manifests = map[exchange.ID]*exchange.Manifest{}
	}
	t.manifests[id] = &m
	return ex, &m, Result{}
}

// receipt keeps a receipt from further along the road.
func (t *txn) receipt(peer exchange.Domain, row *ReceivedRow, s crypto.Signed) Result {
	r, ok := decodeReceipt(s)
	if !ok {
		return t.hold(peer, row)
	}
	ex, m, res := t.open(r.Exchange)
	if was, gone := t.gone(r.Exchange); gone && was == r.Manifest {
		return Result{}
	}
	if res.Code != "" || ex.Digest != r.Manifest || !indexes(r.Deliveries, len(m.To)) {
		return t.holdFor(peer, row, "a receipt for an exchange that is not known here")
	}
	if t.keepReceipt(m, s, &r) {
		t.note(Event{Kind: EventReceipt, Exchange: m.ID, Domain: r.Domain, Digest: t.sum(s.Bytes)})
	}
	return Result{}
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
