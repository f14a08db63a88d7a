package sim

import (
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// seen is what one domain knows about one delivery of an exchange.
type seen struct {
	here     bool // the domain has the exchange
	delivery ledger.Delivery
	inbox    bool
	receipts []exchange.Receipt // that cover the delivery
	digests  []crypto.Digest
}

func (w *world) look(d exchange.Domain, id exchange.ID, i uint16, to exchange.Unit) (s seen) {
	w.at[d].view(func(r ledger.Reader) {
		var here bool
		if s.delivery, here, _ = ledger.DeliveryOf(r, id, i); !here {
			return
		}
		s.here = true
		boxed, _ := ledger.InboxDeliveries(r, to, id)
		s.inbox = slices.Contains(boxed, i)
		all, _ := ledger.Receipts(r, id)
		for _, signed := range all {
			receipt, err := ledger.DecodeReceipt(signed)
			if err != nil {
				w.failf("a receipt of %s at %s cannot be read: %v", id, d, err)
			}
			if receipt.Covers(i) {
				s.receipts = append(s.receipts, receipt)
				s.digests = append(s.digests, w.kit.provider.Sum(signed.Bytes))
			}
		}
	})
	return s
}

// stated counts the receipts of a domain for one of some states.
func (s *seen) stated(by exchange.Domain, states ...exchange.State) (n int) {
	for _, r := range s.receipts {
		if r.Domain == by && slices.Contains(states, r.State) {
			n++
		}
	}
	return n
}

// judgeExchange follows every delivery of one exchange.
func (w *world) judgeExchange(g *group, i *intent, id exchange.ID) {
	for n, to := range i.to() {
		dest := to.Domain()
		origin, there := w.look(g.info.Domain, id, uint16(n), to), w.look(dest, id, uint16(n), to)
		if !origin.here {
			w.failf("delivery %d of %s is lost at its origin", n, id)
			return
		}
		if w.restored() && w.hopeless(id) {
			continue
		}
		w.judgeChain(id, &origin)
		if there.here {
			w.judgeChain(id, &there)
			w.judgeLast(id, dest, &there)
		}
		w.judgeEnd(i, id, to, &origin, &there)
		w.judgeRelays(id, uint16(n), to, &there)
		w.judgeActs(id, to, &origin, &there)
	}
}

// judgeChain holds that a state is backed by the last receipt, and that every
// receipt but the first names one before it.
func (w *world) judgeChain(id exchange.ID, s *seen) {
	at := slices.Index(s.digests, s.delivery.Last)
	if at < 0 || s.receipts[at].State != s.delivery.State || s.receipts[at].Domain != s.delivery.Where {
		w.failf("%s is %s at %s, and no receipt says so", id, s.delivery.State, s.delivery.Where)
	}
	for n, r := range s.receipts {
		first := r.State == exchange.Accepted
		if first != r.Prev.IsZero() || !first && !slices.Contains(s.digests, r.Prev) {
			w.failf("receipt %d of %s (%s of %s) does not continue the chain", n, id, r.State, r.Domain)
		}
	}
}

// judgeLast holds that the recipient's domain ends a delivery after its own
// ARRIVED, where there is one, and not beside it.
func (w *world) judgeLast(id exchange.ID, dest exchange.Domain, s *seen) {
	at := slices.IndexFunc(s.receipts, func(r exchange.Receipt) bool { return r.Domain == dest && r.State == exchange.Arrived })
	for _, r := range s.receipts {
		if at >= 0 && r.Domain == dest && r.State.Final() && r.Prev != s.digests[at] {
			w.failf("%s of %s for %s does not follow its arrival", r.State, dest, id)
		}
	}
}

// judgeEnd holds that both sides say the same about how it ended, and that the
// recipient has it exactly if it arrived.
func (w *world) judgeEnd(i *intent, id exchange.ID, to exchange.Unit, origin, there *seen) {
	dest, state := to.Domain(), origin.delivery.State
	arrived := there.stated(dest, exchange.Arrived)
	given := state == exchange.Expired || state == exchange.Bounced
	switch {
	case state < exchange.Arrived:
		w.failf("%s to %s is %s for ever", id, to, state)
	case state == exchange.Arrived && i.draft.ExpiresIn > 0:
		w.failf("%s to %s is still waited for long after its time", id, to)
	case given && i.draft.ExpiresIn == 0:
		w.failf("%s to %s is %s, long before its time", id, to, state)
	case arrived > 1 || there.inbox != (arrived == 1):
		w.failf("%s is %d times stated to have arrived for %s, in the inbox: %v", id, arrived, to, there.inbox)
	case !there.here && state != exchange.Recalled && !given:
		w.failf("%s is %s for %s, where nobody has it", id, state, to)
	case there.here && there.delivery.State.Final() && there.delivery.Where == dest && state != there.delivery.State:
		w.failf("%s to %s is %s for its origin and %s there", id, to, state, there.delivery.State)
	case there.here && there.delivery.State == exchange.Arrived && state != exchange.Arrived && !given:
		w.failf("%s to %s is %s for its origin and waits there to be signed for", id, to, state)
	}
	final := []exchange.State{exchange.SignedFor, exchange.Returned, exchange.Recalled, exchange.Refused}
	if there.stated(dest, final...) > 1 || origin.stated(dest, final...) > 1 {
		w.failf("%s to %s ended more than once", id, to)
	}
}

// judgeRelays holds that whoever passed it on knows how it ended.
func (w *world) judgeRelays(id exchange.ID, n uint16, to exchange.Unit, there *seen) {
	if !there.here || !there.delivery.State.Final() || there.delivery.Where != to.Domain() {
		return
	}
	for _, info := range tree {
		if s := w.look(info.Domain, id, n, to); s.here && s.delivery.State != there.delivery.State {
			w.failf("%s to %s is %s there and %s at %s", id, to, there.delivery.State, s.delivery.State, info.Domain)
		}
	}
}

// judgeActs compares how it ended with what people did and were told.
func (w *world) judgeActs(id exchange.ID, to exchange.Unit, origin, there *seen) {
	a := w.act(id, to)
	state := exchange.State(0)
	if there.here {
		state = there.delivery.State
	}
	word := state.String()
	asked := a.done == word || a.possible[word]
	switch {
	case a.done != "" && a.done != word:
		w.failf("%s was told that %s is %s, and it is %s", to, id, a.done, word)
	case (state == exchange.SignedFor || state == exchange.Returned) && !asked:
		w.failf("%s is %s by %s, who did not", id, word, to)
	case origin.delivery.State == exchange.Recalled && !a.recalled && !a.perhaps:
		w.failf("%s to %s is recalled, and nobody asked for it", id, to)
	case a.recalled && origin.delivery.State == exchange.Arrived:
		w.failf("%s to %s was recalled, and waits to be signed for all the same", id, to)
	}
}
