package layer

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/yizhan-exchange/yizhan/policy/facts"
)

// knownNames collects every key that an object could have: those of the input,
// of the data and of object literals in the rules.
func knownNames(s *source) map[string]bool {
	names := map[string]bool{}
	schemaNames(facts.Schema, names)
	dataNames(s.data, names)
	for i := range s.modules {
		ast.WalkTerms(s.modules[i].Module, func(t *ast.Term) bool {
			if o, ok := t.Value.(ast.Object); ok {
				o.Foreach(func(k, _ *ast.Term) {
					if key, ok := k.Value.(ast.String); ok {
						names[string(key)] = true
					}
				})
			}
			return false
		})
	}
	return names
}

func schemaNames(n *facts.Node, names map[string]bool) {
	for k, f := range n.Fields {
		names[k] = true
		schemaNames(f, names)
	}
	if n.Items != nil {
		schemaNames(n.Items, names)
	}
}

func dataNames(v any, names map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			names[k] = true
			dataNames(x, names)
		}
	case []any:
		for _, x := range v {
			dataNames(x, names)
		}
	}
}
