package pipeline

import (
	"context"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// Lead is called when this replica begins to lead, before links open: what
// the last leader knew about chunks may be out of date here.
func (d *Domain) Lead() {
	d.arrivals.reset()
	d.offers.reset()
	d.leftOpen()
}

// Wanted implements delivery.Station. Envelopes that lack nothing any more are
// completed on the way. One that cannot be completed is tried again each time,
// and does not keep the others from arriving.
func (d *Domain) Wanted(peer exchange.Domain, most int) ([]crypto.Digest, error) {
	ids, err := d.waiting(peer)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	var out []crypto.Digest
	for _, id := range ids {
		if err := d.look(ctx, peer, id); err != nil && d.arrivals.worse(id, err.Error()) {
			d.Logger.Warn("an arrived exchange cannot be completed", "exchange", id, "peer", peer, "err", err)
		}
		out = append(out, d.arrivals.lacks(id, most-len(out))...)
		if len(out) >= most {
			break
		}
	}
	return out, nil
}

const mostWaiting = 1024 // envelopes of one peer that are looked at

// waiting lists envelopes of peer whose chunks are not here, and forgets those
// that ceased to wait.
func (d *Domain) waiting(peer exchange.Domain) (ids []exchange.ID, err error) {
	err = d.Log.View(func(r ledger.Reader) error {
		ledger.Waiting(r, peer, func(id exchange.ID) bool {
			ids = append(ids, id)
			return len(ids) < mostWaiting
		})
		return nil
	})
	if err == nil && len(ids) < mostWaiting {
		d.arrivals.keepOnly(peer, ids)
	}
	return ids, err
}

// look finds out once which chunks an envelope lacks, and notes that peer may
// have them.
func (d *Domain) look(ctx context.Context, peer exchange.Domain, id exchange.ID) error {
	if w := d.arrivals.get(id); w != nil {
		d.arrivals.add(id, peer, nil)
		if len(d.arrivals.lacks(id, 1)) == 0 {
			return d.complete(ctx, id)
		}
		return nil
	}
	ex, err := d.stored(id)
	if err != nil || !ex.Waiting {
		return err
	}
	missing, err := d.Content.Missing(ctx, ex.M.Chunks())
	if err != nil {
		return err
	}
	d.arrivals.add(id, peer, missing)
	if len(missing) == 0 {
		return d.complete(ctx, id)
	}
	return nil
}

// complete takes custody of an envelope whose chunks are all here: it judges
// again, signs, and commits with the proof that a majority keeps them.
func (d *Domain) complete(ctx context.Context, id exchange.ID) error {
	ex, err := d.stored(id)
	if err != nil {
		return err
	}
	if !ex.Waiting {
		d.arrivals.drop(id)
		return nil
	}
	stored, err := d.Content.Kept(ctx, ex.M.Chunks())
	if err != nil {
		return err
	}
	_, err = d.propose(ctx, "pipeline.custody", func() (ledger.Command, error) {
		f, err := d.federation()
		if err != nil {
			return ledger.Command{}, err
		}
		receipts, err := d.firstWords(ctx, f, &ex)
		return ledger.Command{Revisions: f.revisions, Custody: &ledger.Custody{Exchange: id, Receipts: receipts, Stored: stored}}, err
	})
	if err == nil {
		d.arrivals.drop(id)
	}
	return err
}
