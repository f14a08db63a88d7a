package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/ledger/ledgertest"
)

// replica is one member of a group: what is on its disk, and the process that
// runs on it. A crash loses the process and whatever was applied and not synced.
type replica struct {
	g        *group
	name     exchange.Replica
	machine  *ledger.Machine
	rows     *ledgertest.Memory
	applied  int
	digest   crypto.Digest
	synced   state
	term     uint64
	up       bool
	isolated bool // cut off from the other replicas, not from clients and links
	alone    bool // was isolated while it led: nothing that is pending there survives any more
	skew     time.Duration
	full     bool // its disk takes no chunks
	chunks   store
	pending  []*proposal    // at a leader: not committed yet
	results  map[int][]byte // while a leader commits
	behind   bool           // will catch up
	proc     *proc
}

// state is what survives a crash.
type state struct {
	rows    *ledgertest.Memory
	applied int
	digest  crypto.Digest
}

func newReplica(g *group, name exchange.Replica) *replica {
	r := &replica{g: g, name: name, machine: &ledger.Machine{Sum: g.w.kit.provider.Sum}, rows: &ledgertest.Memory{}, up: true, chunks: store{data: map[crypto.Digest][]byte{}, at: map[crypto.Digest]int{}}}
	r.rows.Put(ledger.Mutation{Table: ledger.TableMeta, Key: ledger.KeyConfiguration,
		Value: exchange.Encode(ledger.Configuration{Index: 1, Voters: g.voters()})})
	return r
}

// reachable reports whether the others hear of it.
func (r *replica) reachable() bool { return r.up && !r.isolated }

// applyTo runs the state machine over the log up to an index.
func (r *replica) applyTo(index int) {
	for r.applied < index && r.g.w.failure == "" {
		r.apply()
	}
	if r.proc != nil {
		r.proc.changed()
	}
}

// apply runs one entry. Followers mostly take over what the first one computed,
// which costs little, and compute some entries again, which must give the same.
func (r *replica) apply() {
	g, w := r.g, r.g.w
	first := len(g.effects) <= r.applied
	if first || w.Plant != None || w.Seed%8 == 0 || w.chance(1, 4) {
		e, ok := r.compute()
		if !ok {
			return
		}
		if first {
			g.effects = append(g.effects, e)
			w.watch.applied(g, e.mutations)
		} else if g.effects[r.applied].digest != e.digest {
			w.failf("replicas of %s differ after entry %d: %s is not what another replica computed", g.info.Domain, r.applied+1, r.name)
		}
		r.keep(e)
	} else {
		r.keep(g.effects[r.applied])
	}
	if w.chance(1, 24) {
		r.sync()
	}
}

// compute asks the state machine.
func (r *replica) compute() (e effect, ok bool) {
	w := r.g.w
	raw := r.g.log[r.applied]
	var err error
	if e.result, e.mutations, err = r.machine.Apply(r.rows, uint64(r.applied+1), raw); err != nil {
		w.failf("%s %s stopped: %v", r.g.info.Domain, r.name, err)
		return e, false
	}
	e.mutations = w.Plant.onApply(r, raw, e.mutations)
	e.digest = chain(r.digest, e.result, e.mutations)
	return e, true
}

// keep stores an effect together with its index.
func (r *replica) keep(e effect) {
	r.rows.Put(e.mutations...)
	r.applied++
	r.rows.Put(ledger.Mutation{Table: ledger.TableMeta, Key: ledger.KeyApplied, Value: binary.BigEndian.AppendUint64(nil, uint64(r.applied))})
	r.digest = e.digest
	if r.results != nil {
		r.results[r.applied-1] = e.result
	}
}

// chain digests everything that entries did: replicas that agree on it agree on
// every row.
func chain(before crypto.Digest, result []byte, mutations []ledger.Mutation) crypto.Digest {
	h := sha256.New()
	h.Write(before[:])
	part := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	part(result)
	for _, m := range mutations {
		h.Write([]byte{byte(m.Table)})
		part(m.Key)
		if m.Value != nil {
			part(m.Value)
		}
	}
	return crypto.Digest(h.Sum(nil))
}

func (r *replica) sync() { r.synced = state{r.rows.Clone(), r.applied, r.digest} }

// follow catches up after a while.
func (r *replica) follow() {
	if r.behind || !r.reachable() {
		return
	}
	r.behind = true
	w := r.g.w
	most := 60 * time.Millisecond
	if w.hits(SlowFollower, 1, 10) {
		most = 5 * time.Second
	}
	w.after(w.between(0, most), func() {
		r.behind = false
		if !r.reachable() || r.applied >= len(r.g.log) {
			return
		}
		r.applyTo(r.applied + 1 + w.rng.IntN(len(r.g.log)-r.applied))
		if r.applied < len(r.g.log) {
			r.follow()
		}
	})
}

// start begins a process on what is on the disk.
func (r *replica) start() {
	r.up = true
	r.proc = newProc(r)
}

// crash ends the process at once.
func (r *replica) crash() {
	w := r.g.w
	w.tracef("%s %s crashes at %d, restarts from %d", r.g.info.Domain, r.name, r.applied, r.synced.applied)
	r.proc.die()
	r.proc = nil
	r.up, r.isolated = false, false
	r.rows, r.applied, r.digest = r.synced.rows.Clone(), r.synced.applied, r.synced.digest
	r.chunks.crash()
	r.g.fall(r)
	w.Plant.onCrash(r)
}

// restart brings a crashed replica back.
func (r *replica) restart() {
	if r.up {
		return
	}
	r.start()
	r.alone = false
	r.term = max(r.term, r.g.term)
	r.rejoin()
}

// rejoin is when others hear of a replica again.
func (r *replica) rejoin() {
	r.g.w.tracef("%s %s is back", r.g.info.Domain, r.name)
	r.follow()
	if r.g.leader == nil {
		r.g.electSoon()
		return
	}
	r.term = r.g.term
	r.g.commit(r.g.leader)
}

// isolate cuts a replica off from the others. A leader notices after a while,
// often later than the others have elected another one.
func (r *replica) isolate() {
	if !r.reachable() {
		return
	}
	w, p := r.g.w, r.proc
	w.tracef("%s %s is cut off from its group", r.g.info.Domain, r.name)
	r.isolated = true
	if r.g.leader != r {
		return
	}
	for _, p := range r.pending[:w.rng.IntN(len(r.pending)+1)] { // had reached others
		r.g.inherited = append(r.g.inherited, p.raw)
	}
	r.alone = true
	r.g.leader = nil
	r.g.electSoon()
	w.after(w.between(100*time.Millisecond, 4*time.Second), func() {
		if r.proc == p && r.g.leader != r {
			r.g.fall(r)
			p.unlead()
		}
	})
}

// heal ends an isolation.
func (r *replica) heal() {
	if !r.isolated {
		return
	}
	if r.g.leader != r {
		r.g.fall(r)
		r.proc.unlead()
	}
	r.isolated, r.alone = false, false
	r.rejoin()
}
