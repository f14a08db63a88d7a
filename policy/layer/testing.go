package layer

import (
	"context"
	"sort"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// testCapabilities adds to the allow-list what tests need to change the sample
// input they start from.
var testCapabilities = sync.OnceValue(func() *ast.Capabilities {
	c := *capabilities()
	for _, b := range ast.CapabilitiesForThisVersion().Builtins {
		if b.Name == "object.union" || b.Name == "array.concat" {
			c.Builtins = append(c.Builtins, b)
		}
	}
	return &c
})

// TestResult is the outcome of one test rule.
type TestResult struct {
	Name string // test_county_may_file
	At   string // file:line
	Pass bool
	Err  error // the evaluation failed or took too long
}

// RunTests evaluates every rule test_* of the bundle's *_test.rego files. Each
// sees the given sample as input, which is total, and changes what it is about:
//
//	test_refused if { count(deny) == 1 with input.kind as "case" }
//
// A bundle that does not pass Check is an error.
func RunTests(ctx context.Context, files []exchange.PolicyFile, sample *ast.Term) ([]TestResult, error) {
	if err := Check(files).Err("policy.test"); err != nil {
		return nil, err
	}
	s := gate(files)
	p, err := s.compile(true)
	if err != nil {
		return nil, exchange.Errorf(exchange.Invalid, "policy.test", "compiling: %w", err)
	}
	var out []TestResult
	for name, at := range s.tests() {
		r := TestResult{Name: name, At: at}
		r.Pass, r.Err = p.test(ctx, name, sample)
		out = append(out, r)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out, nil
}

func (s *source) tests() map[string]string {
	out := map[string]string{}
	for i := range s.modules {
		for _, r := range s.modules[i].Rules {
			if name := headName(r); s.modules[i].test && strings.HasPrefix(name, "test_") {
				out[name] = where(r.Location)
			}
		}
	}
	return out
}

func (p *program) test(ctx context.Context, name string, sample *ast.Term) (bool, error) {
	body, err := p.compiler.QueryCompiler().Compile(ast.MustParseBody("data." + Package + "." + name + " = true"))
	if err != nil {
		return false, err
	}
	cancel := topdown.NewCancel()
	defer context.AfterFunc(ctx, cancel.Cancel)()
	store := inmem.NewFromASTObject(p.data)
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return false, err
	}
	defer store.Abort(ctx, txn)
	q := topdown.NewQuery(body).WithCompiler(p.compiler).WithStore(store).WithTransaction(txn).
		WithInput(sample).WithCancel(cancel).WithStrictBuiltinErrors(true)
	results, err := q.Run(ctx)
	return len(results) > 0, err
}
