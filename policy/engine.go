// Package policy decides whether an exchange may go where it is going. The
// kernel, in Go, is judged first and cannot be edited; then the layers, in
// Rego, the superior's before one's own, each isolated from the others. DESIGN.md
// argues the order of judgement.
package policy

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy/facts"
	"github.com/yizhan-exchange/yizhan/policy/kernel"
	"github.com/yizhan-exchange/yizhan/policy/layer"
)

// DefaultDeadline bounds one decision over all layers. A decision takes less
// than a tenth of a millisecond; the rest is for a machine that stalls, where
// 20 ms was seen to fail one decision in some thousands.
const DefaultDeadline = 100 * time.Millisecond

// Options of an engine. The zero value is right for most.
type Options struct {
	Deadline    time.Duration // all layers together; DefaultDeadline when zero
	Obligations []Fulfilment  // what the gateway fulfils; DefaultFulfilments when nil
}

// Engine decides. It is safe for concurrent use; Swap takes effect for
// decisions that begin after it.
type Engine struct {
	deadline time.Duration
	known    map[string]Merge
	set      atomic.Pointer[Set]
}

// Set is the layers that are in force together, compiled and immutable.
type Set struct {
	layers    []*layer.Layer
	revisions []exchange.Revision // kernel first
}

// NewEngine returns an engine without layers, which refuses everything until
// Swap gives it some.
func NewEngine(o Options) (*Engine, error) {
	if o.Deadline < 0 {
		return nil, exchange.Errorf(exchange.Invalid, "policy.engine", "the deadline is negative")
	}
	if o.Deadline == 0 {
		o.Deadline = DefaultDeadline
	}
	if o.Obligations == nil {
		o.Obligations = DefaultFulfilments()
	}
	known, err := fulfilments(o.Obligations)
	if err != nil {
		return nil, exchange.Errorf(exchange.Invalid, "policy.engine", "%w", err)
	}
	e := &Engine{deadline: o.Deadline, known: known}
	e.Swap(nil)
	return e, nil
}

// Load compiles bundles, the superior's first and one's own last. Nothing is
// in force until Swap. The error is Invalid, with every problem of the first
// bundle that does not pass.
func Load(bundles []exchange.PolicyBundle) (*Set, error) {
	s := &Set{revisions: []exchange.Revision{{Layer: kernel.Layer, Number: kernel.Revision}}}
	seen := map[exchange.Domain]bool{}
	for _, b := range bundles {
		if seen[b.Issuer] || !b.Issuer.Valid() {
			return nil, exchange.Errorf(exchange.Invalid, "policy.load", "issuer %q is not a domain or has two bundles", b.Issuer)
		}
		seen[b.Issuer] = true
		l, err := layer.Compile(b)
		if err != nil {
			return nil, err
		}
		s.layers = append(s.layers, l)
		s.revisions = append(s.revisions, exchange.Revision{Layer: string(b.Issuer), Number: b.Number})
	}
	return s, nil
}

// Revisions names the kernel and every layer of the set, in order of judgement.
func (s *Set) Revisions() []exchange.Revision { return s.revisions }

// Swap puts a set in force and returns the one before it. A nil set has no
// layers.
func (e *Engine) Swap(s *Set) *Set {
	if s == nil {
		s, _ = Load(nil)
	}
	return e.set.Swap(s)
}

// Current is the set in force.
func (e *Engine) Current() *Set { return e.set.Load() }

// Decide judges a question under the set in force. An error is Unavailable:
// nothing has been decided, and the caller retries or quarantines but signs no
// refusal. A Decision with Hold is an allow that waits for a person's review.
func (e *Engine) Decide(ctx context.Context, q Question) (exchange.Decision, error) {
	return e.DecideWith(ctx, e.set.Load(), q)
}

// DecideWith judges under a given set, for dry runs and replays: it is the very
// same road as enforcement.
func (e *Engine) DecideWith(ctx context.Context, s *Set, q Question) (exchange.Decision, error) {
	f := facts.Of(&q)
	d := exchange.Decision{Point: q.Point, At: q.At, Revisions: s.revisions}
	if d.Reasons = kernel.Judge(f); len(d.Reasons) > 0 {
		return d, nil
	}
	if len(s.layers) == 0 {
		d.Reasons = []exchange.Reason{noPolicy}
		return d, nil
	}
	verdicts, err := e.ask(ctx, s, f)
	if err != nil {
		return exchange.Decision{}, err
	}
	e.combine(&d, s, verdicts)
	return d, nil
}

// ask evaluates every layer, so that a sender hears all reasons at once. One
// that fails makes the whole decision unavailable.
func (e *Engine) ask(ctx context.Context, s *Set, f *facts.Facts) ([]layer.Verdict, error) {
	cancel := topdown.NewCancel()
	defer time.AfterFunc(e.deadline, cancel.Cancel).Stop()
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, cancel.Cancel)()
	}
	input := f.Input()
	out := make([]layer.Verdict, len(s.layers))
	for i, l := range s.layers {
		v, err := l.Evaluate(ctx, input, cancel)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}
