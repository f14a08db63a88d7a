package store

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// notice is a broadcast without subscribers to leak: whoever waits takes the
// channel, which is closed at the next commit. Commits in between coalesce.
type notice struct {
	mu     sync.Mutex
	ch     chan struct{}
	closed bool
}

func (n *notice) init() { n.ch = make(chan struct{}) }

func (n *notice) broadcast() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		close(n.ch)
		n.ch = make(chan struct{})
	}
}

func (n *notice) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.closed {
		n.closed = true
		close(n.ch)
	}
}

func (n *notice) wait() (ch <-chan struct{}, closed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ch, n.closed
}

// Watch returns a channel that is closed at the next change, and at Close.
// Take it first, read the state, then wait: a change in between is not missed.
func (s *Store) Watch() <-chan struct{} {
	ch, _ := s.notice.wait()
	return ch
}

// WaitApplied returns once the entry at index has been applied durably. It
// fails with the error of ctx, or with ErrClosed.
func (s *Store) WaitApplied(ctx context.Context, index uint64) error {
	for {
		ch, closed := s.notice.wait()
		if s.applied.Load() >= index {
			return nil
		}
		if closed {
			return ErrClosed
		}
		select {
		case <-ch:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Timing says how long commits took, most of which is the disk.
type Timing struct {
	Commits uint64
	Last    time.Duration
	Max     time.Duration // since the last call of Timing
	Total   time.Duration
}

type timing struct {
	commits          atomic.Uint64
	last, max, total atomic.Int64
}

func (t *timing) record(d time.Duration) {
	t.commits.Add(1)
	t.last.Store(int64(d))
	t.total.Add(int64(d))
	for old := t.max.Load(); int64(d) > old && !t.max.CompareAndSwap(old, int64(d)); {
		old = t.max.Load()
	}
}

// Timing returns the figures and starts a new maximum.
func (s *Store) Timing() Timing {
	return Timing{
		Commits: s.timing.commits.Load(),
		Last:    time.Duration(s.timing.last.Load()),
		Max:     time.Duration(s.timing.max.Swap(0)),
		Total:   time.Duration(s.timing.total.Load()),
	}
}
