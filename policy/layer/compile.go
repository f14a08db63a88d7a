package layer

import (
	"context"
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
	query    ast.Body
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
	defined := definedNames(modules)
	modules[entryPath] = entryModule(defined)
	c := ast.NewCompiler().WithCapabilities(caps).WithStrict(true)
	if c.Compile(modules); c.Failed() {
		return nil, c.Errors
	}
	v, err := ast.InterfaceToValue(s.data)
	if err != nil {
		return nil, err
	}
	return &program{compiler: c, data: v.(ast.Object), query: entryQuery(defined)}, nil
}

const entryPath = "(entry)"

// entryModule gives allow its default: one that is undefined, or anything but
// true, is false. It is outside the package of the rules, which cannot reach
// or extend it.
func entryModule(defined map[string]bool) *ast.Module {
	text := "package yizhan.entry\n\ndefault allow := false\n"
	if defined[entryAllow] {
		text += "\nallow if data." + Package + ".allow == true\n"
	}
	return ast.MustParseModule(text)
}

// entryQuery asks for allow and for every set that some rule defines.
func entryQuery(defined map[string]bool) ast.Body {
	parts := []string{"data.yizhan.entry.allow = allow"}
	for _, name := range sets {
		if defined[name] {
			parts = append(parts, "data."+Package+"."+name+" = "+name)
		}
	}
	return ast.MustParseBody(strings.Join(parts, "; "))
}

func definedNames(modules map[string]*ast.Module) map[string]bool {
	out := map[string]bool{}
	for _, m := range modules {
		for _, r := range m.Rules {
			out[headName(r)] = true
		}
	}
	return out
}

func (p *program) layer(b exchange.PolicyBundle) (*Layer, error) {
	const op = "policy.compile"
	query, err := p.compiler.QueryCompiler().Compile(p.query)
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
