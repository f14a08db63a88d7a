package raftnode

import (
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// stuckAfter is how long entries may be under way without any of them being
// kept by a majority until callers are told, who would otherwise wait for their
// time limit.
const stuckAfter = 3 * time.Second

// flight watches the entries that this leader has under way.
type flight struct {
	mu    sync.Mutex // guards both
	flown int        // under way
	moved time.Time  // when one last came through, or the first set out
}

func (f *flight) begin(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.flown == 0 {
		f.moved = now
	}
	f.flown++
}

func (f *flight) end(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flown--
	f.moved = now
}

// stuck refuses while nothing has come through for a while: the other replicas
// answer, and so nobody else is elected, but a majority has no room, or disks
// that take nothing.
func (f *flight) stuck(op string, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.flown == 0 || now.Sub(f.moved) < stuckAfter {
		return nil
	}
	return &exchange.Error{Code: exchange.Exhausted, Op: op, RetryAfter: fullRetry,
		Message: "a majority of the domain's replicas has kept nothing for " + now.Sub(f.moved).Round(time.Second).String() + "; if their disks are full, free space or enlarge them, and try again"}
}
