package layer

import (
	"encoding/json"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// textual are the functions that take nothing but text. Given a number they
// fail, but OPA's rule index may pass over a rule that begins with one before
// it can fail, and its deny with it; so this is settled beforehand.
var textual = []string{
	"startswith", "endswith", "contains", "indexof", "lower", "upper",
	"trim", "trim_space", "trim_prefix", "trim_suffix",
}

// collections are the functions that take a list, a set or an object; count
// takes text too.
var collections = []string{"count", "sum", "max", "min"}

// operand demands one of the types, where the type is known.
func (a *analysis) operand(e env, t *ast.Term, types ...string) {
	kind := scalar(t)
	if n, _ := e.node(t); n != nil {
		kind = n.Type
	} else if kind == "" {
		kind = a.dataType(t)
	}
	if kind != "" && !slices.Contains(types, kind) {
		a.add(where(t.Location), "compare.type", t.String()+" is a "+kind+", which the function does not take", t.String()+" 的类型不适用于该函数")
	}
}

// dataType names the type of a value of the bundle's data that is addressed by
// fixed keys, "" for anything else.
func (a *analysis) dataType(t *ast.Term) string {
	ref, ok := t.Value.(ast.Ref)
	if !ok || ref[0].Value.Compare(ast.DefaultRootDocument.Value) != 0 {
		return ""
	}
	var v any = a.data
	for _, key := range ref[1:] {
		name, isText := key.Value.(ast.String)
		object, isObject := v.(map[string]any)
		if !isText || !isObject {
			return ""
		}
		v = object[string(name)]
	}
	switch v.(type) {
	case string:
		return "string"
	case json.Number:
		return "number"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return ""
}
