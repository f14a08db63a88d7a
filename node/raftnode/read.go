package raftnode

import (
	"context"
	"sync"

	"github.com/hashicorp/raft"
	"github.com/yizhan-exchange/yizhan/exchange"
)

const opRead = "raftnode.read"

// readGate lets reads that arrive while leadership is being verified share the
// next verification: each costs a round of heartbeats.
type readGate struct {
	mu      sync.Mutex
	running bool
	waiting *verification // for those who came while one was running
}

type verification struct {
	done  chan struct{}
	index uint64
	err   error
}

// ReadIndex returns an index that contains everything committed before the
// call: whoever has applied it reads current state. Only the leader knows it;
// elsewhere the error is a *NotLeaderError.
func (g *Group) ReadIndex(ctx context.Context) (uint64, error) {
	if err := g.alive(opRead); err != nil {
		return 0, err
	}
	v := g.joinVerification()
	select {
	case <-v.done:
		return v.index, v.err
	case <-ctx.Done():
		return 0, exchange.Errorf(exchange.Unavailable, opRead, "the caller went away: %w", ctx.Err())
	}
}

// ReadCurrent returns once this replica, which must lead, has applied
// everything that was committed before the call.
func (g *Group) ReadCurrent(ctx context.Context) error {
	index, err := g.ReadIndex(ctx)
	if err != nil {
		return err
	}
	return g.WaitApplied(ctx, index)
}

// WaitApplied returns once this replica has applied index. Code Unavailable
// when ctx or the group ends before.
func (g *Group) WaitApplied(ctx context.Context, index uint64) error {
	if g.store.AppliedIndex() >= index {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with this call
		select {
		case <-g.ending:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := g.store.WaitApplied(ctx, index); err != nil {
		return exchange.Errorf(exchange.Unavailable, opRead, "waiting for index %d: %w", index, err)
	}
	return nil
}

// joinVerification returns a verification that begins after this call.
func (g *Group) joinVerification() *verification {
	r := &g.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		r.waiting = &verification{done: make(chan struct{})}
		if !r.running {
			r.running = true
			go g.verifyAll()
		}
	}
	return r.waiting
}

// verifyAll runs verifications until nobody waits.
func (g *Group) verifyAll() {
	r := &g.reads
	for {
		r.mu.Lock()
		v := r.waiting
		r.waiting = nil
		r.running = v != nil
		r.mu.Unlock()
		if v == nil {
			return
		}
		v.index, v.err = g.verify()
		close(v.done)
	}
}

// verify takes the commit index first: if this replica still leads afterwards,
// nothing was committed elsewhere when it took it.
func (g *Group) verify() (uint64, error) {
	if !g.IsLeader() {
		return 0, g.notLeader()
	}
	index := g.raft.CommitIndex()
	if err := g.answered(g.raft.VerifyLeader()); err != nil {
		if err == raft.ErrNotLeader || err == raft.ErrLeadershipLost {
			return 0, g.notLeader()
		}
		return 0, exchange.Errorf(exchange.Unavailable, opRead, "leadership could not be verified: %w", err)
	}
	return index, nil
}
