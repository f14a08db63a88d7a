package sim

import (
	"bytes"
	"slices"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// judge holds what is stored after everything came to rest against what clients
// were told. It trusts no summary of the ledger: it reads rows and receipts and
// reckons by itself.
func (w *world) judge() {
	for _, g := range w.groups {
		w.judgeReplicas(g)
		w.judgeLedger(g)
		w.judgeOrigin(g)
	}
	for _, l := range w.links {
		w.judgeOrder(l.child.info.Domain, l.parent.info.Domain)
		w.judgeOrder(l.parent.info.Domain, l.child.info.Domain)
		w.judgeNumbers(l.child, l.parent)
		w.judgeNumbers(l.parent, l.child)
	}
	w.judgeStatements()
	w.judgeSamples()
}

// judgeReplicas compares every row of every table, and finds messages set aside:
// where everybody is honest, nothing may be.
func (w *world) judgeReplicas(g *group) {
	for _, r := range g.replicas[1:] {
		for t := ledger.TableMeta; t < ledger.TableEnd; t++ {
			if !slices.EqualFunc(rowsOf(r, t), rowsOf(g.replicas[0], t), bytes.Equal) {
				w.failf("table %d of %s differs between %s and %s", t, g.info.Domain, g.replicas[0].name, r.name)
			}
		}
	}
	for _, peer := range tree {
		g.view(func(r ledger.Reader) {
			held, err := ledger.Held(r, peer.Domain)
			if err != nil || len(held) > 0 {
				w.failf("%s set aside %d messages of %s (%v): %s", g.info.Domain, len(held), peer.Domain, err, held[0].Reason)
			}
		})
	}
}

func rowsOf(r *replica, t ledger.Table) (out [][]byte) {
	r.rows.Scan(t, nil, nil, func(k, v []byte) bool {
		out = append(out, k, v)
		return true
	})
	return out
}

// judgeOrigin finds the exchange of each thing that clients wanted to send:
// exactly one for what was accepted, at most one for what may have been, none
// for anything else.
func (w *world) judgeOrigin(g *group) {
	mine := map[exchange.ID]bool{}
	for _, s := range exchangesOf(w, g) {
		if s.Via == "" {
			mine[s.M.ID] = true
		}
	}
	for _, i := range w.intents {
		if i.client.group != g {
			continue
		}
		var row ledger.KeyRow
		var known bool
		g.view(func(r ledger.Reader) { row, known, _ = ledger.KeyOf(r, i.client.unit, i.key) })
		switch {
		case i.done != nil && (!known || row.Exchange != i.done.id || !mine[row.Exchange]):
			w.failf("%s was accepted as %s, which is lost", i, i.done.id)
		case known && w.watch.intent[row.Exchange] != i:
			w.failf("%s is stored as %s, which was something else", i, row.Exchange)
		case known && len(i.possible) == 0:
			w.failf("%s is stored as %s, and whoever sent it was told that it was not taken", i, row.Exchange)
		}
		if known {
			delete(mine, row.Exchange)
			w.judgeExchange(g, i, row.Exchange)
		}
	}
	w.judgeForgotten(g, mine)
	for id := range mine {
		w.failf("%s has exchange %s, which nobody asked for", g.info.Domain, id)
	}
}

// judgeForgotten follows what a restored domain forgot together with its key:
// it is back exactly if a neighbour has it.
func (w *world) judgeForgotten(g *group, mine map[exchange.ID]bool) {
	for id, i := range w.watch.intent {
		if i.client.group != g || g.incarnation <= 1 {
			continue
		}
		if mine[id] {
			delete(mine, id)
			w.judgeExchange(g, i, id)
			continue
		}
		for _, info := range tree {
			if info.Domain != g.info.Domain && !w.stores(g, id) && w.stores(w.at[info.Domain], id) {
				w.failf("%s forgot %s of %s, which %s has, and was not given it back", g.info.Domain, id, i, info.Domain)
			}
		}
	}
}

// exchangesOf reads every exchange that a domain stores.
func exchangesOf(w *world, g *group) (out []ledger.Stored) {
	g.view(func(r ledger.Reader) {
		r.Scan(ledger.TableExchange, nil, nil, func(k, _ []byte) bool {
			s, _, err := ledger.Find(r, exchange.ID(k))
			if err != nil {
				w.failf("exchange %x of %s cannot be read: %v", k, g.info.Domain, err)
			}
			out = append(out, s)
			return true
		})
	})
	return out
}

// judgeOrder compares the order in which one domain took custody of exchanges
// with the order in which its neighbour got them, class by class.
func (w *world) judgeOrder(from, to exchange.Domain) {
	type passed struct {
		id             exchange.ID
		custody, there int
	}
	var classes [exchange.ClassCount][]passed
	for _, s := range exchangesOf(w, w.at[to]) {
		if s.Via == from && !s.Regained && !w.regained(from, s.M.ID) && min(w.watch.custody[from][s.M.ID], w.watch.stored[to][s.M.ID]) > max(w.at[from].lived, w.at[to].lived) {
			c := exchange.ClassOf(s.M.Urgency)
			classes[c] = append(classes[c], passed{s.M.ID, w.watch.custody[from][s.M.ID], w.watch.stored[to][s.M.ID]})
		}
	}
	for c, list := range classes {
		slices.SortFunc(list, func(a, b passed) int { return a.custody - b.custody })
		for n := range list[min(1, len(list)):] {
			if list[n].there > list[n+1].there {
				w.failf("class %d from %s to %s: %s was accepted before %s and came after it", c, from, to, list[n].id, list[n+1].id)
			}
		}
	}
}

// judgeNumbers counts the sequences that were seen on the way: as many as were
// assigned, none left out.
func (w *world) judgeNumbers(from, to *group) {
	row := linkRow(from, to.info.Domain)
	var epoch [16]byte
	from.view(func(r ledger.Reader) {
		self, _, _ := ledger.SelfOf(r)
		epoch = ledger.Numbering(self, row)
	})
	for c := range exchange.Class(exchange.ClassCount) {
		for n := uint64(1); n < row.SendNext[c]; n++ {
			if _, seen := w.watch.rows[rowKey(epoch, from.info.Domain, to.info.Domain, c, n)]; !seen {
				w.failf("sequence %d of class %d was never sent from %s to %s", n, c, from.info.Domain, to.info.Domain)
			}
		}
	}
}
