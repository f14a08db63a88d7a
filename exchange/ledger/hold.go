package ledger

import (
	"encoding/binary"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// MostHeld bounds the quarantined messages that are kept whole. Beyond it a
// message is kept by its digest, so that a neighbour that sends nothing but
// rubbish does not fill the disk; what it was about is still queued, or
// expires, where it came from.
const MostHeld = 10_000

// Stumble counts that a message could not be judged when it was its turn. A
// message that is not next any more is not counted.
type Stumble struct {
	Peer     exchange.Domain `cbor:"1,keyasint"`
	Epoch    [16]byte        `cbor:"2,keyasint"` // the peer's
	Class    exchange.Class  `cbor:"3,keyasint"`
	Sequence uint64          `cbor:"4,keyasint"`
	Reason   string          `cbor:"5,keyasint"`
}

// StumbleRow is the message of a link and class that was tried in vain. It is
// replaced by the next one that stumbles, and means nothing once the cursor is
// beyond its sequence.
type StumbleRow struct {
	Epoch    [16]byte      `cbor:"1,keyasint"`
	Sequence uint64        `cbor:"2,keyasint"`
	Tries    uint32        `cbor:"3,keyasint"`
	Reason   string        `cbor:"4,keyasint"`
	Since    exchange.Time `cbor:"5,keyasint"`
}

// Release processes a held message again, as it was prepared now. With
// Returned an officer refused it, and Row holds the receipts that say so.
type Release struct {
	Number   uint32          `cbor:"1,keyasint"`
	Peer     exchange.Domain `cbor:"2,keyasint"`
	Row      ReceivedRow     `cbor:"3,keyasint"`
	Returned bool            `cbor:"4,keyasint,omitempty"`
	Unit     exchange.Unit   `cbor:"5,keyasint"`
	Person   exchange.Person `cbor:"6,keyasint"`
}

// Dismiss drops a held message that cannot be processed at all.
type Dismiss struct {
	Number uint32          `cbor:"1,keyasint"`
	Peer   exchange.Domain `cbor:"2,keyasint"`
	Unit   exchange.Unit   `cbor:"3,keyasint"`
	Person exchange.Person `cbor:"4,keyasint"`
	// Refusal answers an envelope that its origin signed and that came damaged.
	Refusal *crypto.Signed `cbor:"5,keyasint,omitempty"`
}

// stumble counts an attempt in vain. The receiver's cursor tells whose turn it
// is, so that a message is counted once however often its session was tried.
func (t *txn) stumble(s *Stumble) Result {
	link, ok := load[Link](t, TableLink, []byte(s.Peer))
	if !ok || s.Epoch != link.PeerEpoch || s.Class >= exchange.ClassCount {
		return refuse(exchange.Denied, "fenced: the session with %s is superseded", s.Peer)
	}
	if s.Sequence != max(link.ReceiveNext[s.Class], 1) {
		return Result{}
	}
	key := QueuePrefix(s.Peer, s.Class)
	row, _ := load[StumbleRow](t, TableStumble, key)
	if row.Epoch != s.Epoch || row.Sequence != s.Sequence {
		row = StumbleRow{Epoch: s.Epoch, Sequence: s.Sequence, Since: t.now}
	}
	row.Tries, row.Reason = row.Tries+1, s.Reason
	save(t, TableStumble, key, row)
	return Result{}
}

// tries takes over how often a message stumbled before it was held.
func (t *txn) tries(peer exchange.Domain, row *ReceivedRow) uint32 {
	s, ok := load[StumbleRow](t, TableStumble, QueuePrefix(peer, row.Class))
	if !ok || s.Sequence != row.Sequence {
		return 0
	}
	t.delete(TableStumble, QueuePrefix(peer, row.Class))
	return s.Tries
}

func (t *txn) holdFor(peer exchange.Domain, row *ReceivedRow, reason string) Result {
	row.Quarantine = reason
	return t.hold(peer, row)
}

// hold quarantines a message that cannot be processed; the link goes on. What
// was held already stays as it was, and the command is refused.
func (t *txn) hold(peer exchange.Domain, row *ReceivedRow) Result {
	reason := row.Quarantine
	if reason == "" {
		reason = "the message cannot be read"
	}
	if t.again {
		return refuse(exchange.Conflict, "it still cannot be processed: %s", reason)
	}
	c, _ := load[Counts](t, TableMeta, keyCounts)
	c.Held, c.LastHeld = c.Held+1, c.LastHeld+1
	save(t, TableMeta, keyCounts, c)
	held := HeldRow{Peer: peer, Reason: reason, Message: row.Message, At: t.now, Class: row.Class, Sequence: row.Sequence,
		Digest: row.Digest, Tries: t.tries(peer, row)}
	if held.Digest.IsZero() {
		held.Digest = t.sum(row.Message)
	}
	if c.Held > MostHeld {
		held.Message = nil
	}
	save(t, TableHeld, HeldKey(peer, uint32(c.LastHeld)), held)
	t.note(Event{Kind: EventQuarantined, Domain: peer, Digest: held.Digest})
	return Result{}
}

// release processes a held message as if it came now. The cursor has passed it
// long ago and does not move.
func (t *txn) release(c *Release) Result {
	held, res := t.takeHeld(c.Peer, c.Number)
	if res.Code != "" {
		return res
	}
	if len(held.Message) == 0 || t.sum(c.Row.Message) != held.Digest {
		return refuse(exchange.Conflict, "held message %d is kept by its digest only, or is another one; it can only be returned", c.Number)
	}
	e := Event{Kind: EventReleased, Domain: c.Peer, Digest: held.Digest, Unit: c.Unit, Person: c.Person}
	if c.Returned {
		e.Kind = EventSentBack
	}
	t.note(e)
	t.again = true
	return t.receiveRow(c.Peer, &c.Row)
}

// dismiss drops a held message.
func (t *txn) dismiss(c *Dismiss) Result {
	held, res := t.takeHeld(c.Peer, c.Number)
	if res.Code != "" {
		return res
	}
	e := Event{Kind: EventDismissed, Domain: c.Peer, Digest: held.Digest, Unit: c.Unit, Person: c.Person}
	if c.Refusal != nil {
		e.Kind = EventSentBack
		if res := t.answer(c.Peer, *c.Refusal); res.Code != "" {
			return res
		}
	}
	t.note(e)
	return Result{}
}

func (t *txn) takeHeld(peer exchange.Domain, number uint32) (HeldRow, Result) {
	held, ok := load[HeldRow](t, TableHeld, HeldKey(peer, number))
	if !ok {
		return held, refuse(exchange.NotFound, "no message %d is held; somebody may have dealt with it meanwhile", number)
	}
	t.delete(TableHeld, HeldKey(peer, number))
	t.count(0, -1)
	return held, Result{}
}

// HeldKey is the key of TableHeld.
func HeldKey(peer exchange.Domain, number uint32) []byte {
	return sequenceKey(pair(string(peer), nil), number)
}

// NumberedHeld is a held message with its number in the domain.
type NumberedHeld struct {
	HeldRow
	Number uint32
}

// Held lists quarantined messages of a link, oldest first; of all links when
// peer is "", link by link.
func Held(r Reader, peer exchange.Domain) (out []NumberedHeld, err error) {
	var prefix []byte
	if peer != "" {
		prefix = pair(string(peer), nil)
	}
	r.Scan(TableHeld, prefix, nil, func(k, raw []byte) bool {
		h, e := exchange.DecodeStored[HeldRow](raw)
		if err = e; err != nil {
			return false
		}
		out = append(out, NumberedHeld{h, binary.BigEndian.Uint32(k[len(k)-4:])})
		return true
	})
	return out, err
}

// StumbleOf returns the message of a link and class that is tried in vain now;
// false when there is none.
func StumbleOf(r Reader, peer exchange.Domain, class exchange.Class) (StumbleRow, bool, error) {
	row, ok, err := Get[StumbleRow](r, TableStumble, QueuePrefix(peer, class))
	if !ok || err != nil {
		return row, false, err
	}
	link, _, err := LinkOf(r, peer)
	return row, err == nil && row.Epoch == link.PeerEpoch && row.Sequence == max(link.ReceiveNext[class], 1), err
}
