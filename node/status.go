package node

import (
	"context"
	"errors"
	"sync"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/member"
)

var _ exchange.Operator = (*Node)(nil)

// ClusterStatus implements exchange.Operator: every domain hosted here, as
// this replica sees it.
func (n *Node) ClusterStatus(ctx context.Context) ([]exchange.DomainStatus, error) {
	out := make([]exchange.DomainStatus, len(n.order))
	errs := make([]error, len(n.order))
	var wg sync.WaitGroup
	for i, d := range n.order {
		wg.Go(func() { out[i], errs[i] = n.hosted[d].status(ctx) })
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

func (h *hosted) status(ctx context.Context) (exchange.DomainStatus, error) {
	g := h.group.Status()
	s := exchange.DomainStatus{Domain: h.config.Domain, Replica: h.config.Replica, Role: g.State, Leader: g.Leader, Term: g.Term,
		CommitIndex: g.Commit, AppliedIndex: g.Applied, StoppedBecause: g.Stopped}
	s.Members = h.describeMembers(ctx, g.Leader)
	s.Health = member.Health(s.Leader, s.Members)
	if h.dialer != nil {
		s.Links = append(s.Links, h.dialer.Status())
	}
	if h.node.linkEnd != nil {
		s.Links = append(s.Links, h.node.linkEnd.Status(h.config.Domain)...)
	}
	return s, h.store.View(func(r ledger.Reader) error { return h.describe(r, &s) })
}

// describe adds what the ledger knows.
func (h *hosted) describe(r ledger.Reader, s *exchange.DomainStatus) error {
	self, _, err := ledger.SelfOf(r)
	if err != nil {
		return err
	}
	info, _, err := ledger.DomainOf(r, h.config.Domain)
	if err != nil {
		return err
	}
	counts, err := ledger.CountsOf(r)
	s.Name, s.Level, s.Incarnation = info.Name, info.Level.String(), self.Incarnation
	s.FeatureLevel, s.LedgerTime, s.Exchanges, s.Held = ledger.LevelOf(r), ledger.TimeOf(r), counts.Exchanges, counts.Held
	s.Content = h.tend.status()
	now := h.node.options.Clock()
	for i := range s.Links {
		queued, oldest, err := ledger.QueueDepth(r, s.Links[i].Peer)
		if err != nil {
			return err
		}
		s.Links[i].Queued = queued
		if err := describeLife(r, &s.Links[i]); err != nil {
			return err
		}
		if oldest != 0 {
			s.Links[i].OldestMs = int64(now - oldest)
		}
	}
	return err
}

// describeMembers asks every member how it is.
func (h *hosted) describeMembers(ctx context.Context, leader exchange.Replica) []exchange.MemberStatus {
	members := h.members()
	var who []exchange.Replica
	for _, m := range members {
		who = append(who, m.Replica)
	}
	seen := h.survey(ctx, who)
	waits := seen[leader].Waits
	var out []exchange.MemberStatus
	for _, m := range members {
		x, s := exchange.MemberStatus{Replica: m.Replica, Address: m.Address, Voter: m.Voter, Leader: m.Replica == leader, ContactMs: -1}, seen[m.Replica]
		if !m.Voter {
			x.WaitsFor = waits[m.Replica]
		}
		if s.Err == nil {
			x.Reached, x.Role, x.ContactMs, x.Applied, x.Commit, x.Missing, x.Unchecked = true, s.State, s.ContactMs, s.Applied, s.Commit, s.Missing, s.Unchecked
			x.Supports, x.SkewMs, x.Stopped, x.Version = s.Supports, s.Skew.Milliseconds(), s.Stopped, s.Version
		}
		out = append(out, x)
	}
	return out
}
