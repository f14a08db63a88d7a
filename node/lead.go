package node

import (
	"context"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/experimental"

	"github.com/yizhan-exchange/yizhan/crypto/channel"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/link"
)

// expireEvery is how often a leader looks for deliveries past their time.
const expireEvery = 10 * time.Second

// startLeading prepares what only a leader does: founding the domain, and the
// link to the superior.
func (n *Node) startLeading() error {
	n.lookForRoom()
	n.spawn("disk watermark", n.watchRoom)
	for _, d := range n.order {
		h := n.hosted[d]
		if err := h.openLink(); err != nil {
			return fmt.Errorf("domain %s: %w", d, err)
		}
		n.spawn("leading "+string(d), func() error { h.group.WhileLeader(n.ctx, h.lead); return nil })
		n.spawn("directory "+string(d), func() error { h.recheck(); return nil })
		n.spawn("group "+string(d), h.watchGroup)
		n.spawn("time "+string(d), h.followTime)
		n.spawn("members "+string(d), h.keep)
		n.spawn("content "+string(d), h.catch.run)
		n.spawn("tending "+string(d), h.tend.run)
	}
	return nil
}

// watchGroup notices a group that stopped rather than diverge. The node stays,
// for it may host others.
func (h *hosted) watchGroup() error {
	select {
	case <-h.node.ctx.Done():
	case <-h.group.Done():
		h.node.log.Error("the replica has stopped", "domain", h.config.Domain, "err", h.group.StoppedErr())
	}
	return nil
}

// lead runs while this replica leads its domain.
func (h *hosted) lead(ctx context.Context, term uint64) {
	log := h.node.log.With("domain", h.config.Domain, "term", term)
	for {
		err := h.found(ctx)
		if err == nil {
			err = h.renew(ctx)
		}
		if err == nil {
			break
		}
		log.Error("the domain cannot begin", "err", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return
		}
	}
	h.term.Store(term) // before it is looked which sessions are open
	h.domain.Lead()
	if err := h.domain.CloseLinks(ctx); err != nil {
		log.Warn("what is queued counts as sent until the links open again", "err", err)
	}
	h.leading.Store(true)
	log.Info("leading")
	defer h.unlead()
	h.node.tasks.Go(func() { h.expire(ctx) })
	h.node.tasks.Go(func() { h.resync(ctx) })
	if h.dialer != nil {
		h.dialer.Run(ctx)
		return
	}
	<-ctx.Done()
}

// reign returns the term in which this replica leads, 0 while it does not.
func (h *hosted) reign() uint64 {
	if h == nil || !h.leading.Load() {
		return 0
	}
	return h.term.Load()
}

func (h *hosted) unlead() {
	h.leading.Store(false)
	if h.node.linkEnd != nil {
		h.node.linkEnd.Release(h.config.Domain)
	}
}

// checkFounding reads the founding file of a domain that is not founded yet, so
// that a file that cannot found it is told at the start.
func (h *hosted) checkFounding() error {
	need, err := h.unfounded()
	if err != nil || !need {
		return err
	}
	_, err = h.foundingCommand()
	return err
}

// unfounded reports whether there is no ledger yet and this replica is to
// begin one.
func (h *hosted) unfounded() (bool, error) {
	var founded bool
	err := h.store.View(func(r ledger.Reader) (err error) {
		_, founded, err = ledger.SelfOf(r)
		return err
	})
	return !founded && h.config.Founds(), err
}

// expire gives up, while this replica leads, what nobody took in time.
func (h *hosted) expire(ctx context.Context) {
	for tick := time.NewTicker(expireEvery); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return
		}
		h.tick(ctx)
		if n, err := h.domain.Collect(ctx); err != nil && ctx.Err() == nil {
			h.node.log.Warn("what has ended could not be deleted; trying again", "domain", h.config.Domain, "err", err)
		} else if n > 0 {
			h.node.log.Info("exchanges were deleted at the end of their retention", "domain", h.config.Domain, "exchanges", n)
		}
		if n, err := h.domain.LookForDelays(ctx); err != nil && ctx.Err() == nil {
			h.node.log.Warn("delayed exchanges could not be looked for; trying again", "domain", h.config.Domain, "err", err)
		} else if n > 0 {
			h.node.log.Warn("deliveries that nobody took were given up", "domain", h.config.Domain, "deliveries", n)
		}
		if n, err := h.domain.ExpireDue(ctx); err != nil && ctx.Err() == nil {
			h.node.log.Warn("overdue deliveries could not be ended; trying again", "domain", h.config.Domain, "err", err)
		} else if n > 0 {
			h.node.log.Info("overdue deliveries ended", "domain", h.config.Domain, "deliveries", n)
		}
	}
}

// found proposes the founding of a domain that has no ledger yet. The epoch is
// drawn here, so that numbering of an earlier life is never continued.
func (h *hosted) found(ctx context.Context) error {
	need, err := h.unfounded()
	if err != nil || !need {
		return err
	}
	b, err := h.foundingCommand()
	if err != nil {
		return err
	}
	raw, err := h.group.Propose(ctx, exchange.Encode(ledger.Command{Time: h.node.options.Clock(), Bootstrap: &b}))
	if err != nil {
		return err
	}
	res, err := exchange.Decode[ledger.Result](raw)
	if err != nil || res.Code == exchange.Conflict { // founded by the leader before
		return err
	}
	return res.Err("node.found")
}

// foundingCommand reads the founding file and verifies it with the anchor
// alone.
func (h *hosted) foundingCommand() (b ledger.Bootstrap, err error) {
	file, err := founding.LoadFile(h.config.Founding)
	if err != nil {
		return b, err
	}
	if file.Domain() != h.config.Domain {
		return b, fmt.Errorf("the founding file %s is of domain %s; name that of %s in founding", h.config.Founding, file.Domain(), h.config.Domain)
	}
	if _, err := file.Verify(h.node.provider, h.anchor, h.node.options.Clock()); err != nil {
		return b, exchange.Errorf(exchange.CodeOf(err), "node.found", "the founding file %s cannot be believed; ask for it again: %w", h.config.Founding, err)
	}
	var epoch [16]byte
	if _, err := io.ReadFull(h.node.options.Random, epoch[:]); err != nil {
		return b, err
	}
	return file.Bootstrap(epoch), nil
}

// openLink prepares the link to the superior; it is dialled while leading.
func (h *hosted) openLink() (err error) {
	s := h.config.Superior
	if s == nil {
		return nil
	}
	t, err := h.node.transport(s.Channel)
	if err != nil {
		return err
	}
	o := link.Options{Log: h.node.log, Now: h.node.now, Credits: h.node.credits, Retry: link.Retry{Base: s.Retry.First.Std(), Ceiling: s.Retry.Ceiling.Std()}}
	if len(s.Bandwidth) > 0 {
		b, err := link.NewBandwidth(windows(s.Bandwidth), nil)
		if err != nil {
			return err
		}
		o.Limit = b.Delay
	}
	var last attempt
	h.dialer, err = link.NewDialer(link.DialerConfig{Self: h.config.Domain, Peer: s.Domain, Endpoints: s.Endpoints, Station: h.domain, Options: o,
		Why: last.why,
		Dial: func(_ context.Context, endpoint string) (*grpc.ClientConn, error) {
			creds := channel.RotatingCredentials(t, func() (channel.Identity, error) { return h.identity(channel.ProtocolLink) }, string(s.Domain), channel.ProtocolLink)
			return grpc.NewClient("passthrough:///"+endpoint, append(append(link.DialOptions(), experimental.WithBufferPool(buffers)), last.options(creds)...)...)
		}})
	return err
}

func windows(in []config.Window) []link.BandwidthWindow {
	var out []link.BandwidthWindow
	for _, w := range in {
		out = append(out, link.BandwidthWindow{FromHour: w.From, ToHour: w.To, BytesPerSecond: int64(w.BytesPerSecond)})
	}
	return out
}

// recheck asks again about open connections whenever the directory changed.
func (h *hosted) recheck() {
	var seen uint64
	for {
		changed := h.store.Watch()
		var self ledger.Self
		if err := h.store.View(func(r ledger.Reader) (err error) { self, _, err = ledger.SelfOf(r); return err }); err != nil {
			return // the store is closed
		}
		if now := self.Revisions.Directory; now != seen {
			seen = now
			if closed := h.node.live.Recheck(h.node.authorize); closed > 0 {
				h.node.log.Warn("connections closed after a change of the directory", "domain", h.config.Domain, "closed", closed)
			}
		}
		select {
		case <-changed:
		case <-h.node.ctx.Done():
			return
		}
	}
}
