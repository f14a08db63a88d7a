package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// Fault is a kind of fault. A run has faults of one kind, or of all.
type Fault string

// Kinds of faults.
const (
	KillOne      Fault = "one killed"
	KillMajority Fault = "majority killed"
	KillAll      Fault = "all killed"
	PauseOne     Fault = "one paused"
	Partition    Fault = "partition inside a domain"
	LinkBroken   Fault = "partition between domains"
	Slow         Fault = "slow network"
	LostAnswers  Fault = "answers lost"
	Storm        Fault = "restart storm"
	ClockSteps   Fault = "clock steps"
	Mixed        Fault = "all of these"
)

// Faults lists the kinds. A seed has the one at its number modulo their count.
var Faults = []Fault{KillOne, KillMajority, KillAll, PauseOne, Partition, LinkBroken, Slow, LostAnswers, Storm, ClockSteps, Mixed}

// breaker breaks a world according to a seed.
type breaker struct {
	w   *World
	rng *rand.Rand
	log func(string, ...any)

	paused  map[string]bool
	stopped map[string]bool
	off     map[string]bool // clocks that are wrong
	ended   []string        // processes that ended by themselves
}

func newBreaker(w *World, seed uint64, log func(string, ...any)) *breaker {
	return &breaker{w: w, rng: rand.New(rand.NewPCG(seed, 7)), log: log,
		paused: map[string]bool{}, stopped: map[string]bool{}, off: map[string]bool{}}
}

// run breaks things, one after another, until the context ends, and then mends
// everything.
func (b *breaker) run(ctx context.Context, kind Fault) {
	acts := map[Fault]func(context.Context){
		KillOne: b.killOne, KillMajority: b.killMajority, KillAll: b.killAll, PauseOne: b.pauseOne, Partition: b.partition,
		LinkBroken: b.breakLink, Slow: b.slow, LostAnswers: b.loseAnswers, Storm: b.storm, ClockSteps: b.stepClock,
	}
	for ctx.Err() == nil {
		next := kind
		for next == Mixed || next == ClockSteps && !b.w.clocks {
			next = Faults[b.rng.IntN(len(Faults))]
		}
		do := acts[next]
		b.wait(ctx, 200, 900)
		b.miss()
		if ctx.Err() == nil {
			do(ctx)
		}
	}
	b.mend()
}

// mend ends all faults.
func (b *breaker) mend() {
	b.w.net.Heal()
	for name := range b.paused {
		b.w.fleet.Resume(name)
	}
	for name := range b.off {
		b.setClock(name, 0)
	}
	b.miss()
	for _, name := range b.w.all() {
		if b.stopped[name] {
			b.start(name)
		}
	}
}

// miss notes processes that ended and were not told to, and starts them again
// as a service manager would.
func (b *breaker) miss() {
	for _, name := range b.w.all() {
		if !b.stopped[name] && !b.w.fleet.Running(name) {
			b.log("%s has ended by itself", name)
			b.ended = append(b.ended, name)
			b.start(name)
		}
	}
}

func (b *breaker) wait(ctx context.Context, least, most int) {
	pause(ctx, time.Duration(least+b.rng.IntN(most-least))*time.Millisecond)
}

func (b *breaker) start(name string) {
	delete(b.stopped, name)
	b.w.fleet.Start(name)
}

func (b *breaker) kill(names ...string) {
	for _, name := range names {
		b.stopped[name] = true
	}
	b.w.fleet.KillTogether(names...)
}

// domain chooses a domain, mostly one with several replicas.
func (b *breaker) domain() exchange.Domain {
	d := levels[b.rng.IntN(len(levels))]
	if len(b.w.replicas[d]) == 1 && b.rng.IntN(3) > 0 {
		return levels[b.rng.IntN(2)]
	}
	return d
}

// someone chooses a replica, every other time the leader.
func (b *breaker) someone(d exchange.Domain) (name, role string) {
	if b.rng.IntN(2) == 0 {
		if name := b.w.leader(d); name != "" {
			return name, "leader"
		}
	}
	names := b.w.replicas[d]
	return names[b.rng.IntN(len(names))], "replica"
}

// some chooses n replicas.
func (b *breaker) some(d exchange.Domain, n int) []string {
	names := slices.Clone(b.w.replicas[d])
	b.rng.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names[:n]
}

func (b *breaker) killOne(ctx context.Context) {
	name, role := b.someone(b.domain())
	b.log("kill %s, %s", name, role)
	b.kill(name)
	b.wait(ctx, 50, 1500)
	b.start(name)
}

func (b *breaker) killMajority(ctx context.Context) {
	d := b.domain()
	names := b.some(d, len(b.w.replicas[d])/2+1)
	b.log("kill a majority of %s: %s", d, strings.Join(names, ", "))
	b.kill(names...)
	b.wait(ctx, 100, 1500)
	for _, name := range names {
		b.start(name)
		b.wait(ctx, 1, 300)
	}
}

func (b *breaker) killAll(ctx context.Context) {
	names := b.w.all()
	if b.rng.IntN(2) == 0 {
		names = b.w.replicas[b.domain()]
	}
	b.log("kill all at once: %s", strings.Join(names, ", "))
	b.kill(names...)
	b.wait(ctx, 50, 800)
	for _, name := range names {
		b.start(name)
	}
	b.wait(ctx, 1500, 3000) // something is to happen in between
}

func (b *breaker) pauseOne(ctx context.Context) {
	name, role := b.someone(b.domain())
	b.log("pause %s, %s", name, role)
	b.paused[name] = true
	b.w.fleet.Pause(name)
	b.wait(ctx, 100, 4000)
	b.w.fleet.Resume(name)
	delete(b.paused, name)
}

// partition cuts a replica off from the others, in both directions or in one;
// clients reach both sides.
func (b *breaker) partition(ctx context.Context) {
	d := b.domain()
	if len(b.w.replicas[d]) < 2 {
		d = city
	}
	name, role := b.someone(d)
	how := b.rng.IntN(3)
	b.log("%s, %s, is cut off from the others: %s", name, role, []string{"both ways", "it is not heard", "it does not hear"}[how])
	for _, other := range b.w.replicas[d] {
		if other == name {
			continue
		}
		if how != 2 {
			b.w.net.Set(name, other, fleet.Flow{Hold: true})
		}
		if how != 1 {
			b.w.net.Set(other, name, fleet.Flow{Hold: true})
		}
	}
	b.wait(ctx, 300, 5000)
	b.w.net.Heal()
}

// breakLink breaks what is between two levels: at once, silently, or in one
// direction only.
func (b *breaker) breakLink(ctx context.Context) {
	below, above := county, city
	if b.rng.IntN(2) == 0 {
		below, above = city, province
	}
	how := b.rng.IntN(4)
	b.log("the link of %s to %s is %s", below, above, []string{"cut", "silent", "silent upwards", "silent downwards"}[how])
	up, down := fleet.Flow{Hold: how == 1 || how == 2}, fleet.Flow{Hold: how == 1 || how == 3}
	if how == 0 {
		up, down = fleet.Flow{Cut: true}, fleet.Flow{Cut: true}
	}
	b.between(below, above, up, down)
	b.wait(ctx, 300, 3000)
	if how != 0 && b.rng.IntN(2) == 0 { // what was on its way is lost as well
		b.between(below, above, fleet.Flow{Cut: true}, fleet.Flow{Cut: true})
	}
	b.w.net.Heal()
}

func (b *breaker) between(below, above exchange.Domain, up, down fleet.Flow) {
	for _, low := range b.w.replicas[below] {
		for _, high := range b.w.replicas[above] {
			b.w.net.Set(low, high, up)
			b.w.net.Set(high, low, down)
		}
	}
}

// slow delays what replicas or neighbours say to each other.
func (b *breaker) slow(ctx context.Context) {
	fl := fleet.Flow{Delay: time.Duration(10+b.rng.IntN(140)) * time.Millisecond}
	if b.rng.IntN(2) == 0 {
		fl.Rate = 32<<10 + b.rng.IntN(512<<10)
	}
	d := b.domain()
	b.log("%s is slow: %v, %d bytes a second", d, fl.Delay, fl.Rate)
	for _, name := range b.w.replicas[d] {
		for _, other := range b.w.all() {
			if other != name {
				b.w.net.Both(name, other, fl)
			}
		}
	}
	b.wait(ctx, 1000, 5000)
	b.w.net.Heal()
}

// loseAnswers lets requests of clients through and not what comes back, then
// breaks the connections.
func (b *breaker) loseAnswers(ctx context.Context) {
	names := b.w.replicas[b.domain()]
	b.log("answers of %s are lost", strings.Join(names, ", "))
	for _, name := range names {
		b.w.net.Set(name, fleet.Client, fleet.Flow{Hold: true})
	}
	b.wait(ctx, 50, 700)
	for _, name := range names {
		b.w.net.Both(name, fleet.Client, fleet.Flow{Cut: true})
	}
	b.wait(ctx, 1, 100)
	b.w.net.Heal()
}

// storm restarts every replica of a domain again and again.
func (b *breaker) storm(ctx context.Context) {
	d := b.domain()
	b.log("replicas of %s are restarted again and again", d)
	for range 2 + b.rng.IntN(6) {
		name, _ := b.someone(d)
		if b.rng.IntN(3) == 0 {
			b.w.fleet.Stop(name) // as an administrator does
		} else {
			b.kill(name)
		}
		b.wait(ctx, 1, 200)
		b.start(name)
		b.wait(ctx, 1, 700)
		if ctx.Err() != nil {
			return
		}
	}
}

// clockFile is where a program built with the tag testclock reads how wrong
// its clock is.
const clockFile = "YIZHAN_TEST_CLOCK"

var steps = []time.Duration{-time.Hour, -10 * time.Minute, -20 * time.Second, -3 * time.Second, 3 * time.Second, 20 * time.Second, 10 * time.Minute, time.Hour}

func (b *breaker) stepClock(ctx context.Context) {
	name, role := b.someone(b.domain())
	step := steps[b.rng.IntN(len(steps))]
	b.log("the clock of %s, %s, is off by %v", name, role, step)
	b.off[name] = true
	b.setClock(name, step)
	b.wait(ctx, 300, 4000)
	b.setClock(name, 0)
	delete(b.off, name)
}

func (b *breaker) setClock(name string, off time.Duration) {
	path := filepath.Join(b.w.fleet.Config(name).Data, clockFile)
	err := os.WriteFile(path+".new", []byte(fmt.Sprint(off)), 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		b.log("the clock of %s could not be set: %v", name, err)
	}
}
