package ledger

import (
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// MaxInFlight is how many rows of a class may have been handed out beyond what
// the peer is known here to have. It is above the largest window of a link
// (1024 messages) by what may be acknowledged there and not yet committed here.
const MaxInFlight = 4096

// Reasons that a deadline's receipt gives beside "deadline".
const (
	ReasonNotSent = "not_sent" // the content never left; what bounced cannot arrive any more
	ReasonInDoubt = "in_doubt" // it may have been sent; a receipt from further on supersedes
)

// Withdrawn names a queued row that was not sent, and the signed VOID that takes
// its place when nothing is left in it.
type Withdrawn struct {
	Peer     exchange.Domain `cbor:"1,keyasint"`
	Class    exchange.Class  `cbor:"2,keyasint"`
	Sequence uint64          `cbor:"3,keyasint"`
	Void     crypto.Signed   `cbor:"4,keyasint"`
}

// Close says that sessions ended. A session that is not the last one opened is
// passed over.
type Close struct {
	Sessions []Ended `cbor:"1,keyasint"`
}

// Ended names one session.
type Ended struct {
	Peer    exchange.Domain `cbor:"1,keyasint"`
	Session [16]byte        `cbor:"2,keyasint"`
}

// MaySend is the last sequence of a class that may have been handed out to the
// peer, by whichever replica led. Nothing above it may be handed out, and what
// is above it may be taken back.
//
// It costs no commit of its own for a row: while a session may be open it
// follows what is acknowledged, and when the session is known to have ended it
// stands still. It never falls, in whatever order replicas see the log: a
// replica that lags hands out only what was below it then.
func (l *Link) MaySend(class exchange.Class) uint64 {
	switch {
	case l.Down:
		return l.Sent[class]
	case l.PeerEpoch == [16]byte{}:
		return 0 // no session was ever opened
	}
	return l.Acked[class] + MaxInFlight
}

// allSent counts everything that is queued as possibly sent. Whoever numbers a
// queue anew calls it: the rows may have gone out under their former numbers.
func (l *Link) allSent() {
	l.Down = true
	for class := range l.Sent {
		l.Sent[class] = max(l.SendNext[class], 1) - 1
	}
}

// isVoid reports whether a queued row holds the place of one that was withdrawn.
func isVoid(raw []byte) bool {
	row, err := exchange.DecodeStored[QueueRow](raw)
	if err != nil || !row.Exchange.IsZero() {
		return false
	}
	m, err := exchange.DecodeStored[exchange.Message](row.Message)
	return err == nil && m.Void != nil
}

// closeLinks stops the window of sessions that ended.
func (t *txn) closeLinks(c *Close) Result {
	for _, e := range c.Sessions {
		link, ok := load[Link](t, TableLink, []byte(e.Peer))
		if !ok || link.Down || link.Session != e.Session || link.PeerEpoch == [16]byte{} {
			continue
		}
		for class := range exchange.Class(exchange.ClassCount) {
			link.Sent[class] = min(max(link.SendNext[class], 1)-1, link.MaySend(class))
		}
		link.Down = true
		save(t, TableLink, []byte(e.Peer), link)
	}
	return Result{}
}

// unsent finds the row of a delivery among those that are to be taken back. It
// reports false when the row may have been sent, whatever the proposer thought.
func (t *txn) unsent(m *exchange.Manifest, i uint16, d *Delivery, voids []Withdrawn) (Withdrawn, bool) {
	if d.Where != t.self.Domain || d.State != exchange.Accepted && d.State != exchange.Relayed {
		return Withdrawn{}, false
	}
	for _, w := range voids {
		link, ok := load[Link](t, TableLink, []byte(w.Peer))
		if !ok || w.Class >= exchange.ClassCount || w.Sequence <= link.MaySend(w.Class) {
			continue
		}
		row, ok := load[QueueRow](t, TableQueue, QueueKey(w.Peer, w.Class, w.Sequence))
		if ok && !row.Sent && row.Exchange == m.ID && slices.Contains(row.Deliveries, i) {
			return w, true
		}
	}
	return Withdrawn{}, false
}

// takeBack takes a delivery out of a row that was not sent. A row of which
// nothing is left becomes VOID, and its chunks are not offered any more.
func (t *txn) takeBack(m *exchange.Manifest, i uint16, w Withdrawn) {
	key := QueueKey(w.Peer, w.Class, w.Sequence)
	row, _ := load[QueueRow](t, TableQueue, key)
	row.Deliveries = slices.DeleteFunc(slices.Clone(row.Deliveries), func(k uint16) bool { return k == i })
	if len(row.Deliveries) == 0 {
		row = QueueRow{Message: exchange.Encode(exchange.Message{Void: &w.Void}), At: row.At}
		t.delete(TableOffer, pair(string(w.Peer), m.ID[:]))
		t.note(Event{Kind: EventWithdrawn, Exchange: m.ID, Domain: w.Peer, Digest: t.sum(w.Void.Bytes)})
	}
	save(t, TableQueue, key, row)
}

// giveUp takes back what a deadline ends before it was sent. A receipt that
// says so must be true of all its deliveries.
func (t *txn) giveUp(m *exchange.Manifest, r *exchange.Receipt, voids []Withdrawn) Result {
	notSent := slices.Contains(r.Reasons, ReasonNotSent)
	for _, i := range r.Deliveries {
		d, _ := t.delivery(m.ID, i)
		w, unsent := t.unsent(m, i, &d, voids)
		if unsent != notSent {
			return refuse(exchange.Stale, "whether delivery %d was sent changed meanwhile", i)
		}
		if unsent {
			t.takeBack(m, i, w)
		}
	}
	return Result{}
}

// FindQueued returns the sequence of an exchange's row for a peer, if it was not
// sent. since is when it was taken into custody, or before. Sequences of a class
// have no gaps and ascend with time, so that a long queue is not read whole.
func FindQueued(r Reader, peer exchange.Domain, class exchange.Class, id exchange.ID, since exchange.Time) (uint64, bool, error) {
	link, ok, err := LinkOf(r, peer)
	if err != nil || !ok {
		return 0, false, err
	}
	lo, hi := max(link.MaySend(class), link.Acked[class])+1, max(link.SendNext[class], 1)
	for lo < hi { // the first row that is not older than since
		mid := lo + (hi-lo)/2
		row, ok, err := Get[QueueRow](r, TableQueue, QueueKey(peer, class, mid))
		if err != nil || !ok {
			return 0, false, err
		}
		if row.At < since {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	var at uint64
	looked := 0
	err = QueueRows(r, peer, class, lo-1, func(sequence uint64, row QueueRow) bool {
		if row.Exchange == id && !row.Sent {
			at = sequence
		}
		looked++
		return at == 0 && looked < mostLooked
	})
	return at, at != 0, err
}

// mostLooked bounds the search of a queue: what is not found counts as sent.
const mostLooked = 10_000
