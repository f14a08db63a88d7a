package link

import (
	"context"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	yizhanv1 "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// write is the only goroutine that sends. Acknowledgements go before messages:
// the peer's window depends on them, and there are never more than one per
// class.
func (s *session) write() error {
	for s.ctx.Err() == nil {
		f, err := s.frame()
		if err != nil {
			s.end(err)
			break
		}
		if f == nil {
			select {
			case <-s.wake:
			case <-s.out.changed:
			case <-s.ctx.Done():
			}
			continue
		}
		if s.stream.Send(f) != nil {
			sleep(s.ctx, linger) // read learns why
			return &closure{code: codeLost, text: "the connection ended"}
		}
	}
	return s.farewell()
}

// frame returns what to send next, or nil.
func (s *session) frame() (*yizhanv1.Frame, error) {
	if a := s.in.ack(s.opt.grant); a != nil {
		s.count.AcksSent.Add(1)
		return &yizhanv1.Frame{Kind: &yizhanv1.Frame_Ack{Ack: a}}, nil
	}
	if s.beat.Swap(false) {
		h := &yizhanv1.Heartbeat{Clock: int64(clockOf(s.opt.Now()))}
		return &yizhanv1.Frame{Kind: &yizhanv1.Frame_Heartbeat{Heartbeat: h}}, nil
	}
	row, err := s.out.next()
	if row == nil || err != nil {
		return nil, err
	}
	s.count.MessagesSent.Add(1)
	s.count.MessageBytesSent.Add(uint64(len(row.Message)))
	return deliverFrame(row), nil
}

// farewell says why, unless the peer knows or is gone.
func (s *session) farewell() error {
	c := closureOf(context.Cause(s.ctx))
	if !c.silent() {
		_ = s.stream.Send(c.frame()) // best effort: the session is over either way
	}
	return c
}

// watch sends heartbeats, gives up on a silent peer and tells the peer when
// credit comes back.
func (s *session) watch() error {
	tick := time.NewTicker(max(s.opt.Heartbeat/5, time.Millisecond))
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-s.ctx.Done():
			return nil
		case now := <-tick.C:
			if now.Sub(time.Unix(0, s.seen.Load())) > s.opt.Dead {
				return &closure{code: codeLost, text: "the peer has gone silent"}
			}
			if s.leading != nil && !s.leading() {
				return &closure{code: codeNotLeader, text: "another replica leads"}
			}
			if s.revoked() {
				return errRevoked
			}
			due := now.Sub(last) >= s.opt.Heartbeat
			if due {
				last = now
				s.beat.Store(true)
			}
			if s.in.regrant(s.opt.grant()) || due {
				signal(s.wake)
			}
		}
	}
}

func deliverFrame(r *delivery.Row) *yizhanv1.Frame {
	return &yizhanv1.Frame{Kind: &yizhanv1.Frame_Deliver{Deliver: &yizhanv1.Deliver{
		Class: uint32(r.Class), Sequence: r.Sequence, Message: r.Message,
	}}}
}

func clockOf(t time.Time) exchange.Time { return exchange.TimeOf(t) }
