package layer

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/yizhan-exchange/yizhan/policy/facts"
)

// analysis follows values of input through the rules as far as it can, to find
// what OPA's own checker lets pass: a field that does not exist, a word outside
// its enumeration, an order comparison of text. Each of these is a rule that
// never fires, and a deny that never fires is an allow.
type analysis struct {
	*source
	names map[string]bool           // every key that any object is known to have
	args  map[ast.Var][]*facts.Node // what functions are called with
}

// untyped marks a variable that is bound to different things.
var untyped = &facts.Node{}

// env is what the variables of one rule stand for.
type env map[ast.Var]*facts.Node

func (e env) bind(t *ast.Term, n *facts.Node) {
	v, ok := t.Value.(ast.Var)
	if !ok || n == nil {
		return
	}
	if old := e[v]; old != nil && old != n {
		n = untyped
	}
	e[v] = n
}

// node returns the place of input a term stands for, nil when that is not
// known. problem says why a path leads nowhere.
func (e env) node(t *ast.Term) (n *facts.Node, problem string) {
	switch v := t.Value.(type) {
	case ast.Var:
		return e.root(v), ""
	case ast.Ref:
		head, ok := v[0].Value.(ast.Var)
		if !ok {
			return nil, ""
		}
		n = e.root(head)
		for _, key := range v[1:] {
			if n == nil {
				return nil, ""
			}
			if n, problem = step(n, key); problem != "" {
				return nil, problem
			}
		}
	}
	return n, ""
}

func (e env) root(v ast.Var) *facts.Node {
	if v == ast.InputRootDocument.Value.(ast.Var) {
		return facts.Schema
	}
	if n := e[v]; n != untyped {
		return n
	}
	return nil
}

func step(n *facts.Node, key *ast.Term) (*facts.Node, string) {
	name, isText := key.Value.(ast.String)
	switch n.Type {
	case "object":
		if !isText {
			return nil, "input.dynamic"
		}
		if f := n.Fields[string(name)]; f != nil {
			return f, ""
		}
		return nil, "input.unknown"
	case "array":
		if isText {
			return nil, "input.unknown"
		}
		return n.Items, ""
	}
	return nil, "input.unknown" // a scalar has nothing inside
}

// learn binds the variables of a rule. It goes round twice, since a body may
// use a name before the line that binds it.
func (a *analysis) learn(r *ast.Rule) env {
	e := env{}
	for i, arg := range r.Head.Args {
		if nodes := a.args[r.Head.Name]; i < len(nodes) {
			e.bind(arg, nodes[i])
		}
	}
	for range 2 {
		ast.WalkExprs(r, func(x *ast.Expr) bool {
			e.expr(x)
			return false
		})
	}
	return e
}

func (e env) expr(x *ast.Expr) {
	switch t := x.Terms.(type) {
	case *ast.SomeDecl:
		for _, s := range t.Symbols {
			if c, ok := s.Value.(ast.Call); ok {
				e.member(c)
			}
		}
	case *ast.Every:
		if n, _ := e.node(t.Domain); n != nil && n.Items != nil {
			e.bind(t.Value, n.Items)
		}
	case []*ast.Term:
		if len(t) == 3 && isOperator(t[0], "eq", "assign") {
			left, _ := e.node(t[1])
			right, _ := e.node(t[2])
			e.bind(t[1], right)
			e.bind(t[2], left)
		}
	}
}

// member binds the variables of `some x in xs` and `some i, x in xs`.
func (e env) member(c ast.Call) {
	if len(c) < 3 {
		return
	}
	if n, _ := e.node(c[len(c)-1]); n != nil && n.Items != nil {
		e.bind(c[len(c)-2], n.Items)
	}
}

func isOperator(t *ast.Term, names ...string) bool {
	ref, ok := t.Value.(ast.Ref)
	if !ok {
		return false
	}
	s := ref.String()
	for _, n := range names {
		if s == n {
			return true
		}
	}
	return false
}

// callArgs records what every function is called with, until nothing new is
// learned or calls are nested deeper than rules in practice are.
func (a *analysis) callArgs() {
	a.args = map[ast.Var][]*facts.Node{}
	for range 4 {
		for i := range a.modules {
			for _, r := range a.modules[i].Rules {
				e := a.learn(r)
				calls(r, func(c []*ast.Term) { a.record(e, c) })
			}
		}
	}
}

func (a *analysis) record(e env, c []*ast.Term) {
	ref, ok := c[0].Value.(ast.Ref)
	if !ok || len(ref) != 1 {
		return
	}
	name, ok := ref[0].Value.(ast.Var)
	if !ok {
		return
	}
	nodes := a.args[name]
	for i, t := range c[1:] {
		if i == len(nodes) {
			nodes = append(nodes, nil)
		}
		n, _ := e.node(t)
		if n == nil || (nodes[i] != nil && nodes[i] != n) {
			n = untyped
		}
		nodes[i] = n
	}
	a.args[name] = nodes
}

// calls visits every call, as an expression or inside a term.
func calls(x any, visit func([]*ast.Term)) {
	ast.WalkNodes(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Expr:
			if t, ok := n.Terms.([]*ast.Term); ok {
				visit(t)
			}
		case *ast.Term:
			if c, ok := n.Value.(ast.Call); ok {
				visit(c)
			}
		}
		return false
	})
}
