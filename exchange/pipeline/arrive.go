package pipeline

import (
	"context"
	"slices"
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// arrivals remembers which chunks waiting envelopes still lack. It is a cache
// of what the ledger and the stores say, built when first asked and rebuilt
// after a change of leader.
type arrivals struct {
	mu      sync.Mutex
	waiting map[exchange.ID]*arrival
}

type arrival struct {
	peer    exchange.Domain
	order   []crypto.Digest
	missing map[crypto.Digest]bool
	trouble string // why it could not be completed when last tried
}

func (a *arrivals) get(id exchange.ID) *arrival {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.waiting[id]
}

func (a *arrivals) add(id exchange.ID, peer exchange.Domain, missing []crypto.Digest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting == nil {
		a.waiting = map[exchange.ID]*arrival{}
	}
	if a.waiting[id] != nil {
		return
	}
	w := &arrival{peer: peer, order: missing, missing: map[crypto.Digest]bool{}}
	for _, m := range missing {
		w.missing[m] = true
	}
	a.waiting[id] = w
}

func (a *arrivals) drop(id exchange.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, id)
}

// reset forgets everything; a node that begins or ceases to lead calls it.
func (a *arrivals) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting = nil
}

// lacks lists up to n missing chunks of one envelope, in its order.
func (a *arrivals) lacks(id exchange.ID, n int) []crypto.Digest {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.waiting[id]
	if w == nil {
		return nil
	}
	for len(w.order) > 0 && !w.missing[w.order[0]] {
		w.order = w.order[1:]
	}
	var out []crypto.Digest
	for _, address := range w.order {
		if len(out) == n {
			break
		}
		if w.missing[address] {
			out = append(out, address)
		}
	}
	return out
}

func (a *arrivals) wants(peer exchange.Domain, address crypto.Digest) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.waiting {
		if w.peer == peer && w.missing[address] {
			return true
		}
	}
	return false
}

// stored marks a chunk as kept and returns the envelopes it completed.
func (a *arrivals) stored(peer exchange.Domain, address crypto.Digest) (complete []exchange.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, w := range a.waiting {
		if w.peer == peer && w.missing[address] {
			delete(w.missing, address)
			if len(w.missing) == 0 {
				complete = append(complete, id)
			}
		}
	}
	return complete
}

// worse remembers why an envelope cannot be completed, and reports whether that
// is news.
func (a *arrivals) worse(id exchange.ID, trouble string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.waiting[id]
	if w == nil || w.trouble == trouble {
		return w == nil
	}
	w.trouble = trouble
	return true
}

// keepOnly drops arrivals from peer that are not among ids.
func (a *arrivals) keepOnly(peer exchange.Domain, ids []exchange.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, w := range a.waiting {
		if w.peer == peer && !slices.Contains(ids, id) {
			delete(a.waiting, id)
		}
	}
}

// Lead is called when this replica begins to lead, before links open: what
// the last leader knew about chunks may be out of date here.
func (d *Domain) Lead() {
	d.arrivals.reset()
	d.offers.reset()
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
		if err := d.look(ctx, id); err != nil && d.arrivals.worse(id, err.Error()) {
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

// look finds out once which chunks an envelope lacks.
func (d *Domain) look(ctx context.Context, id exchange.ID) error {
	if w := d.arrivals.get(id); w != nil {
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
	d.arrivals.add(id, ex.Via, missing)
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
		open, err := d.arriving(&ex)
		if err != nil {
			return ledger.Command{}, err
		}
		v, err := d.judge(ctx, f, ex.Via, &ex.M, open)
		if err != nil {
			return ledger.Command{}, err
		}
		receipts, err := d.custodyReceipts(&ex.M, ex.Digest, ex.Custody, v)
		return ledger.Command{Revisions: f.revisions, Custody: &ledger.Custody{Exchange: id, Receipts: receipts, Stored: stored}}, err
	})
	if err == nil {
		d.arrivals.drop(id)
	}
	return err
}

// arriving lists the deliveries that were not withdrawn while chunks came in.
func (d *Domain) arriving(ex *ledger.Stored) (open []uint16, err error) {
	err = d.Log.View(func(r ledger.Reader) error {
		for _, i := range ex.Deliveries {
			del, _, err := ledger.DeliveryOf(r, ex.M.ID, i)
			if err != nil {
				return err
			}
			if del.State == exchange.Arriving {
				open = append(open, i)
			}
		}
		return nil
	})
	return open, err
}

// offers remembers which chunks travel to which neighbour.
type offers struct {
	mu    sync.Mutex
	peers map[exchange.Domain]map[crypto.Digest]struct{}
}

func (o *offers) has(peer exchange.Domain, address crypto.Digest) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.peers[peer][address]
	return ok
}

func (o *offers) reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.peers = nil
}

// loadOffers reads anew which exchanges travel to peer. Those that arrived
// drop out.
func (d *Domain) loadOffers(peer exchange.Domain) error {
	chunks := map[crypto.Digest]struct{}{}
	var failed error
	err := d.Log.View(func(r ledger.Reader) error {
		ledger.Offered(r, peer, func(id exchange.ID) bool {
			ex, ok, err := ledger.Find(r, id)
			if err != nil {
				failed = err
				return false
			}
			if ok {
				for _, address := range ex.M.Chunks() {
					chunks[address] = struct{}{}
				}
			}
			return true
		})
		return failed
	})
	if err != nil {
		return err
	}
	d.offers.mu.Lock()
	defer d.offers.mu.Unlock()
	if d.offers.peers == nil {
		d.offers.peers = map[exchange.Domain]map[crypto.Digest]struct{}{}
	}
	d.offers.peers[peer] = chunks
	return nil
}
