package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/test/chaos/model"
)

// Plan is one run.
type Plan struct {
	Seed   uint64
	Kind   Fault         // "" is that of the seed
	Faults time.Duration // how long things are broken
	// script, when set, does things in place of faults, until it returns.
	script func(b *breaker)
}

func (p Plan) kind() Fault {
	if p.Kind != "" {
		return p.Kind
	}
	return Faults[p.Seed%uint64(len(Faults))]
}

// Result is what came of a run.
type Result struct {
	Kind                           Fault
	Acknowledged, Lost, Duplicated int
	Longest                        map[exchange.Domain]time.Duration // without service
	Violations                     []string
	Calls                          map[model.Outcome]int
}

const workersPerRun = 6

// Run breaks the world once and tells what came of it. Whatever is wrong is an
// error of t as well.
func (w *World) Run(t testing.TB, p Plan) Result {
	t.Helper()
	w.fleet.During(t)
	w.fleet.RestoreData()
	begin := time.Now()
	w.fleet.StartAll()
	ready := time.Now()
	h := newHistory()
	workers, probes := w.clients(t, h, p.Seed)
	broken, ended := w.traffic(t, h, workers, probes, p)
	acknowledged := h.acknowledged()
	open := w.settle(t, h, workers)
	rested := time.Now()
	v := w.judge(h, workers)
	for _, o := range open {
		v.say("not at rest: %s", o)
	}
	for _, name := range ended {
		v.say("%s ended by itself", name)
	}
	w.fleet.KillTogether(w.all()...) // at one moment, so that all rest at one index
	w.stores(v)
	w.net.Heal()
	r := Result{Kind: p.kind(), Acknowledged: acknowledged, Lost: v.lost, Duplicated: v.duplicated, Violations: v.violations, Longest: map[exchange.Domain]time.Duration{}, Calls: h.counts}
	for _, p := range probes {
		r.Longest[p.domain] = p.longest
	}
	t.Logf("seed %d, %s: %d keys, %d acknowledged, calls %v; ready after %v, broken for %v, at rest %v later, judged in %v; longest without service %v",
		p.Seed, r.Kind, len(h.items), r.Acknowledged, h.counts, ready.Sub(begin).Round(time.Millisecond), broken.Round(time.Millisecond),
		rested.Sub(ready.Add(broken)).Round(time.Millisecond), time.Since(rested).Round(time.Millisecond), r.Longest)
	if len(r.Violations) > 0 {
		w.report(t, p, r)
	}
	return r
}

// report tells how to see it again, and keeps what was left behind.
func (w *World) report(t testing.TB, p Plan, r Result) {
	t.Helper()
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("yizhan-chaos-%d-%d", p.Seed, os.Getpid()))
	if err := w.fleet.KeepData(dir); err != nil {
		t.Log(err)
	}
	t.Errorf("seed %d (%s) failed; data and logs are in %s; once more:\n  go test -tags soak ./node/test/chaos -run Seeds -seed %d -v%s",
		p.Seed, p.kind(), dir, p.Seed, lines(r.Violations[:min(20, len(r.Violations))]))
}

func (w *World) clients(t testing.TB, h *history, seed uint64) (workers []*worker, probes []*probe) {
	for i := range workersPerRun {
		units := map[exchange.Unit]*client.Client{}
		for _, d := range levels {
			for _, local := range []string{"wjw@", "bgs@"} {
				unit := local + string(d)
				units[exchange.Unit(unit)] = w.fleet.Client(unit)
			}
		}
		workers = append(workers, &worker{number: i, h: h, rng: rand.New(rand.NewPCG(seed, uint64(i))), units: units})
	}
	for i, d := range levels {
		p := &probe{worker: worker{number: workersPerRun + i, h: h}, domain: d}
		for _, name := range w.replicas[d] {
			p.clients = append(p.clients, w.fleet.ClientAt("wjw@"+string(d), name))
		}
		probes = append(probes, p)
	}
	return workers, probes
}

// traffic runs clients while things break. It returns how long that was, and
// which processes ended that should not have.
func (w *World) traffic(t testing.TB, h *history, workers []*worker, probes []*probe, p Plan) (broken time.Duration, ended []string) {
	begin := time.Now()
	ctx, end := context.WithCancel(context.Background())
	defer end()
	var all sync.WaitGroup
	for _, one := range workers {
		all.Go(func() { one.run(ctx) })
	}
	for _, one := range probes {
		all.Go(func() { one.run(ctx) })
	}
	faults, enough := context.WithTimeout(ctx, p.Faults)
	defer enough()
	b := newBreaker(w, p.Seed, func(format string, args ...any) {
		t.Logf("%6v  %s", time.Since(begin).Round(time.Millisecond), fmt.Sprintf(format, args...))
	})
	if p.script != nil {
		p.script(b)
		b.mend()
	} else {
		b.run(faults, p.kind())
	}
	w.fleet.WaitReady(restLimit) // service is measured until it is back
	end()
	all.Wait()
	return time.Since(begin), b.ended
}
