package layer

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/yizhan-exchange/yizhan/policy/facts"
)

// fields checks every use of input and data in every rule.
func (a *analysis) fields() {
	a.callArgs()
	for i := range a.modules {
		for _, r := range a.modules[i].Rules {
			a.rule(r)
		}
	}
}

func (a *analysis) rule(r *ast.Rule) {
	e := a.learn(r)
	ast.WalkTerms(r, func(t *ast.Term) bool {
		if ref, ok := t.Value.(ast.Ref); ok {
			a.path(e, t, ref)
		}
		return false
	})
	ast.WalkExprs(r, func(x *ast.Expr) bool {
		if t, ok := x.Terms.(*ast.Term); ok {
			a.truth(e, t)
		}
		return false
	})
	calls(r, func(c []*ast.Term) { a.call(e, c) })
}

// path refuses what leads nowhere: it would be undefined for ever, and the
// rule that asks for it would never fire.
func (a *analysis) path(e env, t *ast.Term, ref ast.Ref) {
	head, ok := ref[0].Value.(ast.Var)
	switch {
	case !ok:
		return
	case head == "data":
		a.dataPath(t, ref)
		return
	case builtIn(ref):
		return
	}
	if _, problem := e.node(t); problem == "input.dynamic" {
		a.add(where(t.Location), problem, "fields of "+ref[:1].String()+" are named, not looked up", "字段须直接写出名称")
	} else if problem != "" {
		a.add(where(t.Location), problem, ref.String()+" is not in the input", "输入中没有 "+ref.String())
	}
	if e.root(head) != nil {
		return
	}
	for _, key := range ref[1:] {
		if s, ok := key.Value.(ast.String); ok && !a.names[string(s)] {
			a.add(where(t.Location), "field.unknown", "nothing has a field "+string(s), "没有名为 "+string(s)+" 的字段")
		}
	}
}

func (a *analysis) dataPath(t *ast.Term, ref ast.Ref) {
	if len(ref) > 1 {
		key, _ := ref[1].Value.(ast.String)
		if _, ok := a.data[string(key)]; ok && key != "" {
			return
		}
		if ref.HasPrefix(packageRef) {
			return
		}
	}
	a.add(where(t.Location), "data.unknown", ref.String()+" is neither in this bundle's data nor its rules", "本规则包没有数据 "+ref.String())
}

// truth refuses a bare value that is not a boolean: it is always "true", and
// its negation never.
func (a *analysis) truth(e env, t *ast.Term) {
	if n, _ := e.node(t); n != nil && n.Type != "boolean" {
		a.add(where(t.Location), "compare.truth", t.String()+" is no yes-or-no fact; compare it with a value", t.String()+" 不是是非值，须与具体取值比较")
	}
}

var orders = []string{"lt", "lte", "gt", "gte"}

// call checks the operands of one call.
func (a *analysis) call(e env, c []*ast.Term) {
	switch {
	case isOperator(c[0], textual...):
		for _, t := range c[1:] {
			a.operand(e, t, "string")
		}
	case len(c) > 1 && isOperator(c[0], collections...):
		a.operand(e, c[1], "array", "object")
	}
	if len(c) < 3 {
		return
	}
	switch left, right := c[len(c)-2], c[len(c)-1]; {
	case isOperator(c[0], orders...):
		a.order(e, left)
		a.order(e, right)
	case isOperator(c[0], "equal", "eq", "neq", "assign"):
		a.equal(e, left, right)
		a.equal(e, right, left)
	case isOperator(c[0], "internal.member_2", "internal.member_3"):
		a.membership(e, left, right)
	}
}

// order demands numbers on both sides. "10" < "9", and text is never less than
// a number.
func (a *analysis) order(e env, t *ast.Term) {
	kind := scalar(t)
	if n, _ := e.node(t); n != nil {
		kind = n.Type
	} else if kind == "" {
		kind = a.dataType(t)
	}
	if kind != "" && kind != "number" {
		a.add(where(t.Location), "compare.order", t.String()+" is a "+kind+"; only numbers have an order here", t.String()+" 不是数字，不能比较大小")
	}
}

// equal checks the other side against what the place can hold.
func (a *analysis) equal(e env, place, other *ast.Term) {
	n, _ := e.node(place)
	if n == nil || n == untyped {
		return
	}
	if m, _ := e.node(other); m != nil {
		a.sameKind(place, n, m)
		return
	}
	a.value(place, n, other)
}

func (a *analysis) sameKind(place *ast.Term, n, m *facts.Node) {
	if n.Type != m.Type || !overlap(n.Enum, m.Enum) {
		a.add(where(place.Location), "compare.type", place.String()+" is never equal to what it is compared with", place.String()+" 与所比较者取值永不相同")
	}
}

func overlap(a, b []string) bool {
	return a == nil || b == nil || slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

func (a *analysis) value(place *ast.Term, n *facts.Node, other *ast.Term) {
	kind := scalar(other)
	if kind == "" {
		return
	}
	if kind != n.Type {
		a.add(where(place.Location), "compare.type", place.String()+" is a "+n.Type+", not a "+kind, place.String()+" 的类型不是 "+kind)
		return
	}
	if s, ok := other.Value.(ast.String); ok && n.Enum != nil && !slices.Contains(n.Enum, string(s)) {
		a.add(where(place.Location), "compare.enum", place.String()+" is one of "+strings.Join(n.Enum, ", ")+"; never "+other.String(),
			place.String()+" 不会取值 "+other.String())
	}
}

// membership checks `x in {…}` word by word, and `"x" in input.…` against what
// the list holds.
func (a *analysis) membership(e env, item, all *ast.Term) {
	if list, _ := e.node(all); list != nil && list.Items != nil {
		a.value(all, list.Items, item)
	}
	n, _ := e.node(item)
	if n == nil {
		return
	}
	each := func(t *ast.Term) { a.value(item, n, t) }
	switch v := all.Value.(type) {
	case *ast.Array:
		v.Foreach(each)
	case ast.Set:
		v.Foreach(each)
	}
}

// scalar names the type of a literal, "" for anything else.
func scalar(t *ast.Term) string {
	switch t.Value.(type) {
	case ast.String:
		return "string"
	case ast.Number:
		return "number"
	case ast.Boolean:
		return "boolean"
	case ast.Null:
		return "null"
	}
	return ""
}
