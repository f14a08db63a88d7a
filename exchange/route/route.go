// Package route finds the road between two domains: up to the common ancestor
// and down. It is pure; the tree comes from the signed directory.
package route

import "github.com/yizhan-exchange/yizhan/exchange"

// maxDepth bounds a walk up the tree; five levels and their lines fit easily.
const maxDepth = 16

// Parents tells the superior of a domain: "" at the top, false when the domain
// is unknown. A suspended domain keeps its place in the tree: what travels
// through it waits, and receipts still find their way back.
type Parents func(exchange.Domain) (exchange.Domain, bool)

// Ancestors lists d and its superiors, nearest first. It is nil when any of
// them is unknown.
func Ancestors(d exchange.Domain, parents Parents) []exchange.Domain {
	var out []exchange.Domain
	for range maxDepth {
		p, ok := parents(d)
		if !ok {
			return nil
		}
		out = append(out, d)
		if p == "" {
			return out
		}
		d = p
	}
	return nil
}

// Next returns the neighbour of self on the road to dest: one of self's
// children when dest lies below self, self's superior otherwise. It is false
// when dest is self or there is no road.
func Next(self, dest exchange.Domain, parents Parents) (exchange.Domain, bool) {
	if self == dest {
		return "", false
	}
	up := Ancestors(dest, parents)
	if up == nil {
		return "", false
	}
	for i, d := range up {
		if d == self {
			return up[i-1], true
		}
	}
	p, ok := parents(self)
	return p, ok && p != "" && sameTree(self, up[len(up)-1], parents)
}

func sameTree(self, top exchange.Domain, parents Parents) bool {
	up := Ancestors(self, parents)
	return len(up) > 0 && up[len(up)-1] == top
}

// Road lists the domains from one to the other, both included, or nil when
// there is no road.
func Road(from, to exchange.Domain, parents Parents) []exchange.Domain {
	road := []exchange.Domain{from}
	for at := from; at != to; {
		next, ok := Next(at, to, parents)
		if !ok || len(road) > 2*maxDepth {
			return nil
		}
		road = append(road, next)
		at = next
	}
	return road
}

// Hop is what one link carries of an exchange.
type Hop struct {
	Peer       exchange.Domain
	Deliveries []uint16 // ascending
}

// Fan groups the deliveries that are not for self by the neighbour they go
// through, in order of first mention: an exchange crosses each link once and
// fans out below. Deliveries without a road are returned apart.
func Fan(self exchange.Domain, to []exchange.Recipient, deliveries []uint16, parents Parents) (hops []Hop, local, lost []uint16) {
	return FanBy(self, to, deliveries, func(dest exchange.Domain) (exchange.Domain, bool) { return Next(self, dest, parents) })
}

// FanBy is Fan with the next hops looked up by the caller, who may remember
// them.
func FanBy(self exchange.Domain, to []exchange.Recipient, deliveries []uint16, next func(dest exchange.Domain) (exchange.Domain, bool)) (hops []Hop, local, lost []uint16) {
	index := map[exchange.Domain]int{}
	for _, i := range deliveries {
		dest := to[i].Unit.Domain()
		if dest == self {
			local = append(local, i)
			continue
		}
		peer, ok := next(dest)
		if !ok {
			lost = append(lost, i)
			continue
		}
		at, seen := index[peer]
		if !seen {
			at = len(hops)
			index[peer] = at
			hops = append(hops, Hop{Peer: peer})
		}
		hops[at].Deliveries = append(hops[at].Deliveries, i)
	}
	return hops, local, lost
}
