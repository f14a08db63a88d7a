package official

import (
	"fmt"
	"slices"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/form"
)

// Lookup finds what the directory states about a domain. A nil Lookup knows
// none.
type Lookup func(exchange.Domain) (exchange.DomainInfo, bool)

// Kinship is what one domain is to another.
type Kinship uint8

// Kinships. KinshipUnknown means that a parent on the way could not be found,
// so that neither line of descent is sure.
const (
	KinshipUnknown Kinship = iota
	Same                   // 同一域
	Superior               // 上级
	Subordinate            // 下级
	Peer                   // 同级, under one superior
	Unrelated              // 不相隶属
)

var kinshipNames = [...]string{"unknown", "same", "superior", "subordinate", "peer", "unrelated"}

// String returns the English word.
func (k Kinship) String() string {
	if int(k) < len(kinshipNames) {
		return kinshipNames[k]
	}
	return ""
}

// Relation is what a recipient's domain is to the sender's.
type Relation struct {
	Kind    Kinship
	Steps   int               // levels between a superior or subordinate; 1 is direct
	Skipped []exchange.Domain // the domains strictly between, from the sender's end
}

// maxDepth bounds the line of descent, so that a directory with a circle in it
// leads to an unknown relation and not to a loop.
const maxDepth = 8

// Relate returns what to is to from, by the parents that the directory states.
func Relate(from, to exchange.DomainInfo, find Lookup) Relation {
	if from.Domain == to.Domain {
		return Relation{Kind: Same}
	}
	up, fromKnown := ancestors(from, find)
	if i := slices.Index(up, to.Domain); i >= 0 {
		return Relation{Kind: Superior, Steps: i + 1, Skipped: slices.Clone(up[:i])}
	}
	down, toKnown := ancestors(to, find)
	if i := slices.Index(down, from.Domain); i >= 0 {
		skipped := slices.Clone(down[:i])
		slices.Reverse(skipped)
		return Relation{Kind: Subordinate, Steps: i + 1, Skipped: skipped}
	}
	switch {
	case from.Parent != "" && from.Parent == to.Parent:
		return Relation{Kind: Peer}
	case fromKnown && toKnown:
		return Relation{Kind: Unrelated}
	}
	return Relation{}
}

// ancestors lists the superiors of d, nearest first, and whether the line
// reaches the top.
func ancestors(d exchange.DomainInfo, find Lookup) (line []exchange.Domain, complete bool) {
	for range maxDepth {
		if d.Parent == "" {
			return line, d.Domain != "" && d.Level != 0
		}
		line = append(line, d.Parent)
		if find == nil {
			return line, false
		}
		next, ok := find(d.Parent)
		if !ok {
			return line, false
		}
		d = next
	}
	return line, false
}

// Direction is the way a document goes from sender to recipient (行文方向).
type Direction uint8

// Directions.
const (
	AnyDirection Direction = iota // not known, or any
	Up                            // 上行
	Down                          // 下行
	Parallel                      // 平行, neither is the other's superior
)

var (
	directionNames   = [...]string{"any", "up", "down", "parallel"}
	directionChinese = [...]string{"任意", "上行", "下行", "平行"}
)

// String returns the English word.
func (d Direction) String() string { return wordOf(directionNames[:], d) }

// Chinese returns the Chinese word.
func (d Direction) Chinese() string { return wordOf(directionChinese[:], d) }

func wordOf(words []string, d Direction) string {
	if int(d) < len(words) {
		return words[d]
	}
	return ""
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Direction) UnmarshalText(b []byte) error {
	i := slices.Index(directionNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("unknown direction %q", b)
	}
	*d = Direction(i)
	return nil
}

// DirectionOf returns the way from one body to another. A general office
// writes for its government, any other unit for its department. A department
// is not the superior of a lower government, nor of a lower department of
// another line.
func DirectionOf(from, to form.Party, rel Relation) Direction {
	switch rel.Kind {
	case KinshipUnknown:
		return AnyDirection
	case Same:
		return within(from.Unit.Office, to.Unit.Office)
	case Superior:
		if governs(to, from) {
			return Up
		}
	case Subordinate:
		if governs(from, to) {
			return Down
		}
	}
	return Parallel
}

// within is the direction inside one domain: the government's general office
// stands above the departments.
func within(from, to bool) Direction {
	switch {
	case from && !to:
		return Down
	case to && !from:
		return Up
	}
	return Parallel
}

// governs reports whether a body of a superior domain is the superior of a
// body below. A line that is not stated is not held against it.
func governs(above, below form.Party) bool {
	if above.Unit.Office {
		return true
	}
	if below.Unit.Office {
		return false
	}
	return above.Line() == "" || below.Line() == "" || above.Line() == below.Line()
}
