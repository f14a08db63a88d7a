package chaos

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/test/chaos/model"
)

// restLimit is how long a federation may take to come to rest after the last
// fault: generous, for machines that do other things.
const restLimit = 2 * time.Minute

// settle waits until nothing moves: what was accepted is where it belongs, no
// row waits for a neighbour, every replica has applied the same. It returns
// what is still open when the limit is reached.
func (w *World) settle(t testing.TB, h *history, workers []*worker) (open []string) {
	deadline := time.Now().Add(restLimit)
	w.resolve(h, workers, deadline)
	for {
		open = w.unsettled(t, h, workers)
		if gone := w.gone(); len(gone) > 0 { // they will not come back
			return append(gone, open...)
		}
		if len(open) == 0 || time.Now().After(deadline) {
			return open
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// gone lists processes that have ended, with what they said last.
func (w *World) gone() (out []string) {
	for _, name := range w.all() {
		if !w.fleet.Running(name) {
			printed, _ := os.ReadFile(w.fleet.Output(name))
			last := strings.TrimSpace(string(printed[max(0, len(printed)-500):]))
			out = append(out, name+" has ended: …"+last)
		}
	}
	return out
}

// share gives each worker its part of the items.
func share(workers []*worker, items []*item, do func(*worker, *item)) {
	var all sync.WaitGroup
	for n, w := range workers {
		all.Go(func() {
			for i := n; i < len(items); i += len(workers) {
				do(w, items[i])
			}
		})
	}
	all.Wait()
}

// resolve asks again about every key, so that no outcome stays unknown, and so
// that every key that was acknowledged is asked for its original receipt.
func (w *World) resolve(h *history, workers []*worker, deadline time.Time) {
	share(workers, h.all(), func(w *worker, it *item) {
		for variant := 0; time.Now().Before(deadline); variant = 1 - variant {
			got := w.submitWithin(it, variant, 10*time.Second)
			if !got.ID.IsZero() {
				return
			}
		}
	})
}

// unsettled lists what still moves. Deliveries are read once: those that ended
// or arrived stay so.
func (w *World) unsettled(t testing.TB, h *history, workers []*worker) (open []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, d := range levels {
		lead, err := w.fleet.LeaderStatus(ctx, d)
		if err != nil {
			return append(open, fmt.Sprintf("%s: %v", d, err))
		}
		for _, l := range lead.Links {
			if l.Queued > 0 || l.State != "connected" {
				open = append(open, fmt.Sprintf("%s: the link to %s is %s with %d rows queued: %s", d, l.Peer, l.State, l.Queued, l.LastError))
			}
		}
		for _, name := range w.replicas[d] {
			here, err := w.fleet.StatusAt(ctx, d, name)
			if err != nil || here.AppliedIndex != lead.CommitIndex || here.StoppedBecause != "" {
				open = append(open, fmt.Sprintf("%s is at %d of %d, %s %s %v", name, here.AppliedIndex, lead.CommitIndex, here.Role, here.StoppedBecause, err))
			}
		}
	}
	if len(open) > 0 {
		return open
	}
	return append(open, w.moving(ctx, h, workers[0])...)
}

// moving lists items of which sender and recipient do not say the same yet.
func (w *World) moving(ctx context.Context, h *history, by *worker) (open []string) {
	ends := map[string]string{}
	for _, d := range levels {
		for _, unit := range []exchange.Unit{exchange.Unit("wjw@" + string(d)), exchange.Unit("bgs@" + string(d))} {
			list, err := everything(ctx, by.units[unit].Outbox)
			if err != nil {
				return append(open, fmt.Sprintf("outbox of %s: %v", unit, err))
			}
			for _, s := range list {
				ends[s.ID.String()] = s.State
			}
		}
	}
	for _, it := range h.all() {
		switch state := ends[it.id]; state {
		case model.Arrived, model.Signed, model.Returned, model.Recalled:
		default:
			open = append(open, fmt.Sprintf("%s (%s) of %s to %s is %q", it.key, it.id, it.from, it.to, state))
		}
	}
	if len(open) > 5 {
		open = append(open[:5], fmt.Sprintf("and %d more", len(open)-5))
	}
	return open
}

// everything reads a whole inbox or outbox.
func everything(ctx context.Context, list func(context.Context, exchange.ListQuery) (exchange.List, error)) (all []exchange.Summary, err error) {
	q := exchange.ListQuery{Limit: 1000}
	for {
		page, err := list(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if q.Before = page.Next; page.Next == "" {
			return all, nil
		}
	}
}

func lines(all []string) string { return "\n  " + strings.Join(all, "\n  ") }
