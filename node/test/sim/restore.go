package sim

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/check"
)

// mostForgotten bounds how many entries a backup is old.
const mostForgotten = 160

// restoreOne loses a domain altogether and brings it back from a backup: an
// earlier state with the content of that time, which begins a new life. Its
// operator then asks the superior's to admit it, see operate.
func (w *world) restoreOne(r *rand.Rand) {
	g := pick(r, w.groups)
	most := mostForgotten
	if r.IntN(2) == 0 {
		most /= 10
	}
	index := max(1, len(g.log)-1-r.IntN(most))
	w.stats.Restores++
	for _, x := range g.replicas {
		if x.up {
			x.crash()
		}
	}
	before := g.latestRows()
	lost := len(g.log) - index
	g.restore(index)
	for _, x := range g.replicas {
		x.chunks.forget(index)
		x.term = 0
	}
	g.term = 0
	w.forget(g, before)
	g.renew(r)
	w.tracef("%s is restored from %d, %d entries are forgotten; it begins incarnation %d", g.info.Domain, index, lost, g.incarnation)
	for _, x := range g.replicas {
		x.restart()
	}
}

// latestRows is the furthest state that the domain ever told anybody about.
func (g *group) latestRows() ledger.Reader {
	r := newReplica(g, "before")
	r.applyTo(len(g.log))
	return r.rows
}

// renew is what the first leader proposes before it serves anything.
func (g *group) renew(r *rand.Rand) {
	g.incarnation = max(ledger.IncarnationAt(g.w.now), g.incarnation+1)
	g.lived = g.w.watch.clock
	c := ledger.Renew{Incarnation: g.incarnation, Reason: "restored", Index: uint64(len(g.log))}
	for i := range c.Token {
		c.Token[i], c.Epoch[i] = byte(r.UintN(256)), byte(r.UintN(256))
	}
	g.log = append(g.log, exchange.Encode(ledger.Command{Time: g.w.now, Renew: &c}))
}

// forget corrects what clients may hold the domain to: what it had told them
// and no longer knows is an open question now, unless a neighbour gives it back.
func (w *world) forget(g *group, before ledger.Reader) {
	now := g.latest().rows
	for _, i := range w.intents {
		if i.client.group == g && i.done != nil && !w.stores(g, i.done.id) {
			i.past = append(i.past, *i.done)
			i.done = nil
			w.tracef("%s forgets %s", g.info.Domain, i.past[len(i.past)-1].id)
		}
	}
	for k, a := range w.acts {
		if k.to.Domain() == g.info.Domain && a.done != "" && !w.knows(g, k, a.done) {
			a.possible[a.done], a.done = true, ""
		}
		if i := w.origin(k.id); i != nil && i.client.group == g && a.recalled {
			a.recalled, a.perhaps = w.recalls(g, k), true
		}
	}
	before.Scan(ledger.TableExchange, nil, nil, func(k, _ []byte) bool {
		if now.Get(ledger.TableExchange, k) == nil {
			delete(w.watch.stored[g.info.Domain], exchange.ID(k))
			delete(w.watch.custody[g.info.Domain], exchange.ID(k))
		}
		return true
	})
}

func (w *world) stores(g *group, id exchange.ID) (found bool) {
	g.view(func(r ledger.Reader) { _, found, _ = ledger.Find(r, id) })
	return found
}

// origin is the intent that became an exchange, in whichever life.
func (w *world) origin(id exchange.ID) *intent { return w.watch.intent[id] }

// knows reports whether a domain's state says what its people were told.
func (w *world) knows(g *group, k actKey, what string) (found bool) {
	g.view(func(r ledger.Reader) {
		ex, ok, _ := ledger.Find(r, k.id)
		for i, to := range ex.M.To {
			d, _, _ := ledger.DeliveryOf(r, k.id, uint16(i))
			found = found || ok && to.Unit == k.to && d.State.String() == what
		}
	})
	return found
}

func (w *world) recalls(g *group, k actKey) (found bool) {
	g.view(func(r ledger.Reader) {
		ex, ok, _ := ledger.Find(r, k.id)
		for i, to := range ex.M.To {
			d, _, _ := ledger.DeliveryOf(r, k.id, uint16(i))
			found = found || ok && to.Unit == k.to && (d.Recall || d.State.Final())
		}
	})
	return found
}

// operate is the administrators' part: whoever was restored is admitted by its
// superior after a while, and again when the superior forgot that.
func (w *world) operate() {
	w.after(w.between(500*time.Millisecond, 4*time.Second), w.operate)
	for _, g := range w.groups {
		above := w.at[g.info.Parent]
		if above == nil {
			above = g
		}
		if g.incarnation <= 1 || above.leader == nil || !above.leader.up || w.chance(1, 2) {
			continue
		}
		var stated exchange.DomainInfo
		above.view(func(r ledger.Reader) { stated, _, _ = ledger.DomainOf(r, g.info.Domain) })
		if stated.Incarnation >= g.incarnation {
			continue
		}
		p, incarnation := above.leader.proc, g.incarnation
		w.spawn("admit", func() {
			_, err := p.domain.Admit(admin(above.info.Domain), g.info.Domain, incarnation)
			w.tracef("%s admits incarnation %d of %s: %s", above.info.Domain, incarnation, g.info.Domain, exchange.CodeOf(err))
			w.expect("admitting", err, exchange.Unavailable, exchange.Unknown, exchange.Conflict, exchange.Stale)
		})
	}
}

func admin(d exchange.Domain) context.Context {
	return exchange.WithCaller(context.Background(), exchange.Caller{Unit: exchange.Unit("bgs@" + d), Person: "admin", Duties: []exchange.Duty{exchange.Administrator}})
}

// hopeless reports whether an exchange waits for content that was lost with the
// only machines that had it: it had not left the domain when that was restored.
func (w *world) hopeless(id exchange.ID) bool {
	for _, g := range w.groups {
		var ex ledger.Stored
		g.view(func(r ledger.Reader) { ex, _, _ = ledger.Find(r, id) })
		for _, a := range ex.M.Chunks() {
			if !w.anywhere(a) {
				return !ex.Inline
			}
		}
	}
	return false
}

func (w *world) anywhere(a crypto.Digest) bool {
	return slices.ContainsFunc(w.groups, func(g *group) bool {
		return slices.ContainsFunc(g.replicas, func(r *replica) bool { return r.chunks.get(a) != nil })
	})
}

// restored reports whether any domain came back from a backup.
func (w *world) restored() bool {
	return slices.ContainsFunc(w.groups, func(g *group) bool { return g.incarnation > 1 })
}

// codes are what a call may answer; a restored domain may have forgotten what it
// is asked about.
func (w *world) codes(codes ...exchange.Code) []exchange.Code {
	if w.restored() {
		codes = append(codes, exchange.NotFound)
	}
	return codes
}

// regained reports whether a domain was given an exchange back, or got a part of
// it later than the rest: custody of that part was taken later, too.
func (w *world) regained(d exchange.Domain, id exchange.ID) (yes bool) {
	w.at[d].view(func(r ledger.Reader) {
		ex, _, _ := ledger.Find(r, id)
		yes = ex.Mixed()
	})
	return yes
}

// judgeLedger asks the product's own check about a domain that was restored, and
// about its neighbours.
func (w *world) judgeLedger(g *group) {
	if !w.restored() {
		return
	}
	rows := g.latest().rows.Clone()
	rows.Put(ledger.Mutation{Table: ledger.TableMeta, Key: ledger.KeyTerm, Value: make([]byte, 8)}, // what the store writes
		ledger.Mutation{Table: ledger.TableMeta, Key: ledger.KeyDigest, Value: make([]byte, len(crypto.Digest{}))})
	report, err := check.Domain(context.Background(), rows, nil, check.Options{Provider: w.kit.provider})
	if err != nil {
		w.failf("the ledger of %s cannot be checked: %v", g.info.Domain, err)
		return
	}
	for _, f := range report.Findings {
		if f.Severity == check.Error {
			w.failf("%s: check finds %s at %s: %s", g.info.Domain, f.Code, f.Object, f.Message)
		}
	}
}
