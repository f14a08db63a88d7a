package sim

import (
	"regexp"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

var named = regexp.MustCompile("[0-9A-HJKMNP-TV-Z]{26}")

// dump tells whoever looks what every domain knows about the exchange that a
// failure names.
func (w *world) dump() {
	id, err := exchange.ParseID(named.FindString(w.failure))
	if w.lines == nil || err != nil {
		return
	}
	for _, g := range w.groups {
		g.view(func(r ledger.Reader) {
			ex, ok, _ := ledger.Find(r, id)
			if !ok {
				return
			}
			w.tracef("%s has %s via %q, deliveries %v, waiting %v, inline %v, regained %v, giver %q", g.info.Domain, id, ex.Via, ex.Deliveries, ex.Waiting, ex.Inline, ex.Regained, ex.Giver)
			for _, peer := range tree {
				if v := r.Get(ledger.TableOffer, append(append([]byte(peer.Domain), 0), id[:]...)); v != nil {
					w.tracef("   chunks are on offer to %s %v", peer.Domain, v)
				}
			}
			for _, a := range ex.M.Chunks() {
				n := 0
				for _, x := range g.replicas {
					if x.chunks.get(a) != nil {
						n++
					}
				}
				w.tracef("   chunk %s on %d replicas", a.Short(), n)
			}
			for _, i := range ex.Deliveries {
				d, _, _ := ledger.DeliveryOf(r, id, i)
				w.tracef("   %d to %s: %s by %s", i, ex.M.To[i].Unit, d.State, d.Where)
			}
			all, _ := ledger.Receipts(r, id)
			for n, s := range all {
				receipt, _ := ledger.DecodeReceipt(s)
				sum := w.kit.provider.Sum(s.Bytes)
				w.tracef("   receipt %d %x: %s by %s for %v after %x", n, sum[:3], receipt.State, receipt.Domain, receipt.Deliveries, receipt.Prev[:3])
			}
		})
	}
}
