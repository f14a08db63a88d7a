package ledger_test

import (
	"encoding/binary"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// agree holds when everything has travelled: what the recipient's domain did
// is what the origin knows, and nothing is open that somebody ended.
func (w *world) agree() {
	for n := range w.sent {
		m := &w.sent[n]
		for i, to := range m.To {
			here, _, _ := ledger.DeliveryOf(&w.at[m.From.Domain()].rows, m.ID, uint16(i))
			there, arrived, _ := ledger.DeliveryOf(&w.at[to.Unit.Domain()].rows, m.ID, uint16(i))
			if here.State == exchange.Arriving || arrived && there.State == exchange.Arriving {
				w.Fatalf("%s[%d] is still arriving", m.ID, i)
			}
			if arrived && there.State.Final() && here.State != there.State {
				w.Fatalf("%s[%d] is %s at the recipient, %s at the origin", m.ID, i, there.State, here.State)
			}
			if !arrived && !here.State.Final() {
				w.Fatalf("%s[%d] is %s, and lost", m.ID, i, here.State)
			}
		}
	}
}

func (w *world) check(d *domain) {
	w.checkQueues(d)
	w.checkAudit(d)
	d.rows.Scan(ledger.TableExchange, nil, nil, func(k, _ []byte) bool {
		w.checkExchange(d, exchange.ID(k))
		return true
	})
	d.rows.Scan(ledger.TableKey, nil, nil, func(k, raw []byte) bool {
		row, err := exchange.Decode[ledger.KeyRow](raw)
		if _, ok, _ := ledger.Find(&d.rows, row.Exchange); err != nil || !ok {
			w.Fatalf("the key %q names no exchange", k)
		}
		return true
	})
}

// checkQueues: sequences have no gap between what is acknowledged and what is
// next.
func (w *world) checkQueues(d *domain) {
	for _, peer := range ledger.Links(&d.rows) {
		link, _, _ := ledger.LinkOf(&d.rows, peer)
		for class := range exchange.Class(exchange.ClassCount) {
			want := link.Acked[class] + 1
			_ = ledger.QueueRows(&d.rows, peer, class, 0, func(sequence uint64, _ ledger.QueueRow) bool {
				if sequence != want {
					w.Fatalf("%s to %s class %d: sequence %d, want %d", d.name, peer, class, sequence, want)
				}
				want++
				return true
			})
			if want != max(link.SendNext[class], 1) {
				w.Fatalf("%s to %s class %d: next is %d, the rows end before %d", d.name, peer, class, link.SendNext[class], want)
			}
		}
	}
}

func (w *world) checkAudit(d *domain) {
	n := uint64(0)
	d.rows.Scan(ledger.TableAudit, nil, nil, func(k, _ []byte) bool {
		if binary.BigEndian.Uint64(k) != n {
			w.Fatalf("%s: leaf %d is missing", d.name, n)
		}
		n++
		return true
	})
}

// checkExchange: every delivery that is not arriving is backed by a stored
// receipt of its state, and the deadline counts what is open.
func (w *world) checkExchange(d *domain, id exchange.ID) {
	ex, _, err := ledger.Find(&d.rows, id)
	if err != nil {
		w.Fatal(err)
	}
	backed := map[crypto.Digest]exchange.Receipt{}
	signed, err := ledger.Receipts(&d.rows, id)
	if err != nil {
		w.Fatal(err)
	}
	for _, s := range signed {
		backed[digest(s)], _ = ledger.DecodeReceipt(s)
	}
	open := 0
	for _, i := range ex.Deliveries {
		del, ok, err := ledger.DeliveryOf(&d.rows, id, i)
		if !ok || err != nil {
			w.Fatalf("%s: delivery %d of %s has no row", d.name, i, id)
		}
		if !del.State.Final() {
			open++
		}
		r := backed[del.Last]
		if del.State != exchange.Arriving && (r.State != del.State || r.Domain != del.Where || !r.Covers(i)) {
			w.Fatalf("%s: delivery %d of %s is %s, and its receipt says %s", d.name, i, id, del.State, r.State)
		}
		if (del.State == exchange.Arriving) && !ex.Waiting {
			w.Fatalf("%s: delivery %d of %s arrives for ever", d.name, i, id)
		}
		if in, _ := ledger.InboxDeliveries(&d.rows, ex.M.To[i].Unit, id); len(in) > 1 {
			w.Fatalf("%s: %d copies in one inbox", d.name, len(in))
		}
	}
	if ex.Via == "" {
		raw := d.rows.Get(ledger.TableDeadline, ledger.DeadlineKey(ex.M.NotAfter, id))
		if counted := len(raw) == 2; counted != (open > 0) || counted && int(binary.BigEndian.Uint16(raw)) != open {
			w.Fatalf("%s: %d deliveries of %s are open, the deadline says %x", d.name, open, id, raw)
		}
	}
}
