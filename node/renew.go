package node

import (
	"context"
	"io"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/newlife"
	"github.com/yizhan-exchange/yizhan/node/raftnode"
)

// lifeLevel is the feature level of ledger.Command.Renew.
const lifeLevel = 2

// renew begins the new life that a mark beside the state asks for, before the
// domain serves units, links or statements. It may be tried again: the ledger
// begins one life for each mark.
func (h *hosted) renew(ctx context.Context) error {
	dir := h.node.dir(h.config, "")
	mark, marked, err := newlife.Read(dir)
	if err != nil || !marked {
		return err
	}
	c := ledger.Renew{Token: mark.Token, Reason: mark.Reason, Index: mark.Index}
	if _, err := io.ReadFull(h.node.options.Random, c.Epoch[:]); err != nil {
		return err
	}
	if c.Incarnation, err = h.nextIncarnation(ctx); err != nil {
		return err
	}
	if err := h.propose(ctx, ledger.Command{Renew: &c}); err != nil {
		return err
	}
	if err := newlife.Clear(dir); err != nil {
		return err
	}
	h.newborn.Store(false)
	h.node.log.Warn("the domain begins a new life", "domain", h.config.Domain, "reason", mark.Reason, "incarnation", h.incarnation(), "from_index", mark.Index)
	return nil
}

// nextIncarnation is the second of this day and age, and at least one more than
// the last. So a state that is restored twice begins two lives with different
// incarnations, though it remembers neither.
func (h *hosted) nextIncarnation(ctx context.Context) (uint64, error) {
	var self ledger.Self
	var level uint32
	err := h.store.View(func(r ledger.Reader) (err error) {
		self, _, err = ledger.SelfOf(r)
		level = ledger.LevelOf(r)
		return err
	})
	if err == nil && level < lifeLevel {
		raise := uint32(lifeLevel)
		err = h.propose(ctx, ledger.Command{Level: &raise})
	}
	return max(self.Incarnation+1, ledger.IncarnationAt(h.node.options.Clock())), err
}

// propose commits a command as the leader, past the gate of a new life.
func (h *hosted) propose(ctx context.Context, c ledger.Command) error {
	c.Time = h.node.options.Clock()
	raw, err := h.group.Propose(ctx, exchange.Encode(c))
	if err != nil {
		return err
	}
	res, err := exchange.Decode[ledger.Result](raw)
	if err != nil {
		return err
	}
	return res.Err("node.renew")
}

// newbornGroup refuses commands while the state begins a life that the ledger
// does not know yet.
type newbornGroup struct {
	*raftnode.Group
	h *hosted
}

// Propose implements replica.Group.
func (g newbornGroup) Propose(ctx context.Context, command []byte) ([]byte, error) {
	if g.h.newborn.Load() && g.IsLeader() {
		return nil, exchange.Errorf(exchange.Unavailable, "node.newborn", "the domain %s was restored or recovered and begins a new life first; try again in a moment", g.h.config.Domain)
	}
	return g.Group.Propose(ctx, command)
}
