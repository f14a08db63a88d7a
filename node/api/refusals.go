package api

import (
	"log/slog"
	"sync"
	"time"
)

// refusals writes one line for all refusals of a while: a line for each would
// be the next thing that there is no room for.
type refusals struct{ *refusalLog }

type refusalLog struct {
	log *slog.Logger
	mu  sync.Mutex
	n   int
	at  time.Time // of the last line
}

func newRefusals(log *slog.Logger) refusals { return refusals{&refusalLog{log: log}} }

func (r refusals) add() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n++
	if now := time.Now(); now.Sub(r.at) >= refusalsLogged {
		r.log.Warn("calls were refused for want of room; see cluster status", slog.Int("refused", r.n))
		r.n, r.at = 0, now
	}
}
