package sim

import (
	"container/heap"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// begin is when every simulation starts. The certificates of the kit cover it.
const begin = exchange.Time(1_790_000_000_000)

// world is one run. It is used by one goroutine.
type world struct {
	Options
	kit     *kit
	rng     *rand.Rand
	now     exchange.Time
	queue   events
	order   uint64
	steps   int
	current *task
	tasks   []*task
	groups  []*group
	at      map[exchange.Domain]*group
	links   []*link
	clients []*client
	intents []*intent
	acts    map[actKey]*act
	faults  [faultKinds]*rand.Rand // nil: not in this run
	calm    bool                   // faults have stopped
	over    bool                   // the run is being torn down
	failure string
	lines   io.Writer
	hash    [32]byte // of the trace
	watch   *watch
	stats   Stats
}

// event is one thing that will happen. Events of one moment happen in the order
// in which they were planned.
type event struct {
	at    exchange.Time
	order uint64
	do    func()
}

type events []event

// Len implements heap.Interface.
func (e events) Len() int { return len(e) }

// Less implements heap.Interface.
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}

// Swap implements heap.Interface.
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push implements heap.Interface.
func (e *events) Push(v any) { *e = append(*e, v.(event)) }

// Pop implements heap.Interface.
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*e = old[:len(old)-1]
	return last
}

// after plans something.
func (w *world) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.queue, event{w.now.Add(d), w.order, do})
}

// run lets things happen until the time comes, or something is wrong.
func (w *world) run(until exchange.Time) {
	for len(w.queue) > 0 && w.failure == "" && w.queue[0].at <= until {
		e := heap.Pop(&w.queue).(event)
		w.now = max(w.now, e.at)
		w.steps++
		e.do()
	}
	if w.failure == "" {
		w.now = max(w.now, until)
	}
}

// between draws a duration, both ends included, in milliseconds.
func (w *world) between(least, most time.Duration) time.Duration {
	return draw(w.rng, least, most)
}

func draw(r *rand.Rand, least, most time.Duration) time.Duration {
	n := int64((most - least) / time.Millisecond)
	return least + time.Duration(r.Int64N(n+1))*time.Millisecond
}

// chance is true with a probability of n in m.
func (w *world) chance(n, m int) bool { return w.rng.IntN(m) < n }

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// stream makes a source of randomness of its own, which depends on the seed and
// a name and on nothing that happens.
func (w *world) stream(name string) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%d/%s", w.Seed, name)))
}

// tracef tells what happens to whoever looks.
func (w *world) tracef(format string, args ...any) {
	if w.lines == nil {
		return
	}
	line := fmt.Sprintf("%9.3f ", float64(w.now-begin)/1000) + fmt.Sprintf(format, args...) + "\n"
	w.hash = sha256.Sum256(append(w.hash[:], line...))
	_, _ = io.WriteString(w.lines, line)
}

// failf ends the run: a promise is broken. The first failure is the one told.
func (w *world) failf(format string, args ...any) {
	if w.failure != "" || w.over {
		return
	}
	w.failure = fmt.Sprintf(format, args...)
	w.tracef("FAILED: %s", w.failure)
}

// close winds up what is still on its way: every call returns with an error.
func (w *world) close() {
	w.over = true
	for _, t := range slices.Clone(w.tasks) {
		w.current = t // what it still draws is its own
		t.stop()
	}
}

// as is the context of a call by a person of a unit.
func as(u exchange.Unit) context.Context {
	return exchange.WithCaller(context.Background(), exchange.Caller{Unit: u, Person: "zhang.san",
		Duties: []exchange.Duty{exchange.Handler, exchange.Clerk}})
}

// Stats counts what happened, so that a run that exercised nothing is noticed.
type Stats struct {
	Steps, Entries, Submits, Acks, Unknown, Retries, Conflicts int
	Signed, Returned, Recalls, Sessions, Rows, Chunks, Faults  int
	Restores, Voids                                            int
}

// Plus adds up.
func (s Stats) Plus(o Stats) Stats {
	return Stats{s.Steps + o.Steps, s.Entries + o.Entries, s.Submits + o.Submits, s.Acks + o.Acks, s.Unknown + o.Unknown, s.Retries + o.Retries,
		s.Conflicts + o.Conflicts, s.Signed + o.Signed, s.Returned + o.Returned, s.Recalls + o.Recalls, s.Sessions + o.Sessions,
		s.Rows + o.Rows, s.Chunks + o.Chunks, s.Faults + o.Faults, s.Restores + o.Restores, s.Voids + o.Voids}
}
