package pipeline

import (
	"context"
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

var _ delivery.Closer = (*Domain)(nil)

// Closed implements delivery.Closer.
func (d *Domain) Closed(ctx context.Context, s delivery.Session) error {
	return d.closeLinks(ctx, []ledger.Ended{{Peer: s.Peer, Session: s.ID}})
}

// CloseLinks says that the sessions which Lead found open, of the leader before,
// are over: what is queued from now on, and until the link is open again, can be
// taken back. A session opened meanwhile is another one, and stays open.
func (d *Domain) CloseLinks(ctx context.Context) error {
	if left := d.left.Swap(nil); left != nil && len(*left) > 0 {
		return d.closeLinks(ctx, *left)
	}
	return nil
}

// leftOpen remembers the sessions that nobody said the end of.
func (d *Domain) leftOpen() {
	var open []ledger.Ended
	err := d.Log.View(func(r ledger.Reader) error {
		for _, peer := range ledger.Links(r) {
			link, _, err := ledger.LinkOf(r, peer)
			if err != nil {
				return err
			}
			if !link.Down && link.Session != [16]byte{} {
				open = append(open, ledger.Ended{Peer: peer, Session: link.Session})
			}
		}
		return nil
	})
	if err != nil {
		d.Logger.Warn("what is queued counts as sent until the links open again", "err", err)
	}
	d.left.Store(&open)
}

func (d *Domain) closeLinks(ctx context.Context, ended []ledger.Ended) error {
	known := false
	err := d.Log.View(func(r ledger.Reader) error { known = ledger.LevelOf(r) >= 2; return nil })
	if err != nil || !known { // an older replica would stop at it
		return err
	}
	_, err = d.propose(ctx, "pipeline.close-link", func() (ledger.Command, error) {
		return ledger.Command{Close: &ledger.Close{Sessions: ended}}, nil
	})
	return err
}

// withdrawn finds, among deliveries of an exchange, those whose row was not
// handed out yet, and signs the VOID that may take its place. The ledger looks
// again: what was sent meanwhile is in doubt.
func (d *Domain) withdrawn(ex *ledger.Stored, deliveries []uint16) (unsent map[uint16]bool, voids []ledger.Withdrawn, err error) {
	unsent = map[uint16]bool{}
	at := map[exchange.Domain]uint64{}
	class := exchange.ClassOf(ex.M.Urgency)
	var epochs = map[exchange.Domain][16]byte{}
	err = d.Log.View(func(r ledger.Reader) error {
		self, _, err := ledger.SelfOf(r)
		if err != nil {
			return err
		}
		for _, i := range deliveries {
			del, _, err := ledger.DeliveryOf(r, ex.M.ID, i)
			if err != nil {
				return err
			}
			if del.Where != d.Domain || del.State != exchange.Accepted && del.State != exchange.Relayed {
				continue
			}
			peer, ok := ledger.Toward(r, d.Domain, ex.M.To[i].Unit.Domain())
			if !ok || peer == d.Domain {
				continue
			}
			sequence, known := at[peer]
			if !known {
				if sequence, _, err = ledger.FindQueued(r, peer, class, ex.M.ID, ex.At); err != nil {
					return err
				}
				link, _, err := ledger.LinkOf(r, peer)
				if err != nil {
					return err
				}
				at[peer], epochs[peer] = sequence, ledger.Numbering(self, link)
			}
			row, _, err := ledger.Get[ledger.QueueRow](r, ledger.TableQueue, ledger.QueueKey(peer, class, sequence))
			if err != nil {
				return err
			}
			unsent[i] = sequence != 0 && slices.Contains(row.Deliveries, i) // what is in another row counts as sent
		}
		return nil
	})
	for peer, sequence := range at {
		if sequence == 0 || err != nil {
			continue
		}
		w := ledger.Withdrawn{Peer: peer, Class: class, Sequence: sequence}
		w.Void, err = d.sign(crypto.ContextVoid, exchange.Void{From: d.Domain, To: peer, Epoch: epochs[peer], Class: class, Sequence: sequence, At: d.Clock()})
		voids = append(voids, w)
	}
	return unsent, voids, err
}

// verifyVoid checks that a neighbour withdrew the row of this very sequence.
func (d *Domain) verifyVoid(f *federation, peer exchange.Domain, in delivery.Row, s crypto.Signed) error {
	v, ok := ledger.StatementOf[exchange.Void](s, crypto.ContextVoid)
	if !ok || v.From != peer || v.To != d.Domain || v.Class != in.Class || v.Sequence != in.Sequence {
		return corrupt("the row of %s that says it was withdrawn is not for this place", peer)
	}
	if _, err := f.book.Verify(peer, crypto.ContextVoid, s, v.At); err != nil {
		return corrupt("a withdrawn row of %s: %w", peer, err)
	}
	return nil
}
