package node

import (
	"context"
	"errors"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/raftnode"
	"github.com/yizhan-exchange/yizhan/node/replica"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// proposeTimeout bounds a command whose caller set no deadline.
const proposeTimeout = 30 * time.Second

// ledgerLog is pipeline.Log over Raft and the store: commands go to the leader
// wherever it is, reads come from here.
type ledgerLog struct {
	router *replica.Router
	group  *raftnode.Group
	store  *store.Store
	guard  *guard
}

func (l *ledgerLog) Propose(ctx context.Context, c ledger.Command) (ledger.Result, error) {
	ctx, cancel := bounded(ctx, proposeTimeout)
	defer cancel()
	if err := errors.Join(l.guard.refuses(), l.guard.wrongClock()); err != nil {
		return ledger.Result{}, err
	}
	raw, err := l.router.Propose(ctx, exchange.Encode(c))
	if err != nil {
		return ledger.Result{}, err
	}
	return exchange.Decode[ledger.Result](raw)
}

func (l *ledgerLog) View(fn func(ledger.Reader) error) error {
	if err := l.guard.refuses(); err != nil {
		return err
	}
	return l.store.View(fn)
}

func (l *ledgerLog) Current(ctx context.Context) error {
	ctx, cancel := bounded(ctx, proposeTimeout)
	defer cancel()
	if err := l.guard.refuses(); err != nil {
		return err
	}
	return l.router.ReadCurrent(ctx)
}

func (l *ledgerLog) Changed() <-chan struct{} { return l.store.Watch() }

func (l *ledgerLog) Term() uint64 { return l.group.Term() }

// bounded gives a context a deadline if it has none.
func bounded(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, d)
}
