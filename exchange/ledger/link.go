package ledger

import (
	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// enqueue assigns the next sequence of a class, in the same transaction as
// what it carries.
//
// While a new life of the peer is told everything, what is said to it waits for
// its turn: the walk comes to the event of this command later.
func (t *txn) enqueue(peer exchange.Domain, class exchange.Class, row QueueRow) {
	if link, _ := load[Link](t, TableLink, []byte(peer)); link.Walk == nil {
		t.number(peer, class, row, link)
	}
}

// assign is enqueue for what does not wait: statements, and the walk itself.
func (t *txn) assign(peer exchange.Domain, class exchange.Class, row QueueRow) {
	link, _ := load[Link](t, TableLink, []byte(peer))
	t.number(peer, class, row, link)
}

func (t *txn) number(peer exchange.Domain, class exchange.Class, row QueueRow, link Link) {
	sequence := max(link.SendNext[class], 1)
	link.SendNext[class] = sequence + 1
	row.At = t.now
	if !mutantDropOutbox || sequence%9 != 0 {
		save(t, TableQueue, QueueKey(peer, class, sequence), row)
	}
	save(t, TableLink, []byte(peer), link)
}

func (t *txn) enqueueMessage(peer exchange.Domain, class exchange.Class, m exchange.Message) {
	t.enqueue(peer, class, QueueRow{Message: exchange.Encode(m)})
}

// ack drops what the peer has committed.
func (t *txn) ack(a *Ack) Result {
	link, ok := load[Link](t, TableLink, []byte(a.Peer))
	if a.Epoch != [16]byte{} && a.Epoch != link.numbering(&t.self) {
		return refuse(exchange.Denied, "fenced: %s acknowledges rows of a numbering that has ended", a.Peer)
	}
	if !ok || a.Class >= exchange.ClassCount || a.UpTo >= max(link.SendNext[a.Class], 1) {
		return refuse(exchange.Conflict, "%s acknowledges what was never sent to it", a.Peer)
	}
	for s := link.Acked[a.Class] + 1; s <= a.UpTo; s++ {
		t.delete(TableQueue, QueueKey(a.Peer, a.Class, s))
	}
	link.Acked[a.Class] = max(link.Acked[a.Class], a.UpTo)
	save(t, TableLink, []byte(a.Peer), link)
	return Result{}
}

// openLink records a peer's greeting. Older incarnations, terms and numberings
// are fenced; a new life of the peer is told everything again, and says so.
func (t *txn) openLink(o *OpenLink) Result {
	if !t.neighbour(o.Peer) {
		return refuse(exchange.Denied, "%s is not a neighbour of %s in the directory", o.Peer, t.self.Domain)
	}
	if o.Life == [16]byte{} {
		o.Life = o.Epoch
	}
	link, _ := load[Link](t, TableLink, []byte(o.Peer))
	if res := t.fenced(o, &link); res.Code != "" {
		return res
	}
	if known := link.numbering(&t.self); o.KnownEpoch != [16]byte{} && o.KnownEpoch != known {
		t.note(Event{Kind: EventResync, Domain: o.Peer})
	}
	if link.PeerLife != o.Life {
		t.greetLife(o, &link)
	}
	if link.PeerEpoch != o.Epoch {
		link.PeerEpoch, link.ReceiveNext = o.Epoch, [exchange.ClassCount]uint64{}
	}
	link.Incarnation, link.Term = o.Incarnation, o.Term
	link.Session, link.Down = o.Session, false
	save(t, TableLink, []byte(o.Peer), link)
	if res := t.greeted(o, link.numbering(&t.self)); res.Code != "" {
		return res
	}
	t.inform(o)
	return Result{}
}

// fenced refuses what an older life, leader or numbering of the peer says. One
// life has at most two numberings for this domain: its own epoch, and the one
// that this domain's life made it begin, after which it never goes back.
func (t *txn) fenced(o *OpenLink, link *Link) Result {
	switch {
	case o.Incarnation < link.Incarnation || o.Incarnation == link.Incarnation && o.Term < link.Term:
		return refuse(exchange.Denied, "fenced: %s greets with incarnation %d term %d, but %d term %d is known", o.Peer, o.Incarnation, o.Term, link.Incarnation, link.Term)
	case o.Incarnation == link.Incarnation && link.PeerLife != [16]byte{} && link.PeerLife != o.Life:
		return refuse(exchange.Denied, "fenced: %s began another life under incarnation %d; a restored domain has a higher one", o.Peer, o.Incarnation)
	case link.PeerLife == o.Life && link.PeerEpoch != o.Epoch && link.PeerEpoch == t.derive(o.Life, t.self.Epoch):
		return refuse(exchange.Denied, "fenced: %s greets with a numbering that has ended", o.Peer)
	}
	return Result{}
}

// greeted takes what the peer expects next for an acknowledgement: the last
// ones of an earlier session may not have been committed here.
func (t *txn) greeted(o *OpenLink, numbering [16]byte) Result {
	if o.KnownEpoch != numbering {
		return Result{}
	}
	for class, next := range o.ReceiveNext {
		if next > 1 {
			if res := t.ack(&Ack{Peer: o.Peer, Class: exchange.Class(class), UpTo: next - 1}); res.Code != "" {
				return res
			}
		}
	}
	return Result{}
}

// inform queues the statements that a peer lacks and that are not queued for
// it already.
func (t *txn) inform(o *OpenLink) {
	t.tell(o.Peer, TableDirectory, o.Directory, func(s crypto.Signed) exchange.Message { return exchange.Message{Directory: &s} })
	t.tell(o.Peer, TableUnits, o.Units, func(s crypto.Signed) exchange.Message { return exchange.Message{Units: &s} })
	t.tell(o.Peer, TablePolicy, o.Policy, func(s crypto.Signed) exchange.Message { return exchange.Message{Policy: &s} })
}

func (t *txn) tell(peer exchange.Domain, table Table, has map[exchange.Domain]uint64, wrap func(crypto.Signed) exchange.Message) {
	type latest struct {
		issuer exchange.Domain
		signed crypto.Signed
		number uint64
	}
	var lacks []latest
	t.scan(table, nil, func(k, raw []byte) {
		issuer := exchange.Domain(k)
		s, err := exchange.DecodeStored[crypto.Signed](raw)
		number, ok := statementNumber(table, s)
		if err != nil || !ok {
			t.fail("the statement of %s in table %d cannot be read", issuer, table)
			return
		}
		if table == TablePolicy && peer == t.self.Parent && !t.cameDown(issuer, peer) {
			return
		}
		if number > has[issuer] && t.told(peer, table, issuer) < number {
			lacks = append(lacks, latest{issuer, s, number})
		}
	})
	for _, l := range lacks {
		t.markTold(peer, table, l.issuer, l.number)
		t.assign(peer, exchange.ClassControl, QueueRow{Message: exchange.Encode(wrap(l.signed))})
	}
}

// cameDown reports whether a policy of an issuer came through this domain's
// superior. Policy goes down; up goes only what a superior that was restored
// forgot, of its own or of those above it.
func (t *txn) cameDown(issuer, superior exchange.Domain) bool {
	return issuer == superior || t.level() >= 2 && issuer != t.self.Domain
}

func (t *txn) forgetTold(peer exchange.Domain) {
	t.scan(TableTold, pair(string(peer), nil), func(k, _ []byte) { t.delete(TableTold, k) })
}
