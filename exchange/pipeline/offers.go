package pipeline

import (
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

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
