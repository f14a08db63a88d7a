package ledger

import (
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// mayHaveSaid refuses to state anything about an exchange that was here before
// the domain's new life, while the neighbour that receipts go to has not given
// everything back: what was signed after the backup may still come.
func (t *txn) mayHaveSaid(ex *Exchange) Result {
	if ex.Via == "" {
		return Result{}
	}
	link, _ := load[Link](t, TableLink, []byte(ex.Via))
	if link.Regaining == 0 || ex.At > t.lastLife().At {
		return Result{}
	}
	return refuse(exchange.Unavailable, "this domain was restored, and %s has not given back yet what was signed since the backup; try again when the link has resynchronised", ex.Via)
}

// givenBack takes in what is said to a domain in a new life, or by it.
func (t *txn) givenBack(peer exchange.Domain, row *ReceivedRow, b *exchange.Back) Result {
	switch {
	case b.Done != [16]byte{}:
		return t.regained(peer, row.Class, b.Done)
	case !b.Have.IsZero():
		t.delete(TableOffer, pair(string(peer), b.Have[:]))
		return Result{}
	}
	return t.regain(peer, row, b)
}

// haveIt ends looking for chunks, wherever that was, and tells whoever keeps
// them on offer.
func (t *txn) haveIt(m *exchange.Manifest, ex *Exchange) {
	t.delete(TableWaiting, waitingKey(ex.Source(), m))
	if ex.Giver == "" {
		if t.self.Incarnation > 1 && ex.Via != "" { // it may have been sent again, and still be on offer
			t.enqueueMessage(ex.Via, exchange.ClassControl, exchange.Message{Back: &exchange.Back{Have: m.ID}})
		}
		return
	}
	for _, peer := range t.neighbours(false) {
		key := waitingKey(peer, m)
		if peer == ex.Giver || t.has(TableWaiting, key) {
			t.delete(TableWaiting, key)
			t.enqueueMessage(peer, exchange.ClassControl, exchange.Message{Back: &exchange.Back{Have: m.ID}})
		}
	}
}

// livedBefore reports whether a neighbour began a new life and may have
// forgotten something.
func (t *txn) livedBefore(peer exchange.Domain) bool {
	link, _ := load[Link](t, TableLink, []byte(peer))
	return link.Incarnation > 1
}

// passBack gives on what was just given back to neighbours that lived before,
// and may have forgotten it as well. While they are told everything, the walk
// comes to it.
func (t *txn) passBack(giver exchange.Domain, m *exchange.Manifest, ex *Exchange) {
	for _, peer := range t.neighbours(false) {
		link, _ := load[Link](t, TableLink, []byte(peer))
		if peer == giver || link.Incarnation <= 1 || link.Walk != nil {
			continue
		}
		w := walker{txn: t, peer: peer, done: map[exchange.ID]bool{}}
		w.whole(ex, m)
	}
}

// regain takes back what a neighbour says this domain had. Signatures, road and
// receipts were verified before the log; row.Receipts are for deliveries about
// which this domain has said nothing that is known.
func (t *txn) regain(peer exchange.Domain, row *ReceivedRow, b *exchange.Back) Result {
	m, ok := t.manifest(b.Manifest)
	if !ok || m.ID.IsZero() || !indexes(b.Deliveries, len(m.To)) {
		return t.hold(peer, row)
	}
	ex, known := load[Exchange](t, TableExchange, ExchangeKey(m.ID))
	if digest := t.sum(b.Manifest.Bytes); known && ex.Digest != digest {
		return t.holdFor(peer, row, "an exchange of the same id with other content is already stored")
	} else if was, gone := t.gone(m.ID); gone {
		if was != digest {
			return t.holdFor(peer, row, "an exchange of the same id with other content was stored, and deleted at the end of its retention")
		}
		return Result{} // it is remembered that it was deleted
	} else if !known {
		ex = Exchange{Manifest: b.Manifest, Digest: digest, At: t.now, Inline: len(b.Inline) > 0}
		if ex.Inline {
			if res := t.keepInline(&m, b.Inline); res.Code != "" {
				return t.holdFor(peer, row, res.Message)
			}
		}
		if res := t.remember(peer, &m, &ex, b); res.Code != "" {
			return t.holdFor(peer, row, res.Message)
		}
		t.refer(&m, &ex)
	}
	fresh := t.widen(&m, &ex, b)
	ex.Parts = ex.Parts || known && len(fresh) > 0
	if known && len(fresh) > 0 && !ex.Waiting && !t.hasContent(&ex, m.ID) {
		ex.Waiting = true // its content was given up with the deliveries that were recalled
	}
	res := t.takeAgain(peer, row, &m, &ex, b, fresh, known)
	if res.Code == "" && !known {
		t.passBack(peer, &m, &ex)
	}
	return res
}

// regained notes that a neighbour gave back everything it knows in one class.
func (t *txn) regained(peer exchange.Domain, class exchange.Class, life [16]byte) Result {
	link, _ := load[Link](t, TableLink, []byte(peer))
	if life == t.self.Epoch && link.Regaining != 0 {
		link.Regaining &^= 1 << class
		save(t, TableLink, []byte(peer), link)
		if link.Regaining == 0 {
			t.note(Event{Kind: EventResynced, Domain: peer})
		}
	}
	return Result{}
}

// remember begins the row of an exchange that this domain forgot.
func (t *txn) remember(peer exchange.Domain, m *exchange.Manifest, ex *Exchange, b *exchange.Back) Result {
	origin := m.From.Domain()
	if origin != t.self.Domain {
		via, ok := t.toward(origin)
		if ex.Via = via; !ok {
			return refuse(exchange.Unavailable, "there is no road in the directory to %s", origin)
		}
	}
	ex.Custody = Road(t.sum, b.Receipts, t.self.Domain, origin, ex.Via)
	if len(ex.Custody) == 0 {
		return refuse(exchange.Invalid, "nothing that was given back says how the exchange came here")
	}
	for n, s := range ex.Custody {
		t.put(TableSeen, seenKey(m.ID, t.sum(s.Bytes)), nil)
		save(t, TableReceipt, sequenceKey(m.ID[:], uint32(n)), s)
	}
	if origin == t.self.Domain {
		t.put(TableOutbox, UnitKey(m.From, m.ID[:]), nil)
		t.expect(m)
	}
	ex.Waiting, ex.Giver, ex.Regained = !ex.Inline, peer, true
	t.count(1, 0)
	link, _ := load[Link](t, TableLink, []byte(peer))
	link.Regained++
	save(t, TableLink, []byte(peer), link)
	t.note(Event{Kind: EventRegained, Exchange: m.ID, Domain: peer, Digest: ex.Digest})
	return Result{}
}

// widen begins deliveries that were not here: at the origin all of them, else
// those that the neighbour names.
func (t *txn) widen(m *exchange.Manifest, ex *Exchange, b *exchange.Back) (fresh []uint16) {
	deliveries := t.ours(m, ex, b)
	for _, i := range deliveries {
		at, found := slices.BinarySearch(ex.Deliveries, i)
		if found {
			continue
		}
		ex.Deliveries = slices.Insert(slices.Clone(ex.Deliveries), at, i)
		d := Delivery{State: exchange.Arriving, At: t.now, Where: t.self.Domain, Last: t.upTo(m, ex, b.Receipts, i)}
		if r, ok := decodeReceipt(ex.Custody[0]); ex.Via == "" && ok { // it accepted all of them
			d = Delivery{State: exchange.Accepted, At: r.At, Where: t.self.Domain, Last: d.Last}
		}
		save(t, TableDelivery, DeliveryKey(m.ID, i), d)
		fresh = append(fresh, i)
	}
	return fresh
}

// ours lists the deliveries that this domain is responsible for: those that the
// neighbour knows of, and all about which this domain has said something.
func (t *txn) ours(m *exchange.Manifest, ex *Exchange, b *exchange.Back) []uint16 {
	if ex.Via == "" {
		return allDeliveries(len(m.To))
	}
	out := slices.Clone(b.Deliveries)
	for _, s := range b.Receipts {
		if r, ok := decodeReceipt(s); ok && r.Domain == t.self.Domain && indexes(r.Deliveries, len(m.To)) {
			out = append(out, r.Deliveries...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// catchUp applies receipts that were here before the deliveries were.
func (t *txn) catchUp(m *exchange.Manifest, fresh []uint16) {
	t.receipts(m.ID, func(_ uint32, r *exchange.Receipt, s crypto.Signed) {
		for _, i := range fresh {
			if !r.Covers(i) {
				continue
			}
			t.advance(m, i, r, t.sum(s.Bytes))
			if r.Domain == t.self.Domain && arrived(r.State) {
				t.deliver(m, []uint16{i})
			}
		}
	})
}

// arrived reports whether a receipt of the recipient's domain says, or follows
// from, that the recipient has it.
func arrived(s exchange.State) bool {
	return s == exchange.Arrived || s == exchange.SignedFor || s == exchange.Returned
}

// takeAgain applies the receipts, this domain's own as if it had just made them,
// and goes on from there: chunks are fetched again, deliveries that nobody is
// known to have are passed on.
func (t *txn) takeAgain(peer exchange.Domain, row *ReceivedRow, m *exchange.Manifest, ex *Exchange, b *exchange.Back, fresh []uint16, known bool) Result {
	took := t.took(ex)
	for _, s := range b.Receipts {
		r, ok := decodeReceipt(s)
		if !ok || r.Exchange != m.ID || r.Manifest != ex.Digest || !indexes(r.Deliveries, len(m.To)) {
			continue
		}
		t.takeOne(m, ex, s, &r)
	}
	t.catchUp(m, fresh)
	if known && (len(fresh) > 0 || !took && t.took(ex)) { // its own leaf tells less, or that of custody never comes
		t.note(Event{Kind: EventRegained, Exchange: m.ID, Domain: peer, Digest: ex.Digest})
	}
	save(t, TableExchange, ExchangeKey(m.ID), *ex)
	if b.Lacks && !ex.Inline {
		t.put(TableOffer, pair(string(peer), m.ID[:]), offerBack)
	}
	if !ex.Waiting {
		if res := t.settle(m, ex, row.Receipts); res.Code != "" {
			return res
		}
		rest := fresh
		if ex.Giver != "" {
			ex.Giver, rest = "", ex.Deliveries
			save(t, TableExchange, ExchangeKey(m.ID), *ex)
		}
		t.forwardRest(m, ex, rest, row.Receipts)
		t.recallBehind(m, ex)
		return Result{}
	}
	t.lookAt(peer, m, ex) // whoever gives it back may have chunks that others lack
	return Result{}
}

// lookAt waits for the chunks of an exchange from one more neighbour: who gives
// it back, or gets it back, may have some that others lack.
func (t *txn) lookAt(peer exchange.Domain, m *exchange.Manifest, ex *Exchange) {
	if ex.Giver == "" { // it waited before the domain forgot more of it
		ex.Giver = ex.Via
		save(t, TableExchange, ExchangeKey(m.ID), *ex)
	}
	t.put(TableWaiting, waitingKey(peer, m), nil)
}

func (t *txn) takeOne(m *exchange.Manifest, ex *Exchange, s crypto.Signed, r *exchange.Receipt) {
	own := r.Domain == t.self.Domain
	if own && r.State == exchange.Relayed && !t.took(ex) {
		ex.Custody = append(slices.Clone(ex.Custody), s)
	}
	if !t.keepReceipt(m, s, r) {
		return
	}
	t.note(Event{Kind: EventReceipt, Exchange: m.ID, Domain: r.Domain, Digest: t.sum(s.Bytes)})
	if own && arrived(r.State) {
		t.deliver(m, r.Deliveries)
	}
}

// forwardRest passes on what this domain took custody of and nobody further on
// is known to have, beside what was just queued by prepared receipts.
func (t *txn) forwardRest(m *exchange.Manifest, ex *Exchange, deliveries []uint16, prepared []crypto.Signed) {
	var rest []uint16
	for _, i := range deliveries {
		d, _ := t.delivery(m.ID, i)
		queued := slices.ContainsFunc(prepared, func(s crypto.Signed) bool {
			r, ok := decodeReceipt(s)
			return ok && r.State == exchange.Relayed && r.Covers(i)
		})
		if d.Where == t.self.Domain && (d.State == exchange.Accepted || d.State == exchange.Relayed) && !queued && m.To[i].Unit.Domain() != t.self.Domain {
			rest = append(rest, i)
		}
	}
	t.forward(m, ex, rest)
}

// Road finds the custody receipts by which an exchange came to a domain, the
// origin's first: from what the domain itself said back to ACCEPTED, or from
// what the neighbour said that it came from. At the origin it is its own
// ACCEPTED. It is empty when they do not hang together.
func Road(sum func(...[]byte) crypto.Digest, receipts []crypto.Signed, self, origin, via exchange.Domain) (road []crypto.Signed) {
	type custody struct {
		exchange.Receipt
		signed crypto.Signed
	}
	by := map[crypto.Digest]custody{}
	var last, said crypto.Digest
	for _, s := range receipts {
		r, ok := decodeReceipt(s)
		if !ok {
			continue
		}
		digest := sum(s.Bytes)
		if r.State == exchange.Accepted || r.State == exchange.Relayed {
			by[digest] = custody{r, s}
		}
		switch {
		case r.Domain == self && (r.State == exchange.Accepted || r.State == exchange.Relayed || r.State == exchange.Arrived || r.State == exchange.Refused):
			said = r.Prev
			if r.State == exchange.Accepted {
				said = digest
			}
		case r.Domain == via && (r.State == exchange.Accepted || r.State == exchange.Relayed):
			last = digest
		}
	}
	at := said
	if c, ok := by[said]; !ok || (c.Domain != via && c.Domain != self) {
		at = last
	}
	for len(road) <= len(by) {
		c, ok := by[at]
		if !ok {
			return nil
		}
		road = append([]crypto.Signed{c.signed}, road...)
		if c.Prev.IsZero() {
			if c.State != exchange.Accepted || c.Domain != origin {
				return nil
			}
			return road
		}
		at = c.Prev
	}
	return nil
}
