package sim

import (
	"bytes"
	"io"
	"slices"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/audit"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// samples is how many exchanges of a run are opened and proved.
const samples = 3

// judgeSamples opens some of what arrived, and proves some of what was sent with
// the anchor alone.
func (w *world) judgeSamples() {
	var some []*intent
	for _, i := range w.intents {
		if i.done != nil {
			some = append(some, i)
		}
	}
	w.rng.Shuffle(len(some), func(a, b int) { some[a], some[b] = some[b], some[a] })
	for _, i := range some[:min(samples, len(some))] {
		w.do("evidence", func() { w.prove(i) })
		for n, to := range i.to() {
			if there := w.look(to.Domain(), i.done.id, uint16(n), to); there.inbox {
				w.do("fetch", func() { w.fetch(i, to) })
				break
			}
		}
	}
}

// prove exports evidence and verifies it.
func (w *world) prove(i *intent) {
	g, u := i.client.group, i.client.unit
	var file bytes.Buffer
	if err := g.leader.proc.domain.ExportEvidence(as(u), i.done.id.String(), "", &file); err != nil {
		w.failf("no evidence of %s: %v", i.done.id, err)
		return
	}
	if _, err := audit.Verify(bytes.NewReader(file.Bytes()), int64(file.Len()), w.kit.anchor, audit.Options{Provider: w.kit.provider}); err != nil {
		w.failf("the evidence of %s does not verify: %v", i.done.id, err)
	}
}

// fetch reads what a recipient got: it is what the sender was told was accepted.
func (w *world) fetch(i *intent, to exchange.Unit) {
	var got []*bytes.Buffer
	err := w.at[to.Domain()].leader.proc.domain.Fetch(as(to), i.done.id.String(), nil, func(int, exchange.File) (io.Writer, error) {
		got = append(got, &bytes.Buffer{})
		return got[len(got)-1], nil
	})
	if err != nil {
		w.failf("%s cannot open %s: %v", to, i.done.id, err)
		return
	}
	if !slices.EqualFunc(got, i.texts[i.done.version], func(b *bytes.Buffer, s string) bool { return b.String() == s }) {
		w.failf("%s got other content in %s than was accepted", to, i.done.id)
	}
}

// judgeStatements holds that everybody has the latest statement of each issuer.
func (w *world) judgeStatements() {
	for _, t := range []ledger.Table{ledger.TableDirectory, ledger.TableUnits, ledger.TablePolicy} {
		latest := map[exchange.Domain]uint64{}
		held := map[exchange.Domain]map[exchange.Domain]uint64{}
		for _, g := range w.groups {
			g.view(func(r ledger.Reader) { held[g.info.Domain] = ledger.Numbers(r, t) })
			for issuer, n := range held[g.info.Domain] {
				latest[issuer] = max(latest[issuer], n)
			}
		}
		for _, g := range w.groups {
			for _, issuer := range tree {
				if have, want := held[g.info.Domain][issuer.Domain], latest[issuer.Domain]; have != want {
					w.failf("%s has statement %d of %s in table %d, and %d was published", g.info.Domain, have, issuer.Domain, t, want)
				}
			}
		}
	}
}
