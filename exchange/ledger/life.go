package ledger

import (
	"slices"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Renew begins a new life of the domain: its state was restored from a backup
// or recovered from the loss of a majority, so what it sent, received and
// signed afterwards is unknown to it. The incarnation rises, everything that it
// sends is numbered anew, and neighbours give back what they know.
type Renew struct {
	Token       [16]byte `cbor:"1,keyasint"` // of the mark; one that was seen is ignored
	Incarnation uint64   `cbor:"2,keyasint"` // higher than any that was ever used
	Epoch       [16]byte `cbor:"3,keyasint"` // random
	Reason      string   `cbor:"4,keyasint"`
	Index       uint64   `cbor:"5,keyasint,omitempty"` // of the state that was restored; zero: not known
}

// Life is one life that was begun by Renew.
type Life struct {
	Incarnation uint64        `cbor:"1,keyasint"`
	Epoch       [16]byte      `cbor:"2,keyasint"`
	Reason      string        `cbor:"3,keyasint"`
	At          exchange.Time `cbor:"4,keyasint"` // ledger time of its beginning
	Since       exchange.Time `cbor:"5,keyasint"` // ledger time of the state it began from
	Index       uint64        `cbor:"6,keyasint"` // log index at which it began
}

// level is the feature level that a kind of command needs.
func (c *Command) level() uint32 {
	if slices.Contains([]bool{c.Renew != nil, c.Asked != nil, c.Walk != nil,
		c.Stumble != nil, c.Release != nil, c.Dismiss != nil, c.Close != nil, c.Delay != nil, c.Bounce != nil, c.Collect != nil}, true) { // kinds of level 2
		return 2
	}
	return 0
}

// StatementBase is the number below which a domain of that incarnation signs
// no statement any more: each life numbers in a range of its own, so that a
// statement it forgot is never contradicted by another of the same number.
func StatementBase(incarnation uint64) uint64 {
	if incarnation <= 1 {
		return 0
	}
	return incarnation << 32
}

// NextNumber follows number in the range of an incarnation.
func NextNumber(number, incarnation uint64) uint64 {
	return max(number, StatementBase(incarnation)) + 1
}

// renew begins the life, unless the mark's state is one that was begun from
// already: by this token, or by that of another replica with the same state.
func (t *txn) renew(c *Renew) Result {
	if c.Token == [16]byte{} || c.Epoch == [16]byte{} || c.Epoch == t.self.Epoch {
		return refuse(exchange.Invalid, "a new life needs a token and an epoch of its own")
	}
	if t.has(TableLife, c.Token[:]) || c.Index != 0 && t.lastLife().Index > c.Index {
		return Result{Replayed: true}
	}
	if c.Incarnation <= t.self.Incarnation || c.Incarnation >= 1<<31 {
		return refuse(exchange.Invalid, "incarnation %d does not follow %d", c.Incarnation, t.self.Incarnation)
	}
	t.self.Incarnation = c.Incarnation
	if !mutantReuseSequence {
		t.self.Epoch = c.Epoch
	}
	save(t, TableMeta, keyDomain, t.self)
	save(t, TableLife, slices.Clone(c.Token[:]), Life{Incarnation: c.Incarnation, Epoch: c.Epoch, Reason: c.Reason, At: t.now, Since: t.was, Index: t.index})
	for _, peer := range t.neighbours(false) {
		if !mutantReuseSequence {
			t.renewLink(peer)
		}
	}
	t.expectAll()
	t.note(Event{Kind: EventRenewed, Domain: t.self.Domain})
	return Result{}
}

// renewLink numbers what waits for a peer anew, in its order, and forgets what
// was known of the peer's numbering: the peer begins anew as well. It remembers
// which life of the peer it knew, for if that has ended meanwhile the peer has
// forgotten something too.
func (t *txn) renewLink(peer exchange.Domain) {
	link, _ := load[Link](t, TableLink, []byte(peer))
	link.SendEpoch, link.PeerEpoch, link.ReceiveNext = [16]byte{}, [16]byte{}, [exchange.ClassCount]uint64{}
	for class := range exchange.Class(exchange.ClassCount) {
		var rows [][]byte
		t.scan(TableQueue, QueuePrefix(peer, class), func(k, raw []byte) {
			if !isVoid(raw) { // it held the place of a sequence that is no more
				rows = append(rows, raw)
			}
			t.delete(TableQueue, k)
		})
		for n, raw := range rows {
			t.put(TableQueue, QueueKey(peer, class, uint64(n)+1), raw)
		}
		link.Acked[class], link.SendNext[class] = 0, uint64(len(rows))+1
	}
	link.allSent()
	save(t, TableLink, []byte(peer), link)
	t.forgetTold(peer)
}

// expectAll waits for every neighbour of the directory to give back what it
// knows, those of later contacts included.
func (t *txn) expectAll() {
	expect := func(peer exchange.Domain) {
		link, _ := load[Link](t, TableLink, []byte(peer))
		link.Regaining = allClasses
		save(t, TableLink, []byte(peer), link)
	}
	if t.self.Parent != "" {
		expect(t.self.Parent)
	}
	t.scan(TableParent, nil, func(k, parent []byte) {
		if exchange.Domain(parent) == t.self.Domain {
			expect(exchange.Domain(slices.Clone(k)))
		}
	})
}

// lastLife is the latest life begun by Renew; zero in the first one.
func (t *txn) lastLife() (last Life) {
	t.scan(TableLife, nil, func(_, raw []byte) {
		l, err := exchange.DecodeStored[Life](raw)
		if err != nil {
			t.fail("a life cannot be read: %v", err)
		}
		if l.Index > last.Index {
			last = l
		}
	})
	return last
}

// LifeOf returns the life that the domain is in; false in its first one.
func LifeOf(r Reader) (last Life, ok bool, err error) {
	lives, err := list[Life](r, TableLife, nil)
	for _, l := range lives {
		if !ok || l.Index > last.Index {
			last, ok = l, true
		}
	}
	return last, ok, err
}

// Asked records that a neighbour greets with an incarnation above the one that
// the directory states, so that the superior's administrator can see it.
type Asked struct {
	Peer        exchange.Domain `cbor:"1,keyasint"`
	Incarnation uint64          `cbor:"2,keyasint"`
	Life        [16]byte        `cbor:"3,keyasint"`
	Reason      string          `cbor:"4,keyasint"` // the peer's claim
	Since       exchange.Time   `cbor:"5,keyasint"` // the peer's claim: the state it was restored from
}

// AskedRow is the latest request of a neighbour.
type AskedRow struct {
	Asked
	At exchange.Time `cbor:"10,keyasint"`
}

func (t *txn) asked(a *Asked) Result {
	if !t.neighbour(a.Peer) {
		return refuse(exchange.Denied, "%s is not a neighbour of %s in the directory", a.Peer, t.self.Domain)
	}
	if known, ok := load[AskedRow](t, TableAsked, []byte(a.Peer)); ok && known.Incarnation == a.Incarnation && known.Life == a.Life {
		return Result{Replayed: true}
	}
	save(t, TableAsked, []byte(a.Peer), AskedRow{Asked: *a, At: t.now})
	t.note(Event{Kind: EventAsked, Domain: a.Peer})
	return Result{}
}

// answered drops the request of a domain whose incarnation is stated now.
func (t *txn) answered(info *exchange.DomainInfo) {
	if row, ok := load[AskedRow](t, TableAsked, []byte(info.Domain)); ok && row.Incarnation <= info.Incarnation {
		t.delete(TableAsked, []byte(info.Domain))
	}
}

// AskedOf lists the requests of neighbours whose incarnation nobody admitted
// yet, by name.
func AskedOf(r Reader) ([]AskedRow, error) { return list[AskedRow](r, TableAsked, nil) }

// numbering names what is sent to a peer: the domain's epoch, until a new life
// of the peer begins another.
func (l *Link) numbering(self *Self) [16]byte {
	if l.SendEpoch != [16]byte{} {
		return l.SendEpoch
	}
	return self.Epoch
}

// Numbering returns the epoch under which rows for a peer are numbered.
func Numbering(self Self, l Link) [16]byte { return l.numbering(&self) }

// derive names the numbering that a life begins towards a neighbour because of
// a life of that neighbour's. It is computed, so that every replica and every
// retry gives the same, and both ends can tell it.
func (t *txn) derive(life, of [16]byte) (epoch [16]byte) {
	d := t.sum([]byte("yizhan/numbering/v1"), life[:], of[:])
	copy(epoch[:], d[:])
	return epoch
}

// IncarnationAt is the incarnation of a life that begins at a time: seconds
// since 2026. A state that is restored twice remembers neither life, and yet
// the second has the higher incarnation.
func IncarnationAt(at exchange.Time) uint64 {
	const era = 1_767_225_600_000 // 2026-01-01 00:00 UTC
	return uint64(max(int64(at)-era, 0) / 1000)
}
