package pipeline

import (
	"slices"
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// arrivals remembers which chunks waiting envelopes still lack. It is a cache
// of what the ledger and the stores say, built when first asked and rebuilt
// after a change of leader.
type arrivals struct {
	mu      sync.Mutex
	waiting map[exchange.ID]*arrival
}

type arrival struct {
	from    map[exchange.Domain]bool // neighbours that the ledger waits for: more than one may give an exchange back
	order   []crypto.Digest
	missing map[crypto.Digest]bool
	trouble string // why it could not be completed when last tried
}

func (a *arrivals) get(id exchange.ID) *arrival {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.waiting[id]
}

// add begins to wait for chunks that peer may have, or waits for them from this
// peer as well.
func (a *arrivals) add(id exchange.ID, peer exchange.Domain, missing []crypto.Digest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waiting == nil {
		a.waiting = map[exchange.ID]*arrival{}
	}
	if w := a.waiting[id]; w != nil {
		w.from[peer] = true
		return
	}
	w := &arrival{from: map[exchange.Domain]bool{peer: true}, order: missing, missing: map[crypto.Digest]bool{}}
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
		if w.from[peer] && w.missing[address] {
			return true
		}
	}
	return false
}

// stored marks a chunk as kept and returns the envelopes it completed.
func (a *arrivals) stored(address crypto.Digest) (complete []exchange.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, w := range a.waiting {
		if w.missing[address] { // it is here, whoever brought it
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

// keepOnly waits for nothing of peer but what is among ids.
func (a *arrivals) keepOnly(peer exchange.Domain, ids []exchange.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, w := range a.waiting {
		if !w.from[peer] || slices.Contains(ids, id) {
			continue
		}
		if delete(w.from, peer); len(w.from) == 0 {
			delete(a.waiting, id)
		}
	}
}
