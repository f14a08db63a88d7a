package node

import (
	"context"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

var _ exchange.Operator = (*Node)(nil)

// ClusterStatus implements exchange.Operator: every domain hosted here, as
// this replica sees it.
func (n *Node) ClusterStatus(context.Context) ([]exchange.DomainStatus, error) {
	out := make([]exchange.DomainStatus, 0, len(n.order))
	for _, d := range n.order {
		s, err := n.hosted[d].status()
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (h *hosted) status() (exchange.DomainStatus, error) {
	g := h.group.Status()
	s := exchange.DomainStatus{Domain: h.config.Domain, Replica: h.config.Replica, Role: g.State, Leader: g.Leader, Term: g.Term,
		CommitIndex: g.Commit, AppliedIndex: g.Applied, StoppedBecause: g.Stopped}
	for _, m := range g.Members {
		s.Members = append(s.Members, exchange.MemberStatus{Replica: m.Replica, Address: m.Address, Voter: m.Voter, Leader: m.Replica == g.Leader})
	}
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
	s.FeatureLevel, s.LedgerTime, s.Exchanges = ledger.LevelOf(r), ledger.TimeOf(r), counts.Exchanges
	now := h.node.options.Clock()
	for i := range s.Links {
		queued, oldest, err := ledger.QueueDepth(r, s.Links[i].Peer)
		if err != nil {
			return err
		}
		s.Links[i].Queued = queued
		if oldest != 0 {
			s.Links[i].OldestMs = int64(now - oldest)
		}
	}
	return err
}
