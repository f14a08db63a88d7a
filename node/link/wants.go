package link

import (
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
)

const (
	maxDeferred = 4096            // addresses set aside; beyond it nothing is asked for
	settle      = 2 * time.Second // a stored chunk may still be listed as wanted for a moment
	maxDefer    = time.Minute
)

// wants keeps which chunks are asked for and which are set aside because the
// peer did not have them, or because they have just been stored. It is safe
// for concurrent use.
type wants struct {
	mu       sync.Mutex
	limit    int
	inFlight map[crypto.Digest]bool // true once it has arrived and is being stored
	deferred map[crypto.Digest]deferral
	pause    deferral // nothing is asked for until then: the store cannot take it
}

type deferral struct {
	until    time.Time
	failures int
}

func (d deferral) again(now time.Time) deferral {
	wait := min(time.Second<<min(d.failures, 16), maxDefer)
	return deferral{now.Add(wait), d.failures + 1}
}

func newWants(limit int) *wants {
	return &wants{limit: limit, inFlight: map[crypto.Digest]bool{}, deferred: map[crypto.Digest]deferral{}}
}

// free tells that another chunk may be asked for.
func (w *wants) free(now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.prune(now)
	return len(w.inFlight) < w.limit && len(w.deferred) < maxDeferred && !now.Before(w.pause.until)
}

// prune drops what need not be remembered: stored chunks once they have
// settled, absent ones when nobody has asked for them again in long.
func (w *wants) prune(now time.Time) {
	for d, f := range w.deferred {
		if late := now.Sub(f.until); late > maxDefer || (late >= 0 && f.failures == 0) {
			delete(w.deferred, d)
		}
	}
}

// choose marks as many of the wanted chunks in flight as there is room for, in
// the station's order, and returns them.
func (w *wants) choose(wanted []crypto.Digest, now time.Time) (ask []crypto.Digest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range wanted {
		if len(w.inFlight) >= w.limit {
			break
		}
		if _, flying := w.inFlight[d]; flying || now.Before(w.deferred[d].until) {
			continue
		}
		w.inFlight[d] = false
		ask = append(ask, d)
	}
	return ask
}

// arrived accepts a chunk that was asked for, once.
func (w *wants) arrived(d crypto.Digest) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	stored, asked := w.inFlight[d]
	if !asked || stored {
		return false
	}
	w.inFlight[d] = true
	return true
}

// missing sets aside a chunk that was asked for and did not come.
func (w *wants) missing(d crypto.Digest, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if arrived, asked := w.inFlight[d]; !asked || arrived {
		return false
	}
	delete(w.inFlight, d)
	w.deferred[d] = w.deferred[d].again(now)
	return true
}

// stored ends the way of a chunk.
func (w *wants) stored(d crypto.Digest, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.inFlight, d)
	w.deferred[d] = deferral{until: now.Add(settle)}
	w.pause = deferral{}
}

// rejected sets aside a chunk that the station refused. With all set, the
// station can take none for a while.
func (w *wants) rejected(d crypto.Digest, all bool, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.inFlight, d)
	if all {
		if !now.Before(w.pause.until) { // those that were under way count once
			w.pause = w.pause.again(now)
		}
		return
	}
	w.deferred[d] = w.deferred[d].again(now)
}
