package layer

import (
	"context"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Layer is one compiled bundle. It is immutable and safe for concurrent use.
type Layer struct {
	Issuer exchange.Domain
	Number uint64

	compiler *ast.Compiler
	store    storage.Store
	txn      storage.Transaction
	query    ast.Body
}

// Compile gates and compiles a bundle. The error is Invalid and carries every
// problem found.
func Compile(b exchange.PolicyBundle) (l *Layer, err error) {
	const op = "policy.compile"
	defer func() {
		if r := recover(); r != nil { // a defect of the compiler is this bundle's failure only
			l, err = nil, exchange.Errorf(exchange.Invalid, op, "bundle %d of %s cannot be compiled: %v", b.Number, b.Issuer, r)
		}
	}()
	s := gate(b.Files)
	if err := tidy(s.problems).Err(op); err != nil {
		return nil, err
	}
	p, err := s.compile(false)
	if err != nil {
		s.opaErrors("", "compile", err)
		return nil, tidy(s.problems).Err(op)
	}
	return p.layer(b)
}

// program is compiled rules with their data.
type program struct {
	compiler *ast.Compiler
	data     ast.Object
}

// compile makes a compiler of its own for the bundle. Test files take part
// only where tests are run.
func (s *source) compile(tests bool) (*program, error) {
	modules := map[string]*ast.Module{}
	for i := range s.modules {
		if tests || !s.modules[i].test {
			modules[s.modules[i].path] = s.modules[i].Copy()
		}
	}
	caps := capabilities()
	if tests {
		caps = testCapabilities()
	}
	modules[entryPath] = entryModule(modules)
	c := ast.NewCompiler().WithCapabilities(caps).WithStrict(true)
	if c.Compile(modules); c.Failed() {
		return nil, c.Errors
	}
	v, err := ast.InterfaceToValue(s.data)
	if err != nil {
		return nil, err
	}
	return &program{compiler: c, data: v.(ast.Object)}, nil
}

const entryPath = "(entry)"

// entryModule collects the entry documents of a layer into one verdict. A set
// that no rule defines is empty; an allow that is undefined, or anything but
// true, is false.
func entryModule(modules map[string]*ast.Module) *ast.Module {
	defined := map[string]bool{}
	for _, m := range modules {
		for _, r := range m.Rules {
			defined[headName(r)] = true
		}
	}
	var b strings.Builder
	b.WriteString("package yizhan.entry\n\ndefault allowed := false\n\n")
	if defined[entryAllow] {
		b.WriteString("allowed if data." + Package + ".allow == true\n\n")
	}
	parts := []string{"allowed"}
	for _, name := range sets {
		part := "set()"
		if defined[name] {
			part = "data." + Package + "." + name
		}
		parts = append(parts, part)
	}
	fmt.Fprintf(&b, "verdict := [%s]\n", strings.Join(parts, ", "))
	return ast.MustParseModule(b.String())
}

func (p *program) layer(b exchange.PolicyBundle) (*Layer, error) {
	const op = "policy.compile"
	query, err := p.compiler.QueryCompiler().Compile(ast.MustParseBody("data.yizhan.entry.verdict = verdict"))
	if err != nil {
		return nil, exchange.Errorf(exchange.Internal, op, "compiling the entry: %w", err)
	}
	l := &Layer{Issuer: b.Issuer, Number: b.Number, compiler: p.compiler, query: query, store: inmem.NewFromASTObject(p.data)}
	// Nothing is ever written to this store, so one read transaction serves
	// every evaluation and none of them takes a lock.
	if l.txn, err = l.store.NewTransaction(context.Background()); err != nil {
		return nil, exchange.Errorf(exchange.Internal, op, "opening the data: %w", err)
	}
	return l, nil
}
