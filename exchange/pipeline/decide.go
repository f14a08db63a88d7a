package pipeline

import (
	"context"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/policy"
)

// permit decides at submit. A denial is recorded, and answered with its
// reasons and the id under which it can be explained.
func (d *Domain) permit(ctx context.Context, f *federation, w *submission) error {
	m := &w.manifest
	if m.ID.IsZero() {
		if err := d.stamp(w); err != nil {
			return err
		}
	}
	q := d.question(f, exchange.PointSubmit, m)
	q.Actor = actor(w.caller)
	decision, err := d.Engine.DecideWith(ctx, f.policy, q)
	if err != nil {
		return err
	}
	if len(w.routing) > 0 {
		decision.Allow = false
		decision.Reasons = addReasons(decision.Reasons, w.routing)
	}
	if decision.Allow && decision.Hold {
		decision.Allow = false
		decision.Reasons = append(decision.Reasons, exchange.Reason{Code: "hold.unsupported", Layer: "kernel", Chinese: "策略要求人工审核，本版本尚不支持送审",
			English: "policy asks for a review by a person, which this version cannot hold for", Remedy: "ask the security officer"})
	}
	w.decision = decision
	if decision.Allow {
		return nil
	}
	return d.deny(ctx, opSubmit, f, ledger.Judge{Exchange: m.ID, Unit: w.caller.Unit, Person: w.caller.Person, Decision: decision})
}

// addReasons adds what is not said under the same code already.
func addReasons(have, more []exchange.Reason) []exchange.Reason {
	seen := map[string]bool{}
	for _, r := range have {
		seen[r.Code] = true
	}
	for _, r := range more {
		if !seen[r.Code] {
			have = append(have, r)
		}
	}
	return have
}

// deny records a denial and turns it into an error.
func (d *Domain) deny(ctx context.Context, op string, f *federation, j ledger.Judge) error {
	_, err := d.propose(ctx, op, func() (ledger.Command, error) {
		return ledger.Command{Judge: &j}, nil
	})
	if err != nil {
		return err
	}
	e := &exchange.Error{Code: exchange.Denied, Op: op, Message: "refused by rule (规则拦截); yizhan policy explain " + j.Exchange.String()}
	for _, r := range j.Decision.Reasons {
		e.Problems = append(e.Problems, exchange.Problem{Field: "policy", Code: r.Code, Message: r.English, Chinese: r.Chinese, Clause: r.Clause, Remedy: r.Remedy})
	}
	return e
}

// question describes an exchange to policy, with every recipient to be judged.
func (d *Domain) question(f *federation, point exchange.Point, m *exchange.Manifest) policy.Question {
	q := policy.Question{Point: point, At: d.Clock(), Self: f.self, Parent: f.parent}
	q.Describe(m)
	from, known := f.party(m.From)
	q.From = policy.Party{Unit: from.Unit, Domain: from.Domain, Known: known}
	for _, to := range m.To {
		p, known := f.party(to.Unit)
		q.To = append(q.To, policy.Recipient{Party: policy.Party{Unit: p.Unit, Domain: p.Domain, Known: known}, Role: to.Role})
	}
	return q
}

// only marks all recipients but the given ones as judged elsewhere.
func only(q *policy.Question, deliveries []uint16) {
	here := map[uint16]bool{}
	for _, i := range deliveries {
		here[i] = true
	}
	for i := range q.To {
		q.To[i].Elsewhere = !here[uint16(i)]
	}
}

func actor(c exchange.Caller) policy.Actor { return policy.Actor{Caller: c} }

// codes lists the stable codes of reasons, for receipts.
func codes(reasons []exchange.Reason) []string {
	out := make([]string, 0, len(reasons))
	for _, r := range reasons {
		out = append(out, strings.TrimSpace(r.Code))
	}
	return out
}
