package raftnode

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/raftnode/journal"
)

const opMembers = "raftnode.members"

// AddNonvoter adds a replica that receives the log and does not vote, or gives
// one a new address. Leader only.
func (g *Group) AddNonvoter(ctx context.Context, s Server) error {
	return g.change(ctx, func() raft.IndexFuture {
		return g.raft.AddNonvoter(raft.ServerID(s.Replica), raft.ServerAddress(s.Address), 0, enqueueTimeout)
	})
}

// AddVoter makes a replica a voter. Promote one only when its state and its
// content have caught up. Leader only.
func (g *Group) AddVoter(ctx context.Context, s Server) error {
	return g.change(ctx, func() raft.IndexFuture {
		return g.raft.AddVoter(raft.ServerID(s.Replica), raft.ServerAddress(s.Address), 0, enqueueTimeout)
	})
}

// Demote makes a voter a non-voter. Leader only.
func (g *Group) Demote(ctx context.Context, r exchange.Replica) error {
	return g.change(ctx, func() raft.IndexFuture { return g.raft.DemoteVoter(raft.ServerID(r), 0, enqueueTimeout) })
}

// Remove takes a replica out of the group. Leader only; a leader that removes
// itself steps down afterwards, so transfer leadership first.
func (g *Group) Remove(ctx context.Context, r exchange.Replica) error {
	return g.change(ctx, func() raft.IndexFuture { return g.raft.RemoveServer(raft.ServerID(r), 0, enqueueTimeout) })
}

// change waits for a change of membership. Two changes never overlap: Raft
// queues the second.
func (g *Group) change(ctx context.Context, begin func() raft.IndexFuture) error {
	if err := g.alive(opMembers); err != nil {
		return err
	}
	if err := g.full.refuse(opMembers); err != nil {
		return err
	}
	return g.changed(wait(ctx, func() error { return g.answered(begin()) }))
}

// changed is outcome for a change of membership. Raft goes by the new membership
// though it could not be kept, so a replica that had no room for it must begin
// again from its log.
func (g *Group) changed(err error) error {
	if errors.Is(err, journal.ErrNoRoom) {
		g.fail(fmt.Errorf("raftnode: there was no room to keep a change of the membership; make room, then start this replica again: %w", err))
	}
	return g.outcome(opMembers, err)
}

// TransferLeadership hands leadership to a voter that is up to date, or to any
// when to is "". Proposals meanwhile are Unavailable.
func (g *Group) TransferLeadership(ctx context.Context, to exchange.Replica) error {
	if err := g.alive(opMembers); err != nil {
		return err
	}
	if to == "" {
		return g.transferred(wait(ctx, func() error { return g.answered(g.raft.LeadershipTransfer()) }))
	}
	for _, s := range g.raft.GetConfiguration().Configuration().Servers {
		if s.ID == raft.ServerID(to) {
			return g.transferred(wait(ctx, func() error {
				return g.answered(g.raft.LeadershipTransferToServer(s.ID, s.Address))
			}))
		}
	}
	return exchange.Errorf(exchange.NotFound, opMembers, "%s is not a replica of this domain", to)
}

func (g *Group) transferred(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader):
		return g.notLeader()
	}
	return exchange.Errorf(exchange.Unavailable, opMembers, "leadership was not handed over: %w", err)
}

// Snapshot cuts the log back now, as far as TrailingEntries allows. It copies
// nothing: the store is the snapshot. Nothing to cut is not an error.
func (g *Group) Snapshot(ctx context.Context) error {
	if err := g.alive(opMembers); err != nil {
		return err
	}
	err := wait(ctx, func() error { return g.answered(g.raft.Snapshot()) })
	if err == nil || errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil
	}
	return exchange.Errorf(exchange.Unavailable, opMembers, "the log was not cut back: %w", err)
}

// wait runs a blocking call of Raft, which ends at the latest with the group,
// and returns early when ctx ends.
func wait(ctx context.Context, call func() error) error {
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
