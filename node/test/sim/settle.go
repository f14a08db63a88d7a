package sim

import (
	"fmt"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// settleTime bounds how long everything may take to come to rest once nothing
// goes wrong any more.
const settleTime = 5 * time.Minute

// settle waits until nothing is on its way, and fails when that takes too long.
func (w *world) settle() {
	why := "nothing was looked at"
	for end := w.now.Add(settleTime); w.now < end && w.failure == ""; {
		w.run(w.now.Add(time.Second))
		if why = w.unrest(); why == "" {
			return
		}
	}
	w.failf("does not come to rest: %s", why)
}

// outlive waits until every deadline of what may expire has passed for long, and
// then for rest again.
func (w *world) outlive() {
	last := exchange.Time(0)
	for _, i := range w.intents {
		if i.draft.ExpiresIn > 0 && len(i.possible) > 0 {
			last = max(last, w.now.Add(time.Duration(i.draft.ExpiresIn)*time.Second))
		}
	}
	if last > 0 && w.failure == "" {
		w.run(last.Add(time.Minute))
		w.settle()
	}
}

// unrest names something that is still on its way.
func (w *world) unrest() string {
	for _, c := range w.clients {
		if c.busy > 0 {
			return fmt.Sprintf("%s waits for an answer", c.unit)
		}
	}
	for _, l := range w.links {
		for _, s := range []string{w.queued(l.child, l.parent), w.queued(l.parent, l.child)} {
			if s != "" {
				return s
			}
		}
	}
	for _, g := range w.groups {
		if !g.settled() {
			return fmt.Sprintf("the replicas of %s are not all there", g.info.Domain)
		}
		if s := w.unsettled(g); s != "" {
			return s
		}
	}
	return ""
}

// unsettled names what a domain still waits for. Content that was lost with a
// domain's machines before it left them is waited for in vain.
func (w *world) unsettled(g *group) (found string) {
	g.view(func(r ledger.Reader) {
		r.Scan(ledger.TableWaiting, nil, nil, func(k, _ []byte) bool {
			if id := exchange.ID(k[len(k)-16:]); !w.restored() || !w.hopeless(id) {
				found = fmt.Sprintf("exchange %s at %s lacks chunks", id, g.info.Domain)
			}
			return found == ""
		})
		for _, peer := range ledger.Links(r) {
			if l, _, _ := ledger.LinkOf(r, peer); l.Walk != nil || l.Regaining != 0 {
				found = fmt.Sprintf("%s and %s have not resynchronised: %+v", g.info.Domain, peer, l.Walk)
			}
		}
	})
	return found
}

// queued compares the two ends of a link: what one has numbered, the other has
// taken, and the first knows it.
func (w *world) queued(from, to *group) (found string) {
	a, b := linkRow(from, to.info.Domain), linkRow(to, from.info.Domain)
	for c := range exchange.Class(exchange.ClassCount) {
		numbered := max(a.SendNext[c], 1) - 1
		taken := max(b.ReceiveNext[c], 1) - 1
		if numbered != taken || numbered != a.Acked[c] {
			return fmt.Sprintf("class %d from %s to %s: %d numbered, %d acknowledged, %d taken there",
				c, from.info.Domain, to.info.Domain, numbered, a.Acked[c], taken)
		}
	}
	return ""
}

func linkRow(g *group, peer exchange.Domain) (l ledger.Link) {
	g.view(func(r ledger.Reader) { l, _, _ = ledger.LinkOf(r, peer) })
	return l
}

// do lets one call run to its end, for the oracle.
func (w *world) do(name string, call func()) {
	done := false
	w.spawn(name, func() { call(); done = true })
	for end := w.now.Add(time.Minute); !done && w.now < end && w.failure == ""; {
		w.run(w.now.Add(100 * time.Millisecond))
	}
	if !done {
		w.failf("%s does not end", name)
	}
}
