package sim

import (
	"context"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
)

// link is a child's connection to its parent, as node/link makes it: the child
// dials, greets, and both ends then pump rows and pull chunks.
type link struct {
	w             *world
	child, parent *group
	parted        bool // nothing gets through
}

// dial keeps a session open for as long as a process leads the child's domain.
func (l *link) dial(p *proc, still func() bool) {
	w := l.w
	wait := 50 * time.Millisecond
	for n := w.rng.IntN(3); still(); n++ {
		e, hint := l.attempt(p, l.parent.replicas[n%3])
		if e != nil && !e.closed && !w.over {
			e.waits = w.current
			w.park()
			wait = 50 * time.Millisecond
		}
		if hint != "not leading" {
			wait = min(2*wait, 3*time.Second)
		}
		w.pause(5*time.Millisecond, wait)
	}
}

// attempt shakes hands with one replica of the parent. The steps and their order
// are those of node/link.
func (l *link) attempt(p *proc, to *replica) (*end, string) {
	w, ctx := l.w, context.Background()
	mine, err := p.station.Greet(ctx, l.parent.info.Domain)
	if err != nil {
		return nil, l.refused("the child cannot greet", err)
	}
	if !l.travel() {
		return nil, "lost"
	}
	q := to.proc
	if q == nil || !q.leading {
		return nil, "not leading"
	}
	theirEnd, theirs, err := l.welcome(q, mine)
	if err != nil {
		return nil, l.refused("the parent does not open", err)
	}
	mineEnd, err := l.complete(p, mine, theirs)
	if err != nil {
		theirEnd.closeLater("the child did not complete")
		return nil, l.refused("the child does not open", err)
	}
	mineEnd.other, theirEnd.other = theirEnd, mineEnd
	if theirEnd.closed {
		mineEnd.closeLater("the other end is gone")
	}
	w.stats.Sessions++
	w.tracef("session %s %s term %d to %s %s term %d", l.child.info.Domain, p.r.name, mine.Term, l.parent.info.Domain, to.name, theirs.Term)
	mineEnd.begin(theirs, mine)
	theirEnd.begin(mine, theirs)
	return mineEnd, ""
}

// travel is the time that a greeting takes; it may be lost.
func (l *link) travel() bool {
	l.w.pause(1*time.Millisecond, 30*time.Millisecond)
	return !l.parted && !l.w.hits(CutSession, 1, 20)
}

// refused tells an ordinary failure of a handshake from one that must not be.
func (l *link) refused(what string, err error) string {
	l.w.expect(what, err, exchange.Unavailable, exchange.Unknown, exchange.Denied)
	return string(exchange.CodeOf(err))
}

// welcome is the parent's half: open, greet, replace the session before.
func (l *link) welcome(q *proc, mine delivery.Greeting) (*end, delivery.Greeting, error) {
	w, ctx, peer := l.w, context.Background(), l.child.info.Domain
	for q.greets[peer] { // handshakes of one link are serial
		w.pause(5*time.Millisecond, 20*time.Millisecond)
		if err := q.gone(); err != nil {
			return nil, delivery.Greeting{}, err
		}
	}
	q.greets[peer] = true
	defer func() { q.greets[peer] = false }()
	s, err := q.station.Open(ctx, peer, mine)
	if err != nil {
		return nil, delivery.Greeting{}, err
	}
	theirs, err := q.station.Greet(ctx, peer)
	if err != nil {
		return nil, theirs, err
	}
	if !q.leading {
		return nil, theirs, exchange.Errorf(exchange.Unavailable, "sim.link", "another replica leads")
	}
	e, err := l.register(q, peer, s)
	return e, theirs, err
}

// register makes a session the link's only one at the parent, unless one of a
// higher term is open.
func (l *link) register(q *proc, peer exchange.Domain, s delivery.Session) (*end, error) {
	for _, old := range q.ends {
		if old.peer != peer || old.closed {
			continue
		}
		if old.session.Term > s.Term {
			return nil, exchange.Errorf(exchange.Denied, "sim.link", "a session of a higher term is open")
		}
		old.close("replaced")
	}
	return newEnd(l, q, peer, s), nil
}

// complete is the child's half, when the welcome has come back.
func (l *link) complete(p *proc, mine, theirs delivery.Greeting) (*end, error) {
	ctx, peer := context.Background(), l.parent.info.Domain
	if !l.travel() {
		return nil, exchange.Errorf(exchange.Unavailable, "sim.link", "the welcome is lost")
	}
	s, err := p.station.Open(ctx, peer, theirs)
	if err != nil {
		return nil, err
	}
	now, err := p.station.Greet(ctx, peer)
	if err == nil && now.SendEpoch != mine.SendEpoch {
		err = exchange.Errorf(exchange.Unavailable, "sim.link", "a new numbering begins")
	}
	if err == nil && !p.leading {
		err = exchange.Errorf(exchange.Unavailable, "sim.link", "another replica leads")
	}
	if err != nil {
		return nil, err
	}
	return newEnd(l, p, peer, s), nil
}

// cut ends the session that is open, if any, with all that is on its way. Each end
// notices in its own time.
func (l *link) cut() {
	for _, g := range []*group{l.child, l.parent} {
		for _, r := range g.replicas {
			if r.proc == nil {
				continue
			}
			for _, e := range r.proc.ends {
				if e.l == l && !e.closed {
					e.lost = true
					e.closeLater("the connection ended")
				}
			}
		}
	}
}
