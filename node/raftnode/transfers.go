package raftnode

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// transferPause is how long a replica waits at least that needs the state again
// soon after it was sent it; it doubles each time, up to maxTransferPause.
const (
	transferPause    = 10 * time.Second
	maxTransferPause = 15 * time.Minute

	// soonAgain is how long a replica that was sent the state must do without
	// it to be forgiven.
	soonAgain = time.Hour

	paceStep = 256 << 10 // bytes sent at once, at most
)

// transfers paces the states that are sent to other replicas: in bytes, so that
// disk and network are left to commits, and in number, because a state that has
// to be sent again and again helps nobody. Raft has no resumption, so a transfer
// that failed begins anew.
type transfers struct {
	rate   int64 // bytes a second
	pause  time.Duration
	log    *slog.Logger
	ending <-chan struct{}

	sent atomic.Uint64 // states that were installed

	mu    sync.Mutex // guards peers
	peers map[raft.ServerID]*transfer
}

// transfer is what was last sent to a replica.
type transfer struct {
	ended time.Time
	again int // times it was needed soon after
}

// send sends data, at its pace, unless the replica has to wait. do reports
// whether the receiver has installed it.
func (t *transfers) send(to raft.ServerID, data io.Reader, do func(io.Reader) (installed bool, err error)) error {
	if err := t.admit(to); err != nil {
		return err
	}
	begun := time.Now()
	p := &pacer{from: data, rate: t.rate, begun: begun, ending: t.ending}
	installed, err := do(p)
	t.end(to)
	if !installed {
		return err
	}
	t.sent.Add(1)
	if s, ok := data.(*stream); ok {
		s.sent = true
	}
	t.log.Info("the state was sent to a replica that lagged too far", slog.String("to", string(to)), slog.Int64("bytes", p.done), slog.Duration("took", time.Since(begun)))
	return nil
}

// admit refuses to send the state again to a replica that was sent it just now.
func (t *transfers) admit(to raft.ServerID) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.peers[to]
	if p == nil || time.Since(p.ended) > soonAgain {
		return nil
	}
	wait := min(t.pause<<min(p.again, 16), maxTransferPause)
	if left := wait - time.Since(p.ended); left > 0 {
		return fmt.Errorf("raftnode: %s was sent the state just now and needs it again; waiting %s before the next", to, left.Round(time.Second))
	}
	return nil
}

// end remembers when a transfer ended, however it did.
func (t *transfers) end(to raft.ServerID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.peers == nil {
		t.peers = map[raft.ServerID]*transfer{}
	}
	p := t.peers[to]
	switch {
	case p == nil:
		t.peers[to] = &transfer{ended: time.Now()}
	case time.Since(p.ended) > soonAgain:
		*p = transfer{ended: time.Now()}
	default:
		p.ended, p.again = time.Now(), p.again+1
	}
}

// pacer reads no faster than rate bytes a second.
type pacer struct {
	from   io.Reader
	rate   int64
	begun  time.Time
	done   int64
	ending <-chan struct{}
}

// Read implements io.Reader.
func (p *pacer) Read(b []byte) (int, error) {
	due := p.begun.Add(time.Duration(float64(p.done) / float64(p.rate) * float64(time.Second)))
	if late := time.Since(due) - time.Second; late > 0 {
		p.begun = p.begun.Add(late) // what was not sent in time is not made good at once
	}
	if early := time.Until(due); early > 0 {
		select {
		case <-time.After(early):
		case <-p.ending:
			return 0, errors.New("raftnode: this replica is shutting down")
		}
	}
	n, err := p.from.Read(b[:min(len(b), paceStep, max(1, int(p.rate/8)))])
	p.done += int64(n)
	return n, err
}
