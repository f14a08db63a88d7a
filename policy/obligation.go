package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Merge says what is strictest when layers ask for the same thing.
type Merge uint8

// Ways to unite obligations of one kind.
const (
	Every    Merge = iota // all distinct values must be done
	Largest               // the largest non-negative whole number
	Smallest              // the smallest non-negative whole number
)

// Fulfilment is a kind of obligation that the gateway knows how to fulfil. A
// layer that asks for any other turns its allow into a deny.
type Fulfilment struct {
	Kind  string
	Merge Merge
}

// kindHold asks, as an obligation, for what the set hold asks for.
const kindHold = "hold"

// DefaultFulfilments are the obligations of the gateway as shipped: log the
// opening or passing, notify a unit or role, keep for at least so many days,
// and hold for review.
func DefaultFulfilments() []Fulfilment {
	return []Fulfilment{{"log", Every}, {"notify", Every}, {"retain_days", Largest}, {kindHold, Every}}
}

// union collects the obligations of all layers and strengthens them. There are
// a handful, so it searches rather than hashes.
type union struct {
	known   map[string]Merge
	best    []strongest
	every   []exchange.Obligation
	reasons []exchange.Reason
}

type strongest struct {
	kind  string
	value uint64
}

func (u *union) add(layer string, o exchange.Obligation) {
	merge, ok := u.known[o.Kind]
	switch {
	case !ok:
		u.refuse(layer, "obligation.unknown", "规则要求的义务 "+o.Kind+" 本网关无法履行",
			"the policy asks for "+o.Kind+", which this gateway does not know how to fulfil", "升级网关，或请规则发布方修改")
	case merge == Every:
		if !slices.Contains(u.every, o) {
			u.every = append(u.every, o)
		}
	default:
		u.number(layer, merge, o)
	}
}

func (u *union) number(layer string, merge Merge, o exchange.Obligation) {
	n, err := strconv.ParseUint(o.Value, 10, 32)
	if err != nil {
		u.refuse(layer, "obligation.malformed", "义务 "+o.Kind+" 的取值不是非负整数",
			"the value of "+o.Kind+" is not a non-negative whole number", "请规则发布方修改")
		return
	}
	i := slices.IndexFunc(u.best, func(s strongest) bool { return s.kind == o.Kind })
	switch {
	case i < 0:
		u.best = append(u.best, strongest{o.Kind, n})
	case (merge == Largest) == (n > u.best[i].value):
		u.best[i].value = n
	}
}

func (u *union) refuse(layer, code, chinese, english, remedy string) {
	r := exchange.Reason{Code: code, Layer: layer, Chinese: chinese, English: english, Remedy: remedy}
	if !slices.Contains(u.reasons, r) {
		u.reasons = append(u.reasons, r)
	}
}

// list is the united obligations, ordered by kind and value.
func (u *union) list() []exchange.Obligation {
	out := u.every
	for _, s := range u.best {
		out = append(out, exchange.Obligation{Kind: s.kind, Value: strconv.FormatUint(s.value, 10)})
	}
	slices.SortFunc(out, func(a, b exchange.Obligation) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Value, b.Value))
	})
	return out
}

func fulfilments(list []Fulfilment) (map[string]Merge, error) {
	out := map[string]Merge{}
	for _, f := range list {
		if _, twice := out[f.Kind]; twice || f.Kind == "" || f.Merge > Smallest {
			return nil, fmt.Errorf("obligation %q is empty, listed twice or merged in an unknown way", f.Kind)
		}
		out[f.Kind] = f.Merge
	}
	return out, nil
}
