package node

import (
	"context"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/member"
	"github.com/yizhan-exchange/yizhan/node/raftnode"
)

// supported is the newest feature level that this program knows.
const supported = ledger.FeatureLevel

// changeTimeout bounds one change of membership.
const changeTimeout = 20 * time.Second

// keep looks after the membership of a domain while the node runs: it notes
// that this replica takes part, follows addresses, and ends the replica's part
// when the others live on without it. The leader also promotes, and raises the
// feature level.
func (h *hosted) keep() error {
	var candidates member.Candidates
	var term uint64
	addresses := map[exchange.Replica]string{}
	if why := h.left.Load(); why != nil {
		h.leave(*why)
		return nil
	}
	for {
		pause := followEvery
		leads := h.group.IsLeader()
		if leads {
			pause = keepEvery
		}
		if now := h.group.Term(); !leads || now != term {
			candidates, term = member.Candidates{}, now
			h.waits.Store(nil)
		}
		h.followMembers(addresses)
		seen := h.survey(h.node.ctx, h.company())
		if err := h.over(seen); err != nil && h.node.ctx.Err() == nil {
			h.leave(err)
			return nil
		}
		h.watchOthers(seen)
		h.takeClock()
		if leads {
			h.lookAfter(&candidates, seen)
		}
		select {
		case <-time.After(pause):
		case <-h.group.Done():
			return nil
		case <-h.node.ctx.Done():
			return nil
		}
	}
}

// followMembers notes that this replica is a member, and drops connections to
// replicas that left or moved.
func (h *hosted) followMembers(known map[exchange.Replica]string) {
	members := h.members()
	if _, ok := exchange.MemberOf(members, h.config.Replica); ok {
		if err := h.noteTookPart(); err != nil {
			h.node.log.Error("the key store cannot note that this replica takes part; it is not promoted before", "domain", h.config.Domain, "err", err)
		}
	}
	now := map[exchange.Replica]string{}
	for _, m := range members {
		now[m.Replica] = m.Address
		before, ok := known[m.Replica]
		if !ok {
			before = h.configured(m.Replica)
		}
		if before != "" && before != m.Address {
			_ = h.peers.Forget(m.Replica) // dialled again when needed
		}
		known[m.Replica] = m.Address
	}
	for r := range known {
		if _, ok := now[r]; !ok {
			delete(known, r)
			_ = h.peers.Forget(r)
		}
	}
}

// configured is the address that node.yaml gives a replica, "" when it has none:
// where it was dialled before the membership was known.
func (h *hosted) configured(r exchange.Replica) string {
	for _, m := range h.config.Replicas {
		if m.Name == r {
			return m.Address
		}
	}
	return ""
}

// lookAfter is what the leader does about what it saw.
func (h *hosted) lookAfter(c *member.Candidates, seen map[exchange.Replica]member.Seen) {
	self := h.standing()
	c.Keep(self.Members)
	waits := map[exchange.Replica]string{}
	for _, m := range self.Members {
		if m.Voter {
			continue
		}
		why := c.Waits(time.Now(), self, m.Replica, seen[m.Replica])
		if why == "" {
			why = h.promote(m)
		}
		waits[m.Replica] = why
	}
	h.waits.Store(&waits)
	h.raise(self, seen)
}

// promote makes a non-voter a voter.
func (h *hosted) promote(m exchange.Member) string {
	ctx, cancel := context.WithTimeout(h.node.ctx, changeTimeout)
	defer cancel()
	if err := h.group.AddVoter(ctx, raftnode.Server{Replica: m.Replica, Address: m.Address}); err != nil {
		h.node.log.Warn("a replica could not be promoted; trying again", "domain", h.config.Domain, "replica", m.Replica, "err", err)
		return "being promoted"
	}
	h.node.log.Info("a replica has caught up and votes now", "domain", h.config.Domain, "replica", m.Replica)
	return "being promoted"
}

// raise moves the feature level up once every member has said that its program
// supports it: one that does not would have to stop.
func (h *hosted) raise(self exchange.Standing, seen map[exchange.Replica]member.Seen) {
	level := self.Supports
	for _, m := range self.Members {
		if m.Replica == self.Replica {
			continue
		}
		s, ok := seen[m.Replica]
		if !ok || s.Err != nil {
			return
		}
		level = min(level, s.Supports)
	}
	if !h.leading.Load() || level <= self.Level {
		return
	}
	ctx, cancel := context.WithTimeout(h.node.ctx, changeTimeout)
	defer cancel()
	if err := h.propose(ctx, ledger.Command{Level: &level}); err != nil {
		h.node.log.Warn("the feature level could not be raised; trying again", "domain", h.config.Domain, "level", level, "err", err)
		return
	}
	h.node.log.Info("the feature level was raised: every replica supports it", "domain", h.config.Domain, "level", level)
}
