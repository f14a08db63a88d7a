package layer

import (
	"context"
	"fmt"
	"sort"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Verdict is what one layer says.
type Verdict struct {
	Allow            bool // allow was true; deny may still be filled
	Deny, Hold, Warn []exchange.Reason
	Obligations      []exchange.Obligation
}

// Evaluate asks the layer. The input has the shape of facts.Schema. Any error
// — a failing built-in, two values for one rule, the cancel firing — is
// Unavailable: it is neither an allow nor a refusal.
func (l *Layer) Evaluate(ctx context.Context, input *ast.Term, cancel topdown.Cancel) (v Verdict, err error) {
	const op = "policy.evaluate"
	defer func() {
		if r := recover(); r != nil {
			err = exchange.Errorf(exchange.Unavailable, op, "layer %s failed: %v", l.Issuer, r)
		}
	}()
	q := topdown.NewQuery(l.query).WithCompiler(l.compiler).WithStore(l.store).WithTransaction(l.txn).
		WithInput(input).WithCancel(cancel).WithStrictBuiltinErrors(true).WithMetrics(metrics.NoOp())
	found := false
	err = q.Iter(ctx, func(r topdown.QueryResult) error {
		found = true
		return l.read(r, &v)
	})
	switch {
	case err != nil && cancel.Cancelled():
		return Verdict{}, exchange.Errorf(exchange.Unavailable, op, "layer %s did not finish in time: %w", l.Issuer, err)
	case err != nil:
		return Verdict{}, exchange.Errorf(exchange.Unavailable, op, "layer %s could not be evaluated: %w", l.Issuer, err)
	case !found:
		return Verdict{}, exchange.Errorf(exchange.Unavailable, op, "layer %s gave no verdict", l.Issuer)
	}
	return v, nil
}

// read takes the verdict out of the one result of the query. A set that no rule
// defines was not asked for and is empty.
func (l *Layer) read(r topdown.QueryResult, v *Verdict) (err error) {
	for name, t := range r {
		switch name {
		case entryAllow:
			v.Allow = ast.Boolean(true).Equal(t.Value)
		case entryDeny:
			v.Deny, err = l.reasons(t)
		case entryHold:
			v.Hold, err = l.reasons(t)
		case entryWarn:
			v.Warn, err = l.reasons(t)
		case entryObligations:
			v.Obligations, err = obligations(t)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *Layer) reasons(t *ast.Term) (out []exchange.Reason, err error) {
	err = members(t, func(o ast.Object) {
		out = append(out, exchange.Reason{
			Layer: string(l.Issuer), Code: get(o, "code"), Chinese: get(o, "zh"), English: get(o, "en"),
			Clause: get(o, "clause"), Remedy: get(o, "remedy"),
		})
	})
	sort.Slice(out, func(i, j int) bool { return out[i].Code < out[j].Code })
	return out, err
}

func obligations(t *ast.Term) (out []exchange.Obligation, err error) {
	err = members(t, func(o ast.Object) {
		out = append(out, exchange.Obligation{Kind: get(o, "kind"), Value: get(o, "value")})
	})
	return out, err
}

func members(t *ast.Term, visit func(ast.Object)) error {
	set, ok := t.Value.(ast.Set)
	if !ok {
		return fmt.Errorf("an entry is not a set")
	}
	if set.Len() == 0 {
		return nil
	}
	return set.Iter(func(e *ast.Term) error {
		o, ok := e.Value.(ast.Object)
		if !ok {
			return fmt.Errorf("a member of an entry is not an object")
		}
		visit(o)
		return nil
	})
}

func get(o ast.Object, name string) string {
	t := o.Get(ast.InternedTerm(name))
	if t == nil {
		return ""
	}
	switch v := t.Value.(type) {
	case ast.String:
		return string(v)
	case ast.Number:
		return string(v)
	}
	return ""
}
