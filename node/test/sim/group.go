package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// group is one domain: three replicas and what a consensus guarantees them. Only
// what is committed is in log; what a leader has not committed yet is in that
// leader's pending, and is lost or inherited when it falls.
type group struct {
	w           *world
	info        exchange.DomainInfo
	replicas    []*replica
	log         [][]byte
	effects     []effect // of each entry, by whoever applied it first
	leader      *replica // nil while there is none
	term        uint64
	incarnation uint64   // of the life it is in
	lived       int      // the watch's clock when it began
	inherited   [][]byte // survived its leader, committed with the next one's first
}

// effect is what an entry did, and the digest of the state after it.
type effect struct {
	result    []byte
	mutations []ledger.Mutation
	digest    crypto.Digest
}

// proposal is a command on its way into the log.
type proposal struct {
	raw     []byte
	task    *task
	after   time.Duration // until the answer is back
	outcome exchange.Code // "" is committed
	result  []byte
}

func newGroup(w *world, info exchange.DomainInfo) *group {
	g := &group{w: w, info: info}
	var epoch [16]byte
	_, _ = w.stream("epoch" + string(info.Domain)).Read(epoch[:])
	g.log = append(g.log, exchange.Encode(w.kit.founding(info, epoch)))
	for n := range 3 {
		r := newReplica(g, exchange.Replica(fmt.Sprintf("r-%d", n+1)))
		r.applyTo(len(g.log))
		r.sync()
		g.replicas = append(g.replicas, r)
		r.start()
	}
	return g
}

func (g *group) voters() (out []exchange.Replica) {
	for n := range 3 {
		out = append(out, exchange.Replica(fmt.Sprintf("r-%d", n+1)))
	}
	return out
}

// quorum reports whether a majority can speak with each other.
func (g *group) quorum() bool {
	n := 0
	for _, r := range g.replicas {
		if r.reachable() {
			n++
		}
	}
	return n >= 2
}

// elect makes a reachable replica the leader. It knows everything committed,
// and commits what its predecessor left with a majority.
func (g *group) elect() {
	if g.leader != nil || !g.quorum() {
		return
	}
	r := pick(g.w.rng, g.replicas)
	for !r.reachable() {
		r = pick(g.w.rng, g.replicas)
	}
	g.term++
	g.leader = r
	for _, x := range g.replicas {
		if x.reachable() {
			x.term = g.term
		}
	}
	g.log = append(g.log, g.inherited...)
	g.inherited = nil
	r.applyTo(len(g.log))
	g.w.tracef("%s elects %s in term %d at %d", g.info.Domain, r.name, g.term, len(g.log))
	g.spread()
	r.proc.lead()
}

// electSoon plans an election; one that finds no majority is tried again when
// somebody comes back.
func (g *group) electSoon() {
	g.w.after(g.w.between(150*time.Millisecond, 1500*time.Millisecond), g.elect)
}

// commit makes everything pending at a leader durable, if it still leads.
func (g *group) commit(r *replica) {
	if g.leader != r || !r.reachable() || !g.quorum() || len(r.pending) == 0 {
		return
	}
	batch := r.pending
	r.pending = nil
	first := len(g.log)
	for _, p := range batch {
		g.log = append(g.log, p.raw)
	}
	r.results = map[int][]byte{}
	r.applyTo(len(g.log))
	for n, p := range batch {
		p.result = r.results[first+n]
		if g.w.hits(LostAnswer, 1, 12) {
			p.outcome = exchange.Unknown
		}
		g.w.wake(p.task, p.after)
	}
	r.results = nil
	g.w.stats.Entries += len(batch)
	g.spread()
}

// spread lets the followers learn what is committed, each in its own time.
func (g *group) spread() {
	for _, r := range g.replicas {
		if r != g.leader {
			r.follow()
		}
	}
}

// fall ends a leadership. Of what was pending, the first few may have reached
// the others and will be committed; nobody who asked learns which.
func (g *group) fall(r *replica) {
	if g.leader == r {
		g.leader = nil
		g.electSoon()
	}
	batch := r.pending
	r.pending = nil
	survive := 0
	if len(batch) > 0 && !r.alone {
		survive = g.w.rng.IntN(len(batch) + 1)
	}
	for n, p := range batch {
		if n < survive {
			g.inherited = append(g.inherited, p.raw)
		}
		p.outcome = exchange.Unknown
		g.w.wake(p.task, p.after)
	}
}

// settled reports whether every replica is here and has everything.
func (g *group) settled() bool {
	if g.leader == nil || len(g.inherited) > 0 {
		return false
	}
	return !slices.ContainsFunc(g.replicas, func(r *replica) bool {
		return !r.reachable() || r.applied != len(g.log) || len(r.pending) > 0
	})
}

// any returns a process that takes calls, or nil.
func (g *group) any(random *rand.Rand) *proc {
	if r := pick(random, g.replicas); r.up {
		return r.proc
	}
	return nil
}

// view reads a domain's latest state, for the oracle.
func (g *group) view(fn func(ledger.Reader)) { fn(g.latest().rows) }

func (g *group) latest() *replica {
	return slices.MaxFunc(g.replicas, func(a, b *replica) int { return a.applied - b.applied })
}
