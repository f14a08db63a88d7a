package ledger

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/merkle"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// A neighbour that began a new life has forgotten things that it sent, took in,
// passed on or signed. The walk goes through the audit log, oldest first, and
// says to it again what each event was about, in bounded steps: whatever was
// queued for it meanwhile is an event further on, so nothing is said twice and
// the order of acceptance holds.

// Walk is one step of it.
type Walk struct {
	Peer exchange.Domain `cbor:"1,keyasint"`
	Life [16]byte        `cbor:"2,keyasint"` // the peer's; a step for another life does nothing
}

// WalkRow is how far a walk has come.
type WalkRow struct {
	Cursor uint64        `cbor:"1,keyasint"` // next leaf of the audit log
	From   uint64        `cbor:"2,keyasint"` // leaves when it began
	Began  exchange.Time `cbor:"3,keyasint"`
	Sent   uint64        `cbor:"4,keyasint,omitempty"` // exchanges sent again
	Given  uint64        `cbor:"5,keyasint,omitempty"` // exchanges given back
}

// regainPatience is how long a walk waits for what others give back.
const regainPatience = 10 * time.Minute

const allClasses = 1<<exchange.ClassCount - 1

// Bounds of one step.
const (
	walkLeaves = 2048 // looked at
	walkRows   = 256  // queued
)

// greetLife begins the numbering for another life of a peer, and the walk. What
// was queued is dropped: each of it has its event. At the very first contact
// nothing is owed, unless the peer has lived before.
func (t *txn) greetLife(o *OpenLink, link *Link) {
	first := link.PeerLife == [16]byte{}
	link.PeerLife = o.Life
	if first && t.self.Incarnation > 1 { // there may have been contact in an earlier life
		link.Regaining = allClasses
	}
	if first && o.Incarnation <= 1 {
		return
	}
	t.note(Event{Kind: EventResync, Domain: o.Peer})
	t.forgetTold(o.Peer) // it may have lost statements that it once had
	t.scan(TableQueue, pair(string(o.Peer), nil), func(k, _ []byte) { t.delete(TableQueue, k) })
	link.SendNext, link.Acked, link.Sent = [exchange.ClassCount]uint64{}, [exchange.ClassCount]uint64{}, [exchange.ClassCount]uint64{}
	link.SendEpoch = t.derive(t.self.Epoch, o.Life)
	link.Resyncs++
	link.Walk = &WalkRow{From: t.leaves(), Began: t.now}
}

// leaves is the size of the audit tree before this command.
func (t *txn) leaves() uint64 {
	tree, _ := load[merkle.Frontier](t, TableMeta, keyAudit)
	return tree.Size
}

func (t *txn) walk(c *Walk) Result {
	link, _ := load[Link](t, TableLink, []byte(c.Peer))
	if link.Walk == nil || link.PeerLife != c.Life {
		return Result{Replayed: true}
	}
	w := walker{txn: t, peer: c.Peer, row: *link.Walk, done: map[exchange.ID]bool{}}
	size := t.leaves()
	for n := 0; w.row.Cursor < size && n < walkLeaves && w.rows < walkRows; n++ {
		e, ok := load[Event](t, TableAudit, binary.BigEndian.AppendUint64(nil, w.row.Cursor))
		if ok && !e.Exchange.IsZero() {
			w.again(&e)
		}
		w.row.Cursor++
	}
	link, _ = load[Link](t, TableLink, []byte(c.Peer))
	link.Walk = &w.row
	if w.row.Cursor == size {
		link.Walk = nil
		t.note(Event{Kind: EventResynced, Domain: c.Peer})
	}
	save(t, TableLink, []byte(c.Peer), link)
	for class := range exchange.Class(exchange.ClassCount) {
		if link.Walk == nil {
			t.assign(c.Peer, class, QueueRow{Message: exchange.Encode(exchange.Message{Back: &exchange.Back{Done: c.Life}})})
		}
	}
	return Result{}
}

// walker is one step at work.
type walker struct {
	*txn
	peer exchange.Domain
	row  WalkRow
	rows int
	done map[exchange.ID]bool // by this step
}

func (w *walker) assign(class exchange.Class, row QueueRow) {
	w.rows++
	w.txn.assign(w.peer, class, row)
}

// again says to the peer what the event of one leaf was about. Before the walk
// began, an exchange is told as a whole where custody was taken of it, with all
// that is known by now; what happened since is told as it happened.
//
// Whoever it came from gets it back where it was received: receipts that follow
// need it there. Content that never comes is no reason to keep it back either:
// of what still waits, no later leaf may ever tell.
func (w *walker) again(e *Event) {
	ex, m, res := w.open(e.Exchange)
	if res.Code != "" {
		return // refused, or its body was collected
	}
	relayed := w.took(&ex)
	switch e.Kind {
	case EventOpened, EventDenied, EventRepeated, EventQuarantined:
	case EventReceived:
		if ex.Inline || !relayed || ex.Waiting || ex.Via == w.peer { // else custody came later
			w.whole(&ex, m)
		}
	case EventCustody:
		if !ex.Inline && relayed {
			w.whole(&ex, m)
		}
	case EventSubmitted, EventRegained:
		w.whole(&ex, m)
	case EventReceipt, EventActed, EventRecalled, EventGivenUp:
		if w.row.Cursor >= w.row.From {
			w.receipt(&ex, m, e.Digest)
		}
	case EventNotice:
		if w.row.Cursor >= w.row.From {
			w.recallAgain(m, exchange.ClassOf(m.Urgency), w.beyond(&ex, m), e.Digest)
		}
	default:
		if w.row.Cursor >= w.row.From {
			w.whole(&ex, m)
		}
	}
}

// took reports whether this domain took custody to pass something on.
func (t *txn) took(ex *Exchange) bool {
	_, own := t.ownCustody(ex)
	return own
}

func (t *txn) ownCustody(ex *Exchange) (crypto.Signed, bool) {
	for _, s := range slices.Backward(ex.Custody) {
		if r, ok := decodeReceipt(s); ok && r.Domain == t.self.Domain {
			return s, true
		}
	}
	return crypto.Signed{}, false
}

// whole sends an exchange again, or gives it back with what is known.
func (w *walker) whole(ex *Exchange, m *exchange.Manifest) {
	if w.done[m.ID] {
		return
	}
	w.done[m.ID] = true
	if ex.Via == w.peer {
		w.giveBack(ex, m, exchange.ClassControl, ex.Deliveries)
		return
	}
	passed := w.beyond(ex, m)
	if len(passed) == 0 {
		return
	}
	class := exchange.ClassOf(m.Urgency)
	if w.proven(m, passed) {
		w.giveBack(ex, m, class, passed)
		w.recallAgain(m, class, passed, crypto.Digest{})
		return
	}
	if ex.Waiting || w.row.Began == 0 {
		return // it is sent when its chunks are here, or was queued by this command
	}
	if open := slices.DeleteFunc(passed, func(i uint16) bool { d, _ := w.delivery(m.ID, i); return d.State.Final() }); len(open) > 0 {
		w.row.Sent++
		for _, row := range w.passages(m, ex, open) {
			row.Sent = w.row.Cursor < w.row.From
			w.assign(class, row)
		}
		if !ex.Inline {
			w.put(TableOffer, pair(string(w.peer), m.ID[:]), offerBack)
		}
		w.recallAgain(m, class, open, crypto.Digest{})
	}
}

// beyond lists the deliveries that this domain passed on to the peer, or has
// to: those that it refused or withdrew itself never went there, as far as it knows.
func (w *walker) beyond(ex *Exchange, m *exchange.Manifest) (out []uint16) {
	for _, i := range ex.Deliveries {
		d, ok := w.delivery(m.ID, i)
		own := d.Where == w.self.Domain && (d.State == exchange.Refused || d.State == exchange.Recalled)
		if !ok || d.State == exchange.Arriving || own && !w.outrun(m, i) {
			continue
		}
		if dest := m.To[i].Unit.Domain(); dest != w.self.Domain {
			if p, ok := w.toward(dest); ok && p == w.peer {
				out = append(out, i)
			}
		}
	}
	return out
}

// proven reports whether the peer, or somebody beyond it, is known to have had
// any of these deliveries.
func (w *walker) proven(m *exchange.Manifest, deliveries []uint16) (found bool) {
	w.receipts(m.ID, func(_ uint32, r *exchange.Receipt, _ crypto.Signed) {
		if r.Domain != w.self.Domain && slices.ContainsFunc(deliveries, r.Covers) {
			p, ok := w.toward(r.Domain)
			found = found || ok && p == w.peer
		}
	})
	return found
}

// receipts calls fn for each stored receipt, with its number of arrival.
func (t *txn) receipts(id exchange.ID, fn func(n uint32, r *exchange.Receipt, s crypto.Signed)) {
	t.scan(TableReceipt, id[:], func(k, raw []byte) {
		s, err := exchange.DecodeStored[crypto.Signed](raw)
		r, ok := decodeReceipt(s)
		if err != nil || !ok {
			t.fail("a receipt of %s cannot be read", id)
			return
		}
		fn(binary.BigEndian.Uint32(k[len(k)-4:]), &r, s)
	})
}

// offerBack marks chunks that are offered to whoever forgot them: they stay on
// offer until it says that it has them, for its receipts are known already.
var offerBack = []byte{1}

// mostBack bounds the receipts that ride with an exchange, in bytes.
const mostBack = 192 << 10

// giveBack queues an exchange with the receipts about these deliveries. The
// peer's own come first, for by them it knows what it said already; what does
// not fit follows by itself. To the origin's side it goes as control, before the
// receipts that follow; to the other side in its class, before its recall.
func (w *walker) giveBack(ex *Exchange, m *exchange.Manifest, class exchange.Class, deliveries []uint16) {
	var back []uint32
	var later []crypto.Signed
	size := 0
	for _, own := range []bool{true, false} {
		w.receipts(m.ID, func(n uint32, r *exchange.Receipt, s crypto.Signed) {
			if (r.Domain == w.peer || r.State == exchange.Accepted || r.State == exchange.Relayed) != own || !slices.ContainsFunc(deliveries, r.Covers) {
				return
			}
			if size += len(s.Bytes) + 128; size > mostBack {
				later = append(later, s)
				return
			}
			back = append(back, n)
		})
	}
	slices.Sort(back)
	w.row.Given++
	w.assign(class, QueueRow{Exchange: m.ID, Deliveries: deliveries, Back: back, Lacks: ex.Waiting})
	if ex.Waiting && !w.has(TableWaiting, waitingKey(w.peer, m)) { // whoever gets it back may have chunks that are lost here
		w.lookAt(w.peer, m, ex)
	}
	if !ex.Inline {
		w.put(TableOffer, pair(string(w.peer), m.ID[:]), offerBack)
	}
	for _, s := range later {
		w.assign(class, QueueRow{Message: exchange.Encode(exchange.Message{Receipt: &s})})
	}
}

// receipt sends one receipt again, if it goes to the peer.
func (w *walker) receipt(ex *Exchange, m *exchange.Manifest, digest crypto.Digest) {
	if ex.Via != w.peer {
		return
	}
	w.receipts(m.ID, func(_ uint32, _ *exchange.Receipt, s crypto.Signed) {
		if w.sum(s.Bytes) == digest {
			w.assign(exchange.ClassControl, QueueRow{Message: exchange.Encode(exchange.Message{Receipt: &s})})
		}
	})
}

// recallAgain passes on what the origin asked about deliveries that are not
// over: one notice of that digest, or every recall.
func (w *walker) recallAgain(m *exchange.Manifest, class exchange.Class, deliveries []uint16, digest crypto.Digest) {
	for _, s := range w.notices(m.ID) {
		n, ok := decodeNotice(s)
		if !ok || (digest.IsZero() && n.Kind != exchange.Recall) || (!digest.IsZero() && w.sum(s.Bytes) != digest) {
			continue
		}
		if slices.ContainsFunc(deliveries, func(i uint16) bool {
			d, _ := w.delivery(m.ID, i)
			return slices.Contains(n.Deliveries, i) && (!d.State.Final() || w.outrun(m, i))
		}) {
			w.assign(class, QueueRow{Message: exchange.Encode(exchange.Message{Notice: &s})})
		}
	}
}

// keepNotice stores a notice once, so that it can be passed on again.
func (t *txn) keepNotice(id exchange.ID, s crypto.Signed) bool {
	digest := t.sum(s.Bytes)
	for _, known := range t.notices(id) {
		if t.sum(known.Bytes) == digest {
			return false
		}
	}
	save(t, TableNotice, sequenceKey(id[:], t.next(TableNotice, id[:])), s)
	return true
}

// notices lists what the origin asked about an exchange.
func (t *txn) notices(id exchange.ID) (out []crypto.Signed) {
	t.scan(TableNotice, id[:], func(_, raw []byte) {
		s, err := exchange.DecodeStored[crypto.Signed](raw)
		if err != nil {
			t.fail("a notice of %s cannot be read", id)
			return
		}
		out = append(out, s)
	})
	return out
}

// Owed lists the walks that may go on: those whose peer has acknowledged all
// but a number of rows. While this domain itself waits for what a third
// neighbour gives back, it does not know yet what it knew of the peer's
// exchanges, and its walks wait. Domains are a tree, so nobody waits for
// himself.
//
// It waits ten minutes at most. What comes later is passed on when it comes, so
// that a neighbour that never came to life holds up nobody for ever.
func Owed(r Reader, most uint64) (out []Walk, err error) {
	life, _, err := LifeOf(r)
	if err != nil {
		return nil, err
	}
	patient := TimeOf(r) < life.At.Add(regainPatience)
	links := map[exchange.Domain]Link{}
	regaining := 0
	for _, peer := range Links(r) {
		link, _, err := LinkOf(r, peer)
		if err != nil {
			return nil, err
		}
		links[peer] = link
		if link.Regaining != 0 {
			regaining++
		}
	}
	for _, peer := range Links(r) {
		link := links[peer]
		if others := regaining; link.Walk != nil && Unacknowledged(link) < most {
			if link.Regaining != 0 {
				others--
			}
			if others == 0 || !patient {
				out = append(out, Walk{Peer: peer, Life: link.PeerLife})
			}
		}
	}
	return out, nil
}

// Leaves is the size of the audit log.
func Leaves(r Reader) uint64 {
	tree, _, _ := AuditOf(r)
	return tree.Size
}
