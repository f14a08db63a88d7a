package link

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	yizhanv1 "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// session is an open link. It is the same on both ends. Four goroutines and no
// lock held across a call: read never blocks but on the stream, write owns the
// sending half, commit hands rows to the station, acknowledge hands it acks.
type session struct {
	*line
	agreement
	stream  stream
	out     *outbox
	in      *inbox
	acks    *acknowledger
	wake    chan struct{} // the writer
	beat    atomic.Bool   // a heartbeat is due
	seen    atomic.Int64  // when the last frame arrived
	healthy atomic.Bool   // something moved
	ctx     context.Context
	end     context.CancelCauseFunc
	written chan struct{} // closed when the writer has said its last word
	drained chan struct{} // closed when the stream has ended
	bulk    atomic.Pointer[bulk]
	leading func() bool // nil: run ends by its context
}

func newSession(ctx context.Context, l *line, a agreement, st stream) *session {
	s := &session{
		line: l, agreement: a, stream: st,
		acks: newAcknowledger(), wake: make(chan struct{}, 1), written: make(chan struct{}), drained: make(chan struct{}),
	}
	s.ctx, s.end = context.WithCancelCause(ctx)
	s.out = newOutbox(l.station, l.peer, a.granted, cursors(a.theirs.ReceiveNext, a.theirs.ReceiveEpoch, a.mine.SendEpoch))
	s.in = newInbox(l.opt.Window, a.allowed, cursors(a.mine.ReceiveNext, a.mine.ReceiveEpoch, a.theirs.SendEpoch))
	s.seen.Store(time.Now().UnixNano())
	return s
}

// run pumps until the session ends and returns why. Its goroutines may outlive
// it until the stream ends, which is up to the caller.
func (s *session) run() *closure {
	s.count.Sessions.Add(1)
	s.state.connected(s.resync())
	s.state.greeted(&s.agreement)
	s.state.skew(s.skew)
	s.log.Info("link: session opened", "term", s.theirs.Term, "skew", s.skew)
	s.spawn(s.read, func(err error) { s.end(err); close(s.drained) })
	s.spawn(s.write, func(err error) { s.end(err); close(s.written) })
	s.spawn(s.commit, s.end)
	s.spawn(s.acknowledge, s.end)
	s.spawn(s.watch, s.end)
	<-s.ctx.Done()
	sleepUntil(s.written, linger)
	c := closureOf(context.Cause(s.ctx))
	if c.code != codeReplaced { // otherwise the newer session speaks for the link
		s.state.failed(c)
	}
	s.log.Info("link: session ended", "code", c.code, "by_peer", c.remote, "cause", c.cause)
	s.tellClosed(c)
	return c
}

// tellClosed lets the station know that nothing more goes out. A replica that
// no longer leads leaves it to the next leader, and a session that took over
// has said it.
func (s *session) tellClosed(c *closure) {
	station, ok := s.station.(delivery.Closer)
	if !ok || c.code == codeNotLeader || c.code == codeShutdown || c.code == codeReplaced {
		return
	}
	s.spawn(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), closedLimit)
		defer cancel()
		return station.Closed(ctx, s.session)
	}, func(err error) {
		if err != nil {
			s.log.Debug("link: the end of a session was not recorded", "cause", err)
		}
	})
}

// read dispatches what arrives. It never waits for anything but the stream, so
// the peer's flow control always drains; what it queues is bounded by the
// window.
func (s *session) read() error {
	for {
		f, err := s.stream.Recv()
		if err != nil {
			return transport(err)
		}
		s.seen.Store(time.Now().UnixNano())
		if err := s.dispatch(f); err != nil {
			return err
		}
	}
}

func (s *session) dispatch(f *yizhanv1.Frame) error {
	switch k := f.GetKind().(type) {
	case *yizhanv1.Frame_Deliver:
		return s.deliver(k.Deliver)
	case *yizhanv1.Frame_Ack:
		return s.acked(k.Ack)
	case *yizhanv1.Frame_Heartbeat:
		s.healthy.Store(true)
		s.state.skew(time.UnixMilli(k.Heartbeat.GetClock()).Sub(s.opt.Now()) + s.path)
		return nil
	case *yizhanv1.Frame_Close:
		return remote(k.Close)
	}
	return violation("a frame that has no place in an open session")
}

func (s *session) deliver(d *yizhanv1.Deliver) error {
	size := len(d.GetMessage())
	if d.GetClass() >= exchange.ClassCount || d.GetSequence() == 0 || size == 0 || size > maxMessage {
		return violation("a message without class, sequence or a permitted size")
	}
	s.count.MessagesReceived.Add(1)
	s.count.MessageBytesReceived.Add(uint64(size))
	return s.in.put(delivery.Row{Class: exchange.Class(d.GetClass()), Sequence: d.GetSequence(), Message: d.GetMessage()})
}

// acked moves the window. The peer has committed up to the sequence; that is
// all an Ack means.
func (s *session) acked(a *yizhanv1.Ack) error {
	if a.GetClass() >= exchange.ClassCount {
		return violation("an acknowledgement without class")
	}
	c := exchange.Class(a.GetClass())
	rows, ok := s.out.window.acknowledged(c, a.GetSequence())
	if !ok {
		return violation("an acknowledgement of what was never sent")
	}
	s.count.AcksReceived.Add(1)
	if rows > 0 {
		s.healthy.Store(true)
		s.state.heard(c, a.GetSequence())
		s.acks.note(c, a.GetSequence(), rows)
	}
	s.out.window.grant(Window{a.GetCreditBytes(), a.GetCreditMessages()})
	signal(s.wake)
	return nil
}

// commit hands what has arrived to the station, one batch at a time and in
// order, and has it acknowledged once it is durable.
func (s *session) commit() error {
	for {
		batch := s.in.take()
		if len(batch) == 0 {
			select {
			case <-s.in.ready:
				continue
			case <-s.ctx.Done():
				return nil
			}
		}
		if err := s.station.Receive(s.ctx, s.session, batch); err != nil {
			return err
		}
		s.count.Batches.Add(1)
		s.healthy.Store(true)
		s.in.keep(batch)
		signal(s.wake)
	}
}

func (s *session) acknowledge() error {
	return s.acks.run(s.ctx, func(c exchange.Class, upTo uint64) error {
		s.count.AckCommits.Add(1)
		return s.station.Acknowledged(s.ctx, s.session, c, upTo)
	})
}
