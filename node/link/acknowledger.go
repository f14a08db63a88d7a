package link

import (
	"context"
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// acknowledger commits what the peer has acknowledged, at most every 250 ms or
// 256 rows: each commit costs an entry of the log on every replica, and nothing
// waits for it but the room that the rows take up. What it has not
// committed when a session ends is in the peer's next greeting.
type acknowledger struct {
	mu    sync.Mutex
	upTo  [exchange.ClassCount]uint64
	dirty [exchange.ClassCount]bool
	rows  int
	some  chan struct{} // rows > 0
	many  chan struct{} // rows >= ackRows
}

func newAcknowledger() *acknowledger {
	return &acknowledger{some: make(chan struct{}, 1), many: make(chan struct{}, 1)}
}

// note adds rows that were acknowledged up to a sequence.
func (a *acknowledger) note(c exchange.Class, upTo uint64, rows int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.upTo[c], a.dirty[c] = upTo, true
	a.rows += rows
	signal(a.some)
	if a.rows >= ackRows {
		signal(a.many)
	}
}

// drain returns the classes to commit and forgets them.
func (a *acknowledger) drain() (upTo [exchange.ClassCount]uint64, dirty [exchange.ClassCount]bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	upTo, dirty = a.upTo, a.dirty
	a.dirty, a.rows = [exchange.ClassCount]bool{}, 0
	return upTo, dirty
}

// run commits until ctx ends or commit fails.
func (a *acknowledger) run(ctx context.Context, commit func(exchange.Class, uint64) error) error {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.some:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-a.many:
		case <-pause.C:
		}
		pause.Reset(ackEvery)
		upTo, dirty := a.drain()
		for c, d := range dirty {
			if !d {
				continue
			}
			if err := commit(exchange.Class(c), upTo[c]); err != nil {
				return err
			}
		}
	}
}
