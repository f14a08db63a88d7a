package ledger

import (
	"bytes"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/route"
)

// parents looks up a superior. TableParent spares decoding two certificates
// for each step of each road.
func (t *txn) parents(d exchange.Domain) (exchange.Domain, bool) {
	raw := t.get(TableParent, []byte(d))
	return exchange.Domain(raw), raw != nil
}

// saveDomain keeps what the directory says about a domain.
func (t *txn) saveDomain(info exchange.DomainInfo) {
	t.hops = nil
	save(t, TableDomain, []byte(info.Domain), info)
	t.put(TableParent, []byte(info.Domain), []byte(info.Parent))
}

func (t *txn) dropDomain(d exchange.Domain) {
	t.hops = nil
	t.delete(TableDomain, []byte(d))
	t.delete(TableParent, []byte(d))
}

// toward returns the neighbour on the road to a domain, walked once for each
// domain in a command.
func (t *txn) toward(dest exchange.Domain) (exchange.Domain, bool) {
	h, known := t.hops[dest]
	if !known {
		h.peer, h.ok = route.Next(t.self.Domain, dest, t.parents)
		if t.hops == nil {
			t.hops = map[exchange.Domain]hop{}
		}
		t.hops[dest] = h
	}
	return h.peer, h.ok
}

// fan groups deliveries that are not for this domain by their next hop.
func (t *txn) fan(m *exchange.Manifest, deliveries []uint16) (hops []route.Hop, lost []uint16) {
	hops, _, lost = route.FanBy(t.self.Domain, m.To, deliveries, t.toward)
	return hops, lost
}

// neighbour reports whether d is the superior or a child of this domain.
func (t *txn) neighbour(d exchange.Domain) bool {
	if d == t.self.Parent && d != "" {
		return true
	}
	info, ok := load[exchange.DomainInfo](t, TableDomain, []byte(d))
	return ok && !info.Suspended && info.Parent == t.self.Domain
}

// neighbours lists those that have ever opened a link, by name. Others are
// informed when they first do.
func (t *txn) neighbours(downOnly bool) []exchange.Domain {
	var out []exchange.Domain
	t.scan(TableLink, nil, func(k, _ []byte) {
		if d := exchange.Domain(bytes.Clone(k)); !downOnly || d != t.self.Parent {
			out = append(out, d)
		}
	})
	return out
}
