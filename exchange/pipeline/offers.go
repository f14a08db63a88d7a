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
	peers map[exchange.Domain]*offered
}

// offered is what travels to one neighbour. It is replaced, never changed.
type offered struct {
	exchanges map[exchange.ID][]crypto.Digest
	chunks    map[crypto.Digest]struct{}
}

func (o *offers) has(peer exchange.Domain, address crypto.Digest) bool {
	_, ok := o.of(peer).chunks[address]
	return ok
}

// of returns what is remembered for a neighbour, empty for none.
func (o *offers) of(peer exchange.Domain) *offered {
	o.mu.Lock()
	defer o.mu.Unlock()
	if known := o.peers[peer]; known != nil {
		return known
	}
	return &offered{}
}

func (o *offers) set(peer exchange.Domain, now *offered) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.peers == nil {
		o.peers = map[exchange.Domain]*offered{}
	}
	o.peers[peer] = now
}

func (o *offers) reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.peers = nil
}

// loadOffers reads anew which exchanges travel to peer. Those that arrived
// drop out; of those that were there before nothing is read again, for a long
// queue is asked for once for each exchange that joins it.
func (d *Domain) loadOffers(peer exchange.Domain) error {
	before := d.offers.of(peer)
	now := &offered{exchanges: map[exchange.ID][]crypto.Digest{}, chunks: map[crypto.Digest]struct{}{}}
	var failed error
	err := d.Log.View(func(r ledger.Reader) error {
		ledger.Offered(r, peer, func(id exchange.ID) bool {
			chunks, known := before.exchanges[id]
			if !known {
				chunks, failed = chunksOf(r, id)
			}
			now.add(id, chunks)
			return failed == nil
		})
		return failed
	})
	if err == nil {
		d.offers.set(peer, now)
	}
	return err
}

func (o *offered) add(id exchange.ID, chunks []crypto.Digest) {
	if len(chunks) == 0 {
		return
	}
	o.exchanges[id] = chunks
	for _, address := range chunks {
		o.chunks[address] = struct{}{}
	}
}

// chunksOf returns the chunks of an exchange, none when it is not there.
func chunksOf(r ledger.Reader, id exchange.ID) ([]crypto.Digest, error) {
	ex, ok, err := ledger.Find(r, id)
	if err != nil || !ok {
		return nil, err
	}
	return ex.M.Chunks(), nil
}
