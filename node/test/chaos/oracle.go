package chaos

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/check"
	"github.com/yizhan-exchange/yizhan/node/test/chaos/model"
)

// verdict is what an oracle found in one run.
type verdict struct {
	lost, duplicated int
	violations       []string
}

func (v *verdict) say(format string, args ...any) {
	v.violations = append(v.violations, fmt.Sprintf(format, args...))
}

// judge reads everything once more, now that it rests, and holds it against
// what clients were told.
func (w *World) judge(h *history, workers []*worker) *verdict {
	v := &verdict{}
	v.inboxes(h, workers[0])
	share(workers, h.all(), func(w *worker, it *item) {
		w.read(it, true)
		w.look(it, true)
	})
	for _, violation := range model.Check(h.ops, time.Minute) {
		v.say("%s", violation)
	}
	for what, times := range h.unexpected {
		v.say("an answer that nobody should get, %d times: %s", times, what)
	}
	return v
}

// inboxes counts copies at the recipients by their titles, which clients chose.
func (v *verdict) inboxes(h *history, by *worker) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	copies := map[string][]exchange.Summary{}
	for unit, c := range by.units {
		list, err := everything(ctx, c.Inbox)
		if err != nil {
			v.say("inbox of %s: %v", unit, err)
		}
		for _, s := range list {
			copies[s.Title+" at "+string(unit)] = append(copies[s.Title+" at "+string(unit)], s)
		}
	}
	for _, it := range h.all() {
		at := title(it) + " at " + string(it.to)
		found := copies[at]
		delete(copies, at)
		switch {
		case len(found) > 1:
			v.duplicated++
			v.say("%s is %d times in the inbox of %s", it.key, len(found), it.to)
		case len(found) == 1 && found[0].ID.String() != it.id:
			v.duplicated++
			v.say("%s arrived as %s and was acknowledged as %s", it.key, found[0].ID, it.id)
		case len(found) == 0 && it.acked && !v.withdrawn(ctx, it, by):
			v.lost++
			v.say("%s (%s) was acknowledged to %s and is not in the inbox of %s", it.key, it.id, it.from, it.to)
		}
	}
	for at := range copies {
		v.duplicated++
		v.say("nobody sent what is in an inbox: %s", at)
	}
}

// withdrawn tells whether an item was recalled before it arrived. That
// somebody asked for it is for the model to judge.
func (v *verdict) withdrawn(ctx context.Context, it *item, by *worker) bool {
	t, err := by.units[it.from].Track(ctx, it.id)
	return err == nil && len(t.Deliveries) == 1 && t.Deliveries[0].State == model.Recalled
}

// stores checks what every stopped replica keeps, and that replicas of a domain
// keep the same. They stopped at one moment and at rest, so that they can be
// compared unless leadership has just changed.
func (w *World) stores(v *verdict) {
	var mu sync.Mutex
	var all []*check.Report
	var every sync.WaitGroup
	for _, name := range w.all() {
		every.Go(func() {
			reports, err := check.Node(context.Background(), w.fleet.Config(name), check.Options{Signatures: true, Content: true})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				v.say("%s: %v", name, err)
			}
			all = append(all, reports...)
		})
	}
	every.Wait()
	for _, r := range all {
		for _, found := range r.Findings {
			if found.Code != check.ContentMissing { // a minority may miss chunks, and is sent them when asked
				v.say("%s of %s: %s", r.Replica, r.Domain, found)
			}
		}
		if r.Counts.Held > 0 {
			v.say("%s of %s set %d messages aside", r.Replica, r.Domain, r.Counts.Held)
		}
		if r.Counts.Queued > 0 {
			v.say("%s of %s has %d rows in its queues", r.Replica, r.Domain, r.Counts.Queued)
		}
	}
	for _, found := range check.Replicas(all...) {
		v.say("%s", found)
	}
}
