package raftnode

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/failpoint"
)

const opPropose = "raftnode.propose"

// proposal is one command on its way. It is either taken by the collector or
// abandoned by its caller, never both.
type proposal struct {
	command []byte
	state   atomic.Int32
	done    chan result // buffered by one
}

type result struct {
	value []byte
	err   error
}

const (
	queued int32 = iota
	taken
	abandoned
)

func (p *proposal) take() bool    { return p.state.CompareAndSwap(queued, taken) }
func (p *proposal) abandon() bool { return p.state.CompareAndSwap(queued, abandoned) }

// Propose commits one command and returns the state machine's result once it
// has been applied here. On a replica that does not lead the error is a
// *NotLeaderError. Code Unavailable means that nothing was done, Unknown that
// the command may or may not be committed, Exhausted that the queue or the disk
// is full, Invalid that the command is larger than MaxCommand.
//
// The command must not change afterwards. Commands of concurrent calls share
// log entries; their order is that of the calls only within one goroutine.
func (g *Group) Propose(ctx context.Context, command []byte) ([]byte, error) {
	if err := g.admit(ctx, command); err != nil {
		return nil, err
	}
	p := &proposal{command: command, done: make(chan result, 1)}
	select {
	case g.queue <- p:
	default:
		g.queuedBytes.Add(-int64(len(command)))
		return nil, exchange.Errorf(exchange.Exhausted, opPropose, "%d commands are waiting already", maxQueue)
	}
	select {
	case r := <-p.done:
		return r.value, r.err
	case <-ctx.Done():
		return g.giveUp(p, ctx.Err())
	case <-g.ending:
		return g.last(p)
	}
}

// admit finds what can be known before queueing.
func (g *Group) admit(ctx context.Context, command []byte) error {
	if len(command) > MaxCommand {
		return exchange.Errorf(exchange.Invalid, opPropose, "a command of %d bytes is above the limit of %d", len(command), MaxCommand)
	}
	if err := g.alive(opPropose); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return exchange.Errorf(exchange.Unavailable, opPropose, "the caller went away: %w", err)
	}
	leads := g.IsLeader()
	if _, name := g.raft.LeaderWithID(); leads || name == "" {
		if err := g.full.refuse(opPropose); err != nil {
			return err
		}
		if !leads && g.cramped() {
			return noRoom(opPropose)
		}
	}
	if !leads {
		return g.notLeader()
	}
	if err := g.flight.stuck(opPropose, time.Now()); err != nil {
		return err
	}
	if g.queuedBytes.Add(int64(len(command))) > maxQueueBytes {
		g.queuedBytes.Add(-int64(len(command)))
		return exchange.Errorf(exchange.Exhausted, opPropose, "%d bytes of commands are waiting already", maxQueueBytes)
	}
	return nil
}

// alive returns why the group does nothing any more.
func (g *Group) alive(op string) error {
	select {
	case <-g.ending:
	default:
		return nil
	}
	if err := g.StoppedErr(); err != nil {
		return exchange.Errorf(exchange.Unavailable, op, "this replica stopped: %w", err)
	}
	return exchange.Errorf(exchange.Unavailable, op, "this replica is shutting down")
}

// giveUp ends waiting for a proposal. What was taken may still be committed.
func (g *Group) giveUp(p *proposal, cause error) ([]byte, error) {
	if p.abandon() {
		return nil, exchange.Errorf(exchange.Unavailable, opPropose, "the command was withdrawn while it waited: %w", cause)
	}
	select {
	case r := <-p.done:
		return r.value, r.err
	default:
		return nil, exchange.Errorf(exchange.Unknown, opPropose, "the command may or may not be committed: %w", cause)
	}
}

// last is giveUp when the group ends: what was taken gets its answer soon.
func (g *Group) last(p *proposal) ([]byte, error) {
	if p.abandon() {
		return nil, g.alive(opPropose)
	}
	r := <-p.done
	return r.value, r.err
}

// collect makes entries of what is queued. While entries are in flight the
// queue grows and so does the next entry; an idle group proposes at once.
func (g *Group) collect() {
	slots := make(chan struct{}, inFlight)
	var carry *proposal
	for {
		select {
		case slots <- struct{}{}:
		case <-g.ending:
			if carry != nil {
				carry.done <- result{err: g.alive(opPropose)}
			}
			return
		}
		batch, next := g.nextBatch(carry)
		if batch == nil {
			return
		}
		carry = next
		commands := make([][]byte, len(batch))
		for i, p := range batch {
			commands[i] = p.command
		}
		g.flight.begin(time.Now())
		f := g.raft.Apply(encodeFrame(commands), enqueueTimeout)
		g.workers.Go(func() {
			g.deliver(f, batch)
			g.flight.end(time.Now())
			<-slots
		})
	}
}

// nextBatch waits for a proposal and adds what else is there and fits; the
// first that does not fit is carried over. It returns nil when the group ends.
func (g *Group) nextBatch(carry *proposal) (batch []*proposal, next *proposal) {
	size := 0
	for p := carry; len(batch) < maxEntryCommands; p = nil {
		if p == nil {
			p = g.poll(len(batch) == 0)
		}
		if p == nil {
			break
		}
		if len(batch) > 0 && size+len(p.command) > maxEntry {
			return batch, p
		}
		size += len(p.command)
		batch = append(batch, p)
	}
	return batch, nil
}

// poll takes the next proposal whose caller still waits. It returns nil when
// there is none, or, if it may wait, when the group ends.
func (g *Group) poll(wait bool) *proposal {
	for {
		var p *proposal
		select {
		case p = <-g.queue:
		default:
			if !wait {
				return nil
			}
			select {
			case p = <-g.queue:
			case <-g.ending:
				return nil
			}
		}
		g.queuedBytes.Add(-int64(len(p.command)))
		if p.take() {
			return p
		}
	}
}

// deliver gives each proposal of an entry its own result.
func (g *Group) deliver(f raft.ApplyFuture, batch []*proposal) {
	results, err := g.results(f, len(batch))
	if err == nil {
		if err = failpoint.Hit(failpoint.ProposalAnswered); err != nil {
			err = exchange.Errorf(exchange.Unknown, opPropose, "the command is committed, but its result is lost: %w", err)
		}
	}
	for i, p := range batch {
		if err != nil {
			p.done <- result{err: err}
		} else {
			p.done <- result{value: results[i]}
		}
	}
}

func (g *Group) results(f raft.ApplyFuture, n int) ([][]byte, error) {
	if err := g.outcome(opPropose, g.answered(f)); err != nil {
		return nil, err
	}
	a := f.Response().(answer)
	if a.err != nil {
		return nil, exchange.Errorf(exchange.Unknown, opPropose, "the command is committed, but this replica stopped: %w", a.err)
	}
	if g.skipped(f.Index(), a) || len(a.results) != n {
		return nil, exchange.Errorf(exchange.Unknown, opPropose, "the command is committed, but this replica has no result for it")
	}
	return a.results, nil
}

// skipped stops the group when the store had applied an index before this
// leader proposed it: then a majority lost the end of its log, and the same
// index would mean two things.
func (g *Group) skipped(index uint64, a answer) bool {
	if a.results != nil {
		return false
	}
	g.fail(fmt.Errorf("raftnode: log index %d was applied before it was proposed: the log lost its end; restore the domain from a backup", index))
	return true
}
