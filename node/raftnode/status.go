package raftnode

import (
	"strings"
	"time"

	"github.com/hashicorp/raft"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// Member is one replica of the group as the log has it.
type Member struct {
	Replica exchange.Replica
	Address string
	Voter   bool
}

// Status is what an operator wants to know of one replica.
type Status struct {
	Domain  exchange.Domain
	Replica exchange.Replica
	State   string // "leader", "follower", "candidate", "stopped", "closed"
	Stopped string // why it stopped, with the index

	Leader        exchange.Replica
	LeaderAddress string
	Ready         bool // leads and has caught up
	Term          uint64
	LastContact   time.Duration // since a follower heard of its leader; 0 on the leader, -1 never

	LastLog, Commit, Applied uint64
	Snapshot                 uint64 // the log may begin after it
	Sent, Received           uint64 // states to and from other replicas, since the start
	Digest                   string // of the state at Applied
	Members                  []Member

	Queued      int // commands that wait to be proposed
	QueuedBytes int64
	LogWrite    Latency      // appends to the log
	StateWrite  store.Timing // transactions of the store
}

// Status returns a consistent enough picture; figures move while it is taken.
// It starts new maxima of the latencies.
func (g *Group) Status() Status {
	s := g.Brief()
	s.LogWrite, s.StateWrite = g.disk.latency(), g.store.Timing()
	return s
}

// Brief is Status without the latencies, and so without an effect on them.
func (g *Group) Brief() Status {
	s := Status{
		Domain: g.config.Domain, Replica: g.config.Replica,
		State: strings.ToLower(g.raft.State().String()), Ready: g.IsLeader(), Term: g.Term(),
		LastContact: g.lastContact(), LastLog: g.raft.LastIndex(), Commit: g.raft.CommitIndex(),
		Snapshot: g.snapshots.latest().Index, Sent: g.transport.sent.Load(), Received: g.snapshots.received.Load(), Queued: len(g.queue), QueuedBytes: g.queuedBytes.Load(),
	}
	s.Leader, s.LeaderAddress = g.Leader()
	if head, err := g.store.Head(); err == nil {
		s.Applied, s.Digest = head.Index, head.Digest.String()
	}
	if g.alive("") != nil {
		s.State = "closed"
	}
	if err := g.StoppedErr(); err != nil {
		s.State, s.Stopped = "stopped", err.Error()
	}
	s.Members = g.Membership()
	return s
}

func (g *Group) lastContact() time.Duration {
	switch at := g.raft.LastContact(); {
	case g.raft.State() == raft.Leader:
		return 0
	case at.IsZero():
		return -1
	default:
		return time.Since(at)
	}
}

// Membership returns the newest membership that this replica knows, which may
// not be committed yet; nothing before it has any. The ledger holds the newest
// that is committed, with its log index.
func (g *Group) Membership() (members []Member) {
	for _, s := range g.raft.GetConfiguration().Configuration().Servers {
		members = append(members, Member{exchange.Replica(s.ID), string(s.Address), s.Suffrage == raft.Voter})
	}
	return members
}

// Stop ends this replica's part in the group for a reason that StoppedErr then
// tells: it was removed, or its domain lives on without it. What it has stays
// readable.
func (g *Group) Stop(why error) { g.stop(why, "group stopped") }
