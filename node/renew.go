package node

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

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
	if g.h.newborn.Load() { // also before it leads: it may begin to at any moment
		return nil, exchange.Errorf(exchange.Unavailable, "node.newborn", "the domain %s was restored or recovered and begins a new life first; try again in a moment", g.h.config.Domain)
	}
	if err := g.h.guard.refuses(); err != nil {
		return nil, err
	}
	if g.IsLeader() {
		if err := g.h.admitTime(command); err != nil {
			return nil, err
		}
	}
	return g.Group.Propose(ctx, command)
}

// ReadIndex implements replica.Group.
func (g newbornGroup) ReadIndex(ctx context.Context) (uint64, error) {
	if err := g.h.guard.refuses(); err != nil {
		return 0, err
	}
	return g.Group.ReadIndex(ctx)
}

// resyncEvery is how often a leader looks whether a neighbour is owed something
// after it began a new life; resyncSoon while one is.
const (
	resyncEvery = 2 * time.Second
	resyncSoon  = 20 * time.Millisecond
)

// resync gives back, while this replica leads, what neighbours forgot.
func (h *hosted) resync(ctx context.Context) {
	wait := resyncEvery
	for {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		more, err := h.domain.Resync(ctx)
		wait = resyncEvery
		if more && err == nil {
			wait = resyncSoon
		}
		if err != nil && ctx.Err() == nil {
			h.node.log.Warn("the resynchronisation does not go on; trying again", "domain", h.config.Domain, "err", err)
		}
	}
}

// describeLife adds what a link is still owed after a new life at either end.
func describeLife(r ledger.Reader, s *exchange.LinkStatus) error {
	l, _, err := ledger.LinkOf(r, s.Peer)
	if err != nil {
		return err
	}
	s.Resyncs = max(s.Resyncs, l.Resyncs)
	var parts []string
	if w := l.Walk; w != nil {
		parts = append(parts, fmt.Sprintf("resynchronising: %d of %d events, %d exchanges given back, %d sent again", w.Cursor, ledger.Leaves(r), w.Given, w.Sent))
	}
	if l.Regaining != 0 {
		parts = append(parts, fmt.Sprintf("waiting for what it gives back: %d exchanges so far", l.Regained))
	}
	s.Resync = strings.Join(parts, "; ")
	return nil
}
