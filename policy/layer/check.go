package layer

import (
	"fmt"
	"sort"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Check reports everything that keeps the files from being a layer, each with
// its file and line in Field. It is the same gate that Compile applies, so a
// dry run and the real thing cannot differ. None means the bundle loads.
func Check(files []exchange.PolicyFile) (out exchange.Problems) {
	defer func() {
		if r := recover(); r != nil { // a defect of the parser must not end the caller
			out.Add("", "check.failed", fmt.Sprintf("the bundle could not be checked: %v", r), "规则包无法检查", "", "")
		}
	}()
	s := gate(files)
	if len(s.problems) == 0 {
		_, err := s.compile(false)
		if err != nil {
			s.opaErrors("", "compile", err)
		}
	}
	if len(s.problems) == 0 && s.hasTests() {
		if _, err := s.compile(true); err != nil {
			s.opaErrors("", "compile", err)
		}
	}
	return tidy(s.problems)
}

// gate parses the files and applies every check that needs no compiler.
func gate(files []exchange.PolicyFile) *source {
	s := parse(files)
	a := analysis{source: s, names: knownNames(s)}
	for i := range s.modules {
		a.frame(&s.modules[i])
	}
	a.entries()
	a.fields()
	return s
}

func (s *source) hasTests() bool {
	for i := range s.modules {
		if s.modules[i].test {
			return true
		}
	}
	return false
}

// frame checks a module's package and imports, and what may not occur in any.
func (a *analysis) frame(m *module) {
	if !m.Package.Path.Equal(packageRef) {
		a.add(where(m.Package.Location), "package", "a module is in package "+Package+" and no other", "规则包名必须为 "+Package)
	}
	for _, imp := range m.Imports {
		if imp.Path.String() != "rego.v1" {
			a.add(where(imp.Location), "import", "nothing but rego.v1 may be imported", "除 rego.v1 外不得引用其他包")
		}
	}
	ast.WalkExprs(m.Module, func(e *ast.Expr) bool {
		if len(e.With) > 0 && !m.test {
			a.add(where(e.Location), "with", "`with` is for tests; a rule judges the input it is given", "with 只能用于测试")
		}
		return false
	})
	ast.WalkTerms(m.Module, func(t *ast.Term) bool {
		if n, ok := t.Value.(ast.Number); ok && !plainNumber(string(n)) {
			a.add(where(t.Location), "number.form", numberForm, "数字过长或带指数")
		}
		return false
	})
}

// tidy orders problems by place and drops repetitions.
func tidy(p exchange.Problems) exchange.Problems {
	sort.SliceStable(p, func(i, j int) bool { return p[i].Field < p[j].Field })
	var out exchange.Problems
	for i := range p {
		if i == 0 || p[i] != p[i-1] {
			out = append(out, p[i])
		}
	}
	return out
}
