package link

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange/delivery"
)

// told is a station that wants to know when a session has ended.
type told struct {
	*model
	mu    sync.Mutex
	ended []delivery.Session
}

// Closed implements delivery.Closer.
func (s *told) Closed(_ context.Context, session delivery.Session) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = append(s.ended, session)
	return nil
}

func (s *told) sessions() []delivery.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]delivery.Session(nil), s.ended...)
}

// TestTheStationHearsThatASessionEnded at both ends, for each session that was
// cut, and not when another replica is to say so.
func TestTheStationHearsThatASessionEnded(t *testing.T) {
	noLeaks(t)
	up, down := &told{model: newModel(county, 1)}, &told{model: newModel(city, 1)}
	opt := quick
	opt.Dead = time.Minute // only the cut ends it
	p := newParent(t, down, opt)
	between := newProxy(t, p.addr)
	t.Cleanup(between.close)
	d, stop := newChild(t, up, opt, between.addr())
	for n := 1; n <= 2; n++ {
		if !eventually(10*time.Second, func() bool { return d.Status().State == StateConnected }) {
			t.Fatalf("not connected: %+v", d.Status())
		}
		between.cut(false)
		if !eventually(10*time.Second, func() bool { return len(up.sessions()) >= n && len(down.sessions()) >= n }) {
			t.Fatalf("after %d cuts the child heard of %d, the parent of %d", n, len(up.sessions()), len(down.sessions()))
		}
	}
	if s := up.sessions()[0]; s.Peer != city {
		t.Errorf("the child heard of a session with %s", s.Peer)
	}
	if !eventually(10*time.Second, func() bool { return d.Status().State == StateConnected }) {
		t.Fatalf("not connected: %+v", d.Status())
	}
	before := len(up.sessions())
	stop() // it ceases to lead
	if n := len(up.sessions()); n != before {
		t.Errorf("a replica that ceased to lead said %d more", n-before)
	}
}
