package layer

import (
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

// allowed names every built-in a rule may call. Left out is whatever reads the
// world (http, time, rand, opa.runtime), whatever can fail on a value, and
// whatever can grow its argument: bits.lsh, multiplication, string building,
// regular expressions and ranges each turn a short rule into seconds of work
// that no deadline interrupts, because a built-in is not cancelled half way.
var allowed = map[string]bool{
	"eq": true, "assign": true, "equal": true, "neq": true,
	"lt": true, "lte": true, "gt": true, "gte": true,
	"plus": true, "minus": true, "and": true, "or": true,
	"count": true, "sum": true, "max": true, "min": true,
	"startswith": true, "endswith": true, "contains": true, "indexof": true,
	"lower": true, "upper": true, "trim": true, "trim_space": true,
	"trim_prefix": true, "trim_suffix": true,
	"internal.member_2": true, "internal.member_3": true,
}

// capabilities is the allow-list in OPA's own terms, with no language feature
// beyond Rego v1.
var capabilities = sync.OnceValue(func() *ast.Capabilities {
	all := ast.CapabilitiesForThisVersion()
	c := &ast.Capabilities{Features: []string{ast.FeatureRegoV1}, AllowNet: []string{}}
	for _, b := range all.Builtins {
		if allowed[b.Name] {
			c.Builtins = append(c.Builtins, b)
		}
	}
	return c
})

// BuiltIns lists the names of the built-ins a rule may call.
func BuiltIns() []string {
	var out []string
	for _, b := range capabilities().Builtins {
		out = append(out, b.Name)
	}
	return out
}

var builtInNames = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for _, b := range testCapabilities().Builtins {
		names[b.Name] = true
	}
	return names
})

// builtIn reports whether a path names a function rather than a value.
func builtIn(ref ast.Ref) bool { return builtInNames()[ref.String()] }
