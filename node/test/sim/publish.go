package sim

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// publish states something anew, which outdates decisions that are being made
// and has to reach everybody.
func (w *world) publish(r *rand.Rand) {
	if r.IntN(2) == 0 {
		w.publishRules(r)
		return
	}
	w.publishUnits(pick(r, w.groups), r)
}

func (w *world) publishRules(r *rand.Rand) {
	p := w.at[province].any(r)
	if p == nil {
		return
	}
	u := exchange.Unit("bgs@" + string(province))
	_, err := p.domain.PublishPolicy(as(u), rules(fmt.Sprint(w.now)), 0)
	w.tracef("%s publishes rules: %s", province, exchange.CodeOf(err))
	w.expect("publishing", err, exchange.Unavailable, exchange.Unknown, exchange.Conflict)
}

// publishUnits repeats the statement of a domain's units under the next number.
func (w *world) publishUnits(g *group, r *rand.Rand) {
	p := g.any(r)
	if p == nil {
		return
	}
	d := g.info.Domain
	held, ok, _ := ledger.Get[crypto.Signed](p.r.rows, ledger.TableUnits, []byte(d))
	body, signed := held.Body(crypto.ContextUnits)
	u, err := exchange.Decode[exchange.Units](body)
	if !ok || !signed || err != nil {
		w.failf("%s has no statement of its units: %v", d, err)
		return
	}
	self, _, _ := ledger.SelfOf(p.r.rows)
	u.Number, u.Prev = ledger.NextNumber(u.Number, self.Incarnation), w.kit.provider.Sum(held.Bytes)
	s, err := directory.SignUnits(w.kit.vaults[d].keys.Sign, u)
	if err != nil {
		w.failf("%v", err)
	}
	res, err := p.Propose(context.Background(), ledger.Command{Time: p.clock(), Statement: &ledger.Statement{Units: &s}})
	w.tracef("%s states its units %d: %s%s", d, u.Number, exchange.CodeOf(err), res.Code)
	w.expect("stating units", err, exchange.Unavailable, exchange.Unknown)
}
