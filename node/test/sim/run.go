package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Options of a run. The zero value, but for Seed, is right for most.
type Options struct {
	Seed    uint64
	Without []Fault   // kinds of faults to leave out
	Often   []Fault   // kinds that every run has, three times as often
	Plant   Plant     // a bug to plant
	Trace   io.Writer // nil: nobody looks
}

// Result of a run.
type Result struct {
	Seed    uint64
	Often   []Fault
	Failure string // "": every promise was kept
	Faults  []Fault
	Stats   Stats
	Trace   [32]byte // digest of the trace, when there was one
}

// Things go wrong for so long, in simulated time. Many short runs find more than
// a few long ones, but some things take their time.
const (
	shortest = 6 * time.Second
	longest  = 30 * time.Second
)

// Run plays one seed: the domains are founded and their links open, clients work
// while things go wrong, faults stop, everything comes to rest, and every
// promise is checked.
func Run(k Kit, o Options) Result {
	w := &world{Options: o, kit: k.kit, now: begin, at: map[exchange.Domain]*group{}, acts: map[actKey]*act{}, lines: o.Trace}
	w.rng = rand.New(w.stream("world"))
	w.watch = newWatch(w)
	w.choose()
	w.calm = true
	w.found()
	w.run(w.now.Add(2 * time.Second))
	w.calm = false
	w.hire()
	w.plan()
	w.operate()
	w.run(w.now.Add(w.length()))
	w.rest()
	w.finish()
	if w.failure == "" {
		w.settle()
		w.outlive()
	}
	if w.failure == "" {
		w.judge()
	}
	w.dump()
	w.close()
	w.stats.Steps = w.steps
	return Result{Seed: o.Seed, Often: o.Often, Failure: w.failure, Faults: w.present(), Stats: w.stats, Trace: w.hash}
}

func (w *world) found() {
	for _, info := range tree {
		g := newGroup(w, info)
		w.groups = append(w.groups, g)
		w.at[info.Domain] = g
		g.electSoon()
	}
	for _, g := range w.groups {
		if p := w.at[g.info.Parent]; p != nil {
			w.links = append(w.links, &link{w: w, child: g, parent: p})
		}
	}
}

func (w *world) present() (out []Fault) {
	for f, r := range w.faults {
		if r != nil {
			out = append(out, Fault(f))
		}
	}
	return out
}

func (w *world) length() time.Duration {
	r := rand.New(w.stream("length"))
	if r.IntN(8) == 0 {
		return longest
	}
	return draw(r, shortest, longest/2)
}

// Shrink leaves out one kind of fault after the other as long as the seed still
// fails, and returns the kinds that are needed, with what fails then.
func Shrink(k Kit, o Options) (needed []Fault, last Result) {
	last = Run(k, o)
	for _, f := range last.Faults {
		try := o
		try.Without = append(append([]Fault(nil), o.Without...), f)
		if r := Run(k, try); r.Failure != "" {
			o, last = try, r
		} else {
			needed = append(needed, f)
		}
	}
	return needed, last
}

// Command is what replays a run.
func (r Result) Command() string {
	often := ""
	for _, f := range r.Often {
		often += " -often " + f.String()
	}
	return fmt.Sprintf("go test ./node/test/sim -run TestSeeds -seed %d%s -v", r.Seed, often)
}
