package link

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	yizhanv1 "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// agreement is what a handshake leaves behind.
type agreement struct {
	mine, theirs delivery.Greeting
	session      delivery.Session
	id           [16]byte
	granted      Window // by the peer, to this end
	allowed      Window // by this end, to the peer
	skew         time.Duration
	path         time.Duration // one way, as far as measured
}

// resync tells that one end knew another numbering than the one in force. The
// parent's greeting is made when its station has learned the child's, so only
// the station there knows how often a child has begun anew.
func (a *agreement) resync() bool {
	changed := func(known, now [16]byte) bool { return known != now && known != [16]byte{} }
	return changed(a.theirs.ReceiveEpoch, a.mine.SendEpoch) || changed(a.mine.ReceiveEpoch, a.theirs.SendEpoch)
}

// dial greets as the child: Hello, Welcome, then the station opens. A station
// that begins another numbering because of the Welcome must greet anew, so the
// session is given up and tried again.
func (l *line) dial(ctx context.Context, s stream) (a agreement, err error) {
	if a.mine, err = l.station.Greet(ctx, l.peer); err != nil {
		return a, err
	}
	a.allowed = l.opt.grant()
	sent := l.opt.Now()
	a.mine.Clock = clockOf(sent)
	if err := s.Send(helloFrame(encodeGreeting(a.mine, a.allowed, nil))); err != nil {
		_, err = s.Recv() // io.EOF from Send hides the status
		return a, transport(err)
	}
	f, err := within(ctx, l, handshakeLimit, s.Recv)
	if err != nil {
		return a, transport(err)
	}
	a.path = l.opt.Now().Sub(sent) / 2
	if c := f.GetClose(); c != nil {
		return a, remote(c)
	}
	w := f.GetWelcome()
	if w == nil || copy(a.id[:], w.GetSession()) != 16 || len(w.GetSession()) != 16 {
		return a, violation("the answer is no welcome")
	}
	if err := l.judge(&a, w); err != nil {
		return a, err
	}
	a.skew = a.theirs.Clock.Std().Sub(sent.Add(a.path))
	if a.session, err = l.station.Open(ctx, l.peer, a.theirs); err != nil {
		return a, err
	}
	return a, l.unchanged(ctx, a.mine.SendEpoch)
}

func (l *line) unchanged(ctx context.Context, epoch [16]byte) error {
	now, err := l.station.Greet(ctx, l.peer)
	if err == nil && now.SendEpoch != epoch {
		return &closure{code: codeUnavailable, text: "a new numbering begins"}
	}
	return err
}

// welcome greets as the parent. The greeting is made after the station has
// opened, so it speaks of the numberings then in force.
func (l *line) welcome(ctx context.Context, h *yizhanv1.Hello) (a agreement, w *yizhanv1.Frame, err error) {
	received := l.opt.Now()
	if err := l.judge(&a, h); err != nil {
		return a, nil, err
	}
	if a.session, err = l.station.Open(ctx, l.peer, a.theirs); err != nil {
		return a, nil, err
	}
	if a.mine, err = l.station.Greet(ctx, l.peer); err != nil {
		return a, nil, err
	}
	_, _ = rand.Read(a.id[:]) // never fails
	a.allowed = l.opt.grant()
	a.skew = a.theirs.Clock.Std().Sub(received)
	a.mine.Clock = clockOf(l.opt.Now())
	return a, &yizhanv1.Frame{Kind: &yizhanv1.Frame_Welcome{Welcome: encodeGreeting(a.mine, a.allowed, a.id[:])}}, nil
}

// judge checks what does not need the station.
func (l *line) judge(a *agreement, h *yizhanv1.Hello) (err error) {
	if a.theirs, err = decodeGreeting(h); err != nil {
		return err
	}
	if a.theirs.Domain != l.peer {
		return &closure{code: codeDenied, text: "the greeting speaks for another domain than the channel"}
	}
	if l.revoked() {
		return errRevoked
	}
	a.granted = Window{h.GetCreditBytes(), h.GetCreditMessages()}
	_, err = version(h)
	return err
}

func helloFrame(h *yizhanv1.Hello) *yizhanv1.Frame {
	return &yizhanv1.Frame{Kind: &yizhanv1.Frame_Hello{Hello: h}}
}
