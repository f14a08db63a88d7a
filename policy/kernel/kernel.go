// Package kernel holds the rules that no policy can edit. They are judged
// before any layer, in every domain, at every point they speak of.
package kernel

import (
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy/facts"
)

// Layer is the name under which the kernel appears in reasons and revisions.
const Layer = "kernel"

// Revision is raised whenever a rule of the kernel changes what it decides.
const Revision = 1

// rule is one invariant: it is broken when the predicate holds.
type rule struct {
	reason exchange.Reason
	broken func(*facts.Facts) bool
}

// Judge returns every invariant the exchange breaks, in the order of the
// table; none means that the layers may be asked. Relations are meaningless
// between parties that cannot be named, so those rules come first and, when
// one is broken, alone.
func Judge(f *facts.Facts) []exchange.Reason {
	if out := broken(identity, f); len(out) > 0 {
		return out
	}
	return broken(content, f)
}

func broken(rules []rule, f *facts.Facts) (out []exchange.Reason) {
	for i := range rules {
		if rules[i].broken(f) {
			out = append(out, rules[i].reason)
		}
	}
	return out
}

// Reasons lists all reasons the kernel can give, for the reference.
func Reasons() (out []exchange.Reason) {
	for _, rules := range [][]rule{identity, content} {
		for i := range rules {
			out = append(out, rules[i].reason)
		}
	}
	return out
}

func reason(code, chinese, english, clause, remedy string) exchange.Reason {
	return exchange.Reason{Code: code, Layer: Layer, Chinese: chinese, English: english, Clause: clause, Remedy: remedy}
}

func anyGroup(f *facts.Facts, is func(*facts.Group) bool) bool {
	for i := range f.Groups {
		if is(&f.Groups[i]) {
			return true
		}
	}
	return false
}
