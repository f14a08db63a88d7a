// Package pipeline is what a domain does, in the order of the road: submit,
// receive, take custody, open, sign, return, recall, prove. Everything signed,
// timed, random or decided happens here, before the log; answers are read from
// the ledger.
package pipeline

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/form"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/policy"
)

// Log is the domain's replicated ledger. It is safe for concurrent use.
type Log interface {
	// Propose commits a command through the leader, wherever that is. An error
	// is Unavailable when nothing was done, Unknown when that cannot be said,
	// Exhausted when the queue is full. A refusal is in the result.
	Propose(ctx context.Context, c ledger.Command) (ledger.Result, error)
	// View reads what is applied here.
	View(fn func(ledger.Reader) error) error
	// Current returns when everything committed before the call is applied here.
	Current(ctx context.Context) error
	// Changed is closed when something further is applied here.
	Changed() <-chan struct{}
	// Term returns the current Raft term.
	Term() uint64
}

// Content keeps sealed chunks. It is safe for concurrent use.
type Content interface {
	// Put stores a chunk durably on a majority of the domain's replicas.
	Put(ctx context.Context, address crypto.Digest, data []byte) error
	// Kept names replicas that keep all of the chunks; it waits until they are
	// a majority, or fails.
	Kept(ctx context.Context, addresses []crypto.Digest) ([]exchange.Stored, error)
	// Missing lists the chunks that are not on a majority.
	Missing(ctx context.Context, addresses []crypto.Digest) ([]crypto.Digest, error)
	// Get returns a chunk from here or from a peer.
	Get(ctx context.Context, address crypto.Digest) ([]byte, error)
}

// Options of a domain. All fields but Limits, Expiry, Retention, delays, LinkState, Patience and Logger are required.
type Options struct {
	Domain    exchange.Domain
	Replica   exchange.Replica
	Log       Log
	Content   Content
	Vault     trust.Vault
	Provider  sm.Provider
	Anchor    trust.Anchor
	Engine    *policy.Engine
	Clock     exchange.Clock
	Random    io.Reader
	Limits    form.Limits
	Expiry    time.Duration // of deliveries; 30 days when zero
	Retention Retention     // of what has ended
	// DelayAfter is when a sender is told that nobody further on took an
	// exchange (1 hour when zero), BounceAfter when whoever passed it on gives
	// it up (5 days when zero; at least ledger.MinBounce).
	DelayAfter, BounceAfter time.Duration
	// LinkState tells in a word what the link to a neighbour is doing; nil: it
	// is not known here.
	LinkState func(peer exchange.Domain) string
	Patience  int // how often a message is judged in vain before it is set aside; 20 when zero
	Version   string
	Logger    *slog.Logger
}

// Domain carries out the use cases of one hosted domain. It implements
// exchange.Service for its units, and delivery.Station for its links.
type Domain struct {
	Options
	view      atomic.Pointer[federation]
	viewLock  sync.Mutex
	arrivals  arrivals
	offers    offers
	collector collector
	left      atomic.Pointer[[]ledger.Ended] // sessions of the leader before
}

var _ exchange.Service = (*Domain)(nil)

// New returns a domain over its adapters.
func New(o Options) *Domain {
	if o.Expiry == 0 {
		o.Expiry = 30 * 24 * time.Hour
	}
	if o.DelayAfter == 0 {
		o.DelayAfter = time.Hour
	}
	if o.BounceAfter == 0 {
		o.BounceAfter = 5 * 24 * time.Hour
	}
	o.Retention = o.Retention.WithDefaults()
	o.BounceAfter = max(o.BounceAfter, ledger.MinBounce, o.DelayAfter)
	if o.Patience == 0 {
		o.Patience = patience
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Limits = o.Limits.WithDefaults()
	return &Domain{Options: o}
}

// sign makes a statement with the domain's current key.
func (d *Domain) sign(context string, v any) (crypto.Signed, error) {
	signer, err := d.Vault.Signer()
	if err != nil {
		return crypto.Signed{}, exchange.Errorf(exchange.Unavailable, "pipeline.sign", "the domain's signing key cannot be used: %w", err)
	}
	return crypto.Sign(signer, context, exchange.Encode(v))
}

func (d *Domain) digest(s crypto.Signed) crypto.Digest { return d.Provider.Sum(s.Bytes) }

// caller returns the authenticated caller of a call, who must belong here.
func (d *Domain) caller(ctx context.Context, op string) (exchange.Caller, error) {
	c, ok := exchange.CallerFrom(ctx)
	if !ok || c.Unit.Domain() != d.Domain {
		return c, exchange.Errorf(exchange.Unauthenticated, op, "no authenticated person of %s", d.Domain)
	}
	return c, nil
}

// errRestless says that what a decision rests on changed each time.
var errRestless = errors.New("decided five times, and stale each time")

// propose commits a command that decide builds. A stale refusal, because
// policy or directory changed meanwhile, is decided again.
func (d *Domain) propose(ctx context.Context, op string, decide func() (ledger.Command, error)) (ledger.Result, error) {
	const attempts = 5
	for n := 1; ; n++ {
		c, err := decide()
		if err != nil {
			return ledger.Result{}, err
		}
		c.Time = d.Clock()
		res, err := d.Log.Propose(ctx, c)
		if err != nil {
			return res, err
		}
		if res.Code != exchange.Stale {
			return res, res.Err(op)
		}
		if n == attempts {
			return res, exchange.Errorf(exchange.Unavailable, op, "policy or directory keeps changing; try again: %w", errRestless)
		}
		if err := d.Log.Current(ctx); err != nil {
			return res, err
		}
	}
}
