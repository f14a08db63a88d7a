package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/config"
)

const (
	opClock = "node.clock"

	// tickAfter is how far the ledger's time may fall behind before its leader
	// moves it.
	tickAfter = time.Hour

	// clockRequest, in the directory of a domain, is an administrator's word that
	// the clocks are right: the time when it was given.
	clockRequest = "clock-is-right"
	// requestLife is how long it counts: one that nobody took must not come
	// into force at some later start.
	requestLife = 5 * time.Minute
)

// tick keeps the time of an idle ledger within what one command may move it.
func (h *hosted) tick(ctx context.Context) {
	behind := time.Duration(int64(h.node.options.Clock())-h.guard.time.Load()) * time.Millisecond
	switch {
	case h.guard.time.Load() == 0 || behind < tickAfter:
		h.guard.tardy.Store(false)
	case behind <= ledger.MaxTimeJump:
		if err := h.propose(ctx, ledger.Tick(h.node.options.Clock())); err != nil && ctx.Err() == nil {
			h.node.log.Warn("the ledger's time could not be moved; trying again", "domain", h.config.Domain, "err", err)
		}
	case !h.guard.tardy.Swap(true):
		h.node.log.Error("nothing is accepted: the ledger's time is too far behind this clock. See that the clocks of all replicas are right, then say so: yizhan cluster clock --config node.yaml --confirm "+string(h.config.Domain),
			"domain", h.config.Domain, "behind", behind.Round(time.Second))
	}
}

// SayClockIsRight leaves an administrator's word for the running node that c
// configures: the ledger of a domain it hosts may be moved to the present, however
// far that is. It returns when the node has taken it. Code NotFound when the node
// does not host the domain, Unavailable when it did not take it in time.
func SayClockIsRight(ctx context.Context, c *config.Node, d exchange.Domain) error {
	for i := range c.Domains {
		if c.Domains[i].Domain != d {
			continue
		}
		path := filepath.Join(c.Data, string(d), clockRequest)
		now := []byte(time.Now().Format(time.RFC3339) + "\n")
		if err := errors.Join(os.WriteFile(path+".new", now, 0o600), os.Rename(path+".new", path)); err != nil {
			return fmt.Errorf("leaving word for the node: %w", err)
		}
		return taken(ctx, path)
	}
	return exchange.Errorf(exchange.NotFound, opClock, "%s hosts no replica of %s", c.Name, d)
}

// taken waits until a request is gone.
func taken(ctx context.Context, path string) error {
	for {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			_ = os.Remove(path) // too late from here on
			return exchange.Errorf(exchange.Unavailable, opClock, "the node did not take it: it must run, its clock must agree with those of the other replicas, and a majority must be up; its log says more")
		}
	}
}

// takeClock carries an administrator's word out.
func (h *hosted) takeClock() {
	path := h.node.dir(h.config, clockRequest)
	b, err := os.ReadFile(path)
	if err != nil {
		return // nobody has said anything
	}
	given, err := time.Parse(time.RFC3339, strings.TrimSpace(string(b)))
	if err != nil || time.Since(given).Abs() > requestLife {
		h.node.log.Warn("an old word about the clock is forgotten", "domain", h.config.Domain, "given", given)
		_ = os.Remove(path) // looked at again otherwise
		return
	}
	if err := h.setClock(); err != nil {
		h.node.log.Warn("the ledger's time could not be set; trying again", "domain", h.config.Domain, "err", err)
		return
	}
	_ = os.Remove(path) // setting it twice is harmless
	h.node.log.Warn("an administrator said that the clock is right: the ledger's time was set", "domain", h.config.Domain)
}

func (h *hosted) setClock() error {
	if err := h.guard.wrongClock(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(h.node.ctx, askTimeout*5)
	defer cancel()
	now := h.node.options.Clock()
	raw, err := h.router.Propose(ctx, exchange.Encode(ledger.Command{Time: now, Clock: &now}))
	if err != nil {
		return err
	}
	res, err := exchange.Decode[ledger.Result](raw)
	if err != nil {
		return err
	}
	return res.Err(opClock)
}
