package pipeline

import (
	"context"
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

const (
	opCollect     = "pipeline.collect"
	lookedAtOnce  = 2000 // exchanges in one round
	rowsCollected = 4096 // deleted by one command
	year          = 365 * 24 * time.Hour
)

// Retention is for how long exchanges are kept after their last delivery ended,
// by kind, and for how long a repetition is noticed after that. Nothing is less
// than ledger.MinRetention.
type Retention struct {
	Documents  time.Duration // 公文; 10 years when zero
	Cases      time.Duration // 办件; 10 years when zero
	Others     time.Duration // queries and what else there is; 2 years when zero
	Duplicates time.Duration // of message ids and idempotency keys; 10 years when zero
}

// WithDefaults fills in what is zero, and lifts what is less than the law says.
func (r Retention) WithDefaults() Retention {
	for _, f := range []struct {
		v *time.Duration
		d time.Duration
	}{{&r.Documents, 10 * year}, {&r.Cases, 10 * year}, {&r.Others, 2 * year}, {&r.Duplicates, 10 * year}} {
		if *f.v == 0 {
			*f.v = f.d
		}
		*f.v = max(*f.v, ledger.MinRetention)
	}
	return r
}

// of is how long an exchange of a kind is kept.
func (r *Retention) of(k exchange.Kind) time.Duration {
	switch k {
	case exchange.Document:
		return r.Documents
	case exchange.Case:
		return r.Cases
	}
	return r.Others
}

// shortest is the least of them: what is younger need not be looked at.
func (r *Retention) shortest() time.Duration { return min(r.Documents, r.Cases, r.Others) }

// collector remembers where the last round ended. A new leader begins anew.
type collector struct {
	mu              sync.Mutex
	exchanges, gone exchange.ID
}

// Collect deletes, in one bounded round, exchanges whose retention has ended,
// and forgets those deleted so long ago that repetitions need not be noticed.
// It returns how many it deleted. The leader calls it from time to time; rounds
// go through all exchanges, oldest first, and begin again at the end.
func (d *Domain) Collect(ctx context.Context) (n int, err error) {
	if err := d.Log.Current(ctx); err != nil {
		return 0, err
	}
	c := &ledger.Collect{}
	d.collector.mu.Lock()
	defer d.collector.mu.Unlock()
	level, now := uint32(0), d.Clock()
	from, forgetFrom := d.collector.exchanges, d.collector.gone
	err = d.Log.View(func(r ledger.Reader) error {
		level = ledger.LevelOf(r)
		var err error
		if c.Exchanges, from, err = d.due(r, now, from); err == nil {
			c.Forget, forgetFrom, err = d.forgettable(r, now, forgetFrom, ledger.MostCollected-len(c.Exchanges))
		}
		return err
	})
	if err != nil || level < 2 {
		return 0, err
	}
	if len(c.Exchanges)+len(c.Forget) > 0 {
		if _, err = d.propose(ctx, opCollect, func() (ledger.Command, error) { return ledger.Command{Collect: c}, nil }); err != nil {
			return 0, err
		}
	}
	d.collector.exchanges, d.collector.gone = from, forgetFrom
	return len(c.Exchanges), nil
}

// due looks for exchanges to delete from a place on, and says where to go on.
func (d *Domain) due(r ledger.Reader, now exchange.Time, from exchange.ID) (out []exchange.ID, next exchange.ID, err error) {
	looked, rows := 0, 0
	ledger.EachExchange(r, ledger.TableExchange, from, func(id exchange.ID) bool {
		if looked == lookedAtOnce || rows >= rowsCollected || len(out) == ledger.MostCollected {
			next = id
			return false
		}
		if id.Time().Add(d.Retention.shortest()) > now {
			return false // this one and all behind it are too young
		}
		looked++
		var ex ledger.Stored
		if ex, _, err = ledger.Find(r, id); err != nil {
			return false
		}
		n, ok, e := ledger.Collectable(r, id, now, d.Retention.of(ex.M.Kind))
		if err = e; ok {
			out, rows = append(out, id), rows+n
		}
		return err == nil
	})
	return out, next, err
}

func (d *Domain) forgettable(r ledger.Reader, now exchange.Time, from exchange.ID, most int) (out []exchange.ID, next exchange.ID, err error) {
	looked := 0
	ledger.EachExchange(r, ledger.TableGone, from, func(id exchange.ID) bool {
		if looked == lookedAtOnce || len(out) == most {
			next = id
			return false
		}
		looked++
		g, ok, e := ledger.GoneOf(r, id)
		if err = e; ok && g.At.Add(d.Retention.Duplicates) <= now {
			out = append(out, id)
		}
		return err == nil
	})
	return out, next, err
}

// wasHere reports whether an exchange was stored, ended, and was deleted at the
// end of its retention.
func (d *Domain) wasHere(id exchange.ID) (known bool) {
	_ = d.Log.View(func(r ledger.Reader) (err error) {
		_, known, err = ledger.GoneOf(r, id)
		return err
	})
	return known
}
