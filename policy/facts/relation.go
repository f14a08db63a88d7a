package facts

import "github.com/yizhan-exchange/yizhan/exchange"

// Direction is how the recipient's domain lies to the sender's.
type Direction uint8

// Directions. Unrelated is what cannot be established from the directory; the
// kernel refuses it, because every rule of routing would otherwise pass by.
const (
	Unrelated Direction = iota
	Inside              // the same domain
	Up                  // 上行
	Down                // 下行
	Parallel            // 平行: neither is above the other
)

var directionWords = [...]string{"unrelated", "inside", "up", "down", "parallel"}

// String returns the word used in rules.
func (d Direction) String() string { return word(directionWords[:], uint8(d)) }

// maxDepth bounds the walk to the top; there are five levels of government.
const maxDepth = 8

// chain is a domain followed by its superiors, the top last.
type chain struct {
	at       [maxDepth]exchange.Domain
	n        int
	complete bool // it ends at a domain without a superior
}

func (q *Question) chainOf(d *exchange.DomainInfo) (c chain) {
	next := d.Domain
	for c.n < maxDepth && next != "" {
		c.at[c.n] = next
		c.n++
		next = q.parent(next, d)
	}
	c.complete = c.n > 0 && next == ""
	return c
}

// parent believes the statements in hand before the lookup.
func (q *Question) parent(d exchange.Domain, stated *exchange.DomainInfo) exchange.Domain {
	switch {
	case d == stated.Domain:
		return stated.Parent
	case d == q.Self.Domain:
		return q.Self.Parent
	case d == q.Peer.Domain:
		return q.Peer.Parent
	case q.Parent != nil:
		return q.Parent(d)
	}
	return ""
}

func (c *chain) top() exchange.Domain {
	if !c.complete {
		return ""
	}
	return c.at[c.n-1]
}

func (c *chain) index(d exchange.Domain) int {
	for i := range c.n {
		if c.at[i] == d {
			return i
		}
	}
	return -1
}

// relate compares two chains and returns the domains strictly between the two
// ends. Chains that do not end at one and the same top are unrelated: a gap in
// the directory must not pass for "parallel".
func relate(from, to *chain) (Direction, []exchange.Domain) {
	if from.n == 0 || to.n == 0 || from.top() == "" || from.top() != to.top() {
		return Unrelated, nil
	}
	if from.at[0] == to.at[0] {
		return Inside, nil
	}
	if i := from.index(to.at[0]); i > 0 {
		return Up, from.at[1:i]
	}
	if i := to.index(from.at[0]); i > 0 {
		return Down, to.at[1:i]
	}
	return Parallel, nil
}

// copied reports whether every skipped domain has a recipient of its own.
func (q *Question) copied(skipped []exchange.Domain) bool {
	for _, d := range skipped {
		if !q.addresses(d) {
			return false
		}
	}
	return true
}

func (q *Question) addresses(d exchange.Domain) bool {
	for i := range q.To {
		if q.To[i].Unit.Unit.Domain() == d {
			return true
		}
	}
	return false
}

func word(words []string, i uint8) string {
	if int(i) < len(words) {
		return words[i]
	}
	return "invalid"
}
