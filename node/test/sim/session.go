package sim

import (
	"context"
	"slices"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
)

// end is one side of an open session: it sends what is queued, commits what
// arrives, and acknowledges it. Frames arrive in the order they were sent, until
// the connection is lost with all that is on its way; each end notices by itself.
type end struct {
	l       *link
	w       *world
	p       *proc
	peer    exchange.Domain
	session delivery.Session
	other   *end
	open    bool
	closed  bool
	lost    bool // nothing that is sent arrives any more
	window  int
	arrives exchange.Time // the last frame sent, at the other end
	flight  [exchange.ClassCount][2]uint64
	inbox   []delivery.Row
	busy    bool                        // committing
	noted   bool                        // acknowledgements wait to be committed
	kept    [exchange.ClassCount]uint64 // of them: those that are
	bulk    bulk
	waits   *task // the dialer, until the end
}

// In flight[class]: what was read and sent, and what was acknowledged.
const (
	sent = iota
	acknowledged
)

func newEnd(l *link, p *proc, peer exchange.Domain, s delivery.Session) *end {
	e := &end{l: l, w: l.w, p: p, peer: peer, session: s, window: 2 + l.w.rng.IntN(24)}
	e.bulk.init()
	p.ends = append(p.ends, e)
	return e
}

// begin starts to send after what the peer says that it has, if it speaks of
// this numbering.
func (e *end) begin(theirs, mine delivery.Greeting) {
	for c := range e.flight {
		if theirs.ReceiveEpoch == mine.SendEpoch {
			have := max(theirs.ReceiveNext[c], 1) - 1
			e.flight[c], e.kept[c] = [2]uint64{have, have}, have
		}
	}
	e.open = true
	e.p.changed()
}

// send hands a frame to the other end, later, unless the connection is lost.
func (e *end) send(most time.Duration, arrive func(to *end)) {
	to := e.other
	if e.closed || to == nil {
		return
	}
	if e.w.hits(SlowLink, 1, 25) {
		most = 3 * time.Second
	}
	e.arrives = max(e.arrives, e.w.now.Add(e.w.between(1*time.Millisecond, most)))
	e.w.after(time.Duration(e.arrives-e.w.now)*time.Millisecond, func() {
		if !e.lost && !e.l.parted && !to.closed && to.p.gone() == nil {
			arrive(to)
		}
	})
}

// pump sends queued rows, classes in any order, as far as the window goes.
func (e *end) pump() {
	if !e.open || e.closed || e.p.gone() != nil {
		return
	}
	for _, n := range e.w.rng.Perm(exchange.ClassCount) {
		c := exchange.Class(n)
		room := e.window - int(e.flight[c][sent]-e.flight[c][acknowledged])
		if room <= 0 {
			continue
		}
		rows, err := e.p.station.Next(e.peer, c, e.flight[c][sent], room, 64<<10)
		if err != nil {
			e.w.expect("reading what is queued", err, exchange.Unavailable, exchange.Unknown)
			e.close("nothing can be read")
			return
		}
		for _, row := range rows {
			if row.Sequence != e.flight[c][sent]+1 {
				e.w.tracef("%s has sequence %d for %s, which expects %d", e.p.r.g.info.Domain, row.Sequence, e.peer, e.flight[c][sent]+1)
				e.close("conflict")
				return
			}
			e.flight[c][sent]++
			e.w.watch.sent(e, row)
			e.w.countVoid(row)
			e.send(25*time.Millisecond, func(to *end) { to.arrived(row) })
		}
	}
}

// arrived takes a row in and begins to commit.
func (e *end) arrived(row delivery.Row) {
	e.inbox = append(e.inbox, row)
	e.w.Plant.onArrive(e, row)
	if !e.busy {
		e.busy = true
		e.w.spawn("commit", e.commit)
	}
}

// commit hands batches to the station, one at a time.
func (e *end) commit() {
	defer func() { e.busy = false }()
	for len(e.inbox) > 0 {
		if e.closed && !e.late() {
			return
		}
		n := 1 + e.w.rng.IntN(len(e.inbox))
		batch := slices.Clone(e.inbox[:n])
		e.inbox = e.inbox[n:]
		if err := e.p.station.Receive(context.Background(), e.session, batch); err != nil {
			e.failed("receiving", err)
			return
		}
		e.w.stats.Rows += n
		var last [exchange.ClassCount]uint64
		for _, row := range batch {
			last[row.Class] = row.Sequence
		}
		for c, upTo := range last {
			if upTo > 0 {
				e.answer(exchange.Class(c), upTo)
			}
		}
	}
}

// late lets an ended session commit what it had taken in, perhaps when the next
// session is open already.
func (e *end) late() bool {
	if !e.w.hits(LateRows, 1, 2) {
		return false
	}
	e.w.pause(0, 2*time.Second)
	return e.p.gone() == nil
}

// answer tells the peer that a row is committed here.
func (e *end) answer(c exchange.Class, upTo uint64) {
	e.send(25*time.Millisecond, func(to *end) { to.acked(c, upTo) })
}

// failed ends the session for an ordinary reason. A conflict is one only while
// an older session of the link may still be at work.
func (e *end) failed(what string, err error) {
	e.w.expect(what+" at "+string(e.p.r.g.info.Domain), err, exchange.Unavailable, exchange.Unknown, exchange.Denied, exchange.Stale, exchange.Conflict)
	e.w.tracef("%s from %s: %v", e.p.r.g.info.Domain, e.peer, err)
	e.close(string(exchange.CodeOf(err)))
}

// acked moves the window, and has the station move its cursor a little later.
func (e *end) acked(c exchange.Class, upTo uint64) {
	e.flight[c][acknowledged] = max(e.flight[c][acknowledged], upTo)
	e.pump()
	if !e.noted {
		e.noted = true
		e.w.after(e.w.between(30*time.Millisecond, 400*time.Millisecond), func() { e.w.spawn("acknowledge", e.acknowledge) })
	}
}

func (e *end) acknowledge() {
	e.noted = false
	for c, f := range e.flight {
		if e.closed || f[acknowledged] <= e.kept[c] {
			continue
		}
		e.kept[c] = f[acknowledged]
		if err := e.p.station.Acknowledged(context.Background(), e.session, exchange.Class(c), f[acknowledged]); err != nil {
			e.failed("acknowledging", err)
			return
		}
	}
}

// close ends this end. The other one notices that nothing comes any more.
func (e *end) close(why string) {
	if e.closed {
		return
	}
	e.closed, e.lost = true, true
	e.p.ends = slices.DeleteFunc(slices.Clone(e.p.ends), func(x *end) bool { return x == e })
	e.w.tracef("session of %s %s with %s ends: %s", e.p.r.g.info.Domain, e.p.r.name, e.peer, why)
	if e.waits != nil {
		e.w.wake(e.waits, e.w.between(0, 50*time.Millisecond))
	}
	e.tellClosed()
	if e.other != nil {
		e.other.closeLater("the other end is gone")
	}
}

// closeLater closes when silence is noticed.
func (e *end) closeLater(why string) {
	most := 300 * time.Millisecond
	if e.w.hits(SlowLink, 1, 3) {
		most = 8 * time.Second
	}
	e.w.after(e.w.between(1*time.Millisecond, most), func() { e.close(why) })
}

// addresses is a set that remembers until when an address is set aside.
type addresses map[crypto.Digest]exchange.Time
