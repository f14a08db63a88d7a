package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Fault is a kind of thing that goes wrong.
type Fault uint8

// Kinds of faults. Each draws from a stream of its own, so that a run without
// one kind resembles the run with it.
const (
	Crash         Fault = iota // one replica: process, and what was not synced
	CrashAll                   // all replicas of a domain at once
	Transfer                   // the leader stops leading
	Isolation                  // a replica cut off from its group
	Partition                  // a link that lets nothing through for a while
	CutSession                 // a connection that breaks, greetings that are lost
	SlowLink                   // frames, and the news of an end, that take long
	SlowFollower               // a replica seconds behind
	LostAnswer                 // committed, and the proposer never learns
	LostReply                  // done, and the client never learns
	DiskFull                   // chunks are not taken for a while
	Skew                       // clocks that differ and jump, within what is allowed
	LostChunk                  // chunks that do not come
	LateRows                   // an ended session that still commits what it got
	NewStatements              // of policy and units: decisions are outdated while they are made
	Restore                    // a domain comes back from a backup, and begins a new life
	faultKinds
)

var faultNames = [faultKinds]string{"crash", "crash-all", "transfer", "isolation", "partition", "cut-session", "slow-link", "slow-follower",
	"lost-answer", "lost-reply", "disk-full", "skew", "lost-chunk", "late-rows", "new-statements", "restore"}

// String returns the name that -often takes.
func (f Fault) String() string { return faultNames[f] }

// Faults lists all kinds.
func Faults() (out []Fault) {
	for f := range faultKinds {
		out = append(out, f)
	}
	return out
}

// ParseFault is the inverse of Fault.String.
func ParseFault(name string) (Fault, bool) {
	i := slices.Index(faultNames[:], name)
	return Fault(max(i, 0)), i >= 0
}

// choose decides which kinds this run has: each seed has some, few have all.
func (w *world) choose() {
	r := rand.New(w.stream("faults"))
	share := r.IntN(4) // 0: a quiet run
	for f := range faultKinds {
		in := r.IntN(4) < share+1 && share > 0
		if (in || slices.Contains(w.Often, f)) && !slices.Contains(w.Without, f) {
			w.faults[f] = rand.New(w.stream("fault " + f.String()))
		}
	}
}

// hits reports whether a fault strikes at this occasion: n times in m.
func (w *world) hits(f Fault, n, m int) bool {
	return !w.calm && w.faults[f] != nil && w.faults[f].IntN(m) < n
}

// plan lets the faults that come by themselves come.
func (w *world) plan() {
	for _, s := range []struct {
		kind  Fault
		every time.Duration
		do    func(*rand.Rand)
	}{
		{Crash, 5 * time.Second, w.crashOne},
		{CrashAll, 15 * time.Second, w.crashAll},
		{Transfer, 5 * time.Second, w.transfer},
		{Isolation, 6 * time.Second, w.isolateOne},
		{Partition, 7 * time.Second, w.partition},
		{CutSession, 3 * time.Second, func(r *rand.Rand) { pick(r, w.links).cut() }},
		{DiskFull, 8 * time.Second, w.fill},
		{Skew, 4 * time.Second, w.jump},
		{Restore, 8 * time.Second, w.restoreOne},
		{NewStatements, 6 * time.Second, func(r *rand.Rand) { w.spawn("publish", func() { w.publish(r) }) }},
	} {
		if slices.Contains(w.Often, s.kind) {
			s.every /= 3
		}
		if w.faults[s.kind] != nil {
			w.recur(s.kind, s.every, s.do)
		}
	}
}

// recur repeats a fault at random intervals until faults stop.
func (w *world) recur(f Fault, every time.Duration, do func(*rand.Rand)) {
	r := w.faults[f]
	w.after(draw(r, every/10, 2*every), func() {
		if w.calm {
			return
		}
		w.stats.Faults++
		do(r)
		w.recur(f, every, do)
	})
}

func (w *world) crashOne(r *rand.Rand) { w.crashFor(pick(r, pick(r, w.groups).replicas), r) }

func (w *world) crashAll(r *rand.Rand) {
	for _, x := range pick(r, w.groups).replicas {
		w.crashFor(x, r)
	}
}

func (w *world) crashFor(x *replica, r *rand.Rand) {
	if x.up {
		x.crash()
		w.after(draw(r, 100*time.Millisecond, 8*time.Second), x.restart)
	}
}

func (w *world) transfer(r *rand.Rand) {
	if x := pick(r, w.groups).leader; x != nil {
		w.tracef("%s %s stops leading", x.g.info.Domain, x.name)
		x.proc.unlead()
		x.g.fall(x)
	}
}

func (w *world) isolateOne(r *rand.Rand) {
	x := pick(r, pick(r, w.groups).replicas)
	x.isolate()
	w.after(draw(r, 200*time.Millisecond, 8*time.Second), x.heal)
}

func (w *world) partition(r *rand.Rand) {
	l := pick(r, w.links)
	w.tracef("link %s-%s lets nothing through", l.child.info.Domain, l.parent.info.Domain)
	l.parted = true
	l.cut()
	w.after(draw(r, 200*time.Millisecond, 20*time.Second), func() { l.parted = false })
}

func (w *world) fill(r *rand.Rand) {
	g := pick(r, w.groups)
	for _, x := range g.replicas {
		if r.IntN(3) > 0 {
			x.full = true
			w.after(draw(r, 500*time.Millisecond, 10*time.Second), func() { x.full = false })
		}
	}
	w.tracef("disks of %s are full", g.info.Domain)
}

func (w *world) jump(r *rand.Rand) {
	x := pick(r, pick(r, w.groups).replicas)
	x.skew = draw(r, -2*time.Second, 2*time.Second)
}

// expect fails the run for an error that must not be here.
func (w *world) expect(what string, err error, codes ...exchange.Code) {
	if err != nil && !slices.Contains(codes, exchange.CodeOf(err)) && !w.over {
		w.failf("%s: unexpected %s: %v", what, exchange.CodeOf(err), err)
	}
}

// rest ends all faults.
func (w *world) rest() {
	w.calm = true
	w.tracef("faults stop")
	for _, l := range w.links {
		l.parted = false
	}
	for _, g := range w.groups {
		for _, x := range g.replicas {
			x.full, x.skew = false, 0
			x.heal()
			x.restart()
		}
	}
}
