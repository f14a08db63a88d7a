package link

import (
	"sync"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// window accounts what this end has in flight against what the peer granted.
// A grant is the whole amount that may be in flight, not an addition, so a lost
// or repeated one does no harm. It is safe for concurrent use.
type window struct {
	mu      sync.Mutex
	granted Window
	total   load
	patient load // of total, what is less urgent than 特急
	flights [exchange.ClassCount]flight
}

type load struct {
	bytes    uint64
	messages uint32
}

// flight is the sizes of the rows in flight of one class; first is the
// sequence of sizes[0].
type flight struct {
	first uint64
	sizes []int
}

func newWindow(granted Window, have [exchange.ClassCount]uint64) *window {
	w := &window{granted: granted}
	for c, n := range have {
		w.flights[c].first = n + 1
	}
	return w
}

// urgentClass tells which classes may use the last quarter of the window, so
// that they never wait for credit behind ordinary traffic.
func urgentClass(c exchange.Class) bool { return c <= exchange.ClassMostUrgent }

// patientShare is the part of a grant open to the less urgent classes: three
// quarters, and at least one message.
func patientShare(g Window) Window {
	return Window{g.Bytes - g.Bytes/4, g.Messages - g.Messages/4}
}

// fits: a message larger than the whole grant goes alone, or it would never go.
func (l load) fits(g Window, size int) bool {
	return g.Bytes > 0 && l.messages < g.Messages &&
		(l.messages == 0 || l.bytes+uint64(size) <= g.Bytes)
}

// share reports whether the class may send size bytes as far as the reserve for
// urgent classes is concerned.
func (w *window) share(c exchange.Class, size int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return urgentClass(c) || w.patient.fits(patientShare(w.granted), size)
}

// fits reports whether size more bytes may be in flight at all.
func (w *window) fits(size int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.total.fits(w.granted, size)
}

// room returns how much of a class is worth reading now: nothing, or at least
// one message.
func (w *window) room(c exchange.Class) (messages, bytes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := w.total.left(w.granted)
	if !urgentClass(c) {
		share := w.patient.left(patientShare(w.granted))
		left = Window{min(left.Bytes, share.Bytes), min(left.Messages, share.Messages)}
	}
	if left.Messages == 0 {
		return 0, 0
	}
	return int(min(left.Messages, readRows)), int(min(max(left.Bytes, 1), readBytes))
}

// left returns what a load leaves of a grant.
func (l load) left(g Window) Window {
	if !l.fits(g, 0) {
		return Window{}
	}
	return Window{g.Bytes - min(g.Bytes, l.bytes), g.Messages - l.messages}
}

// sent takes a row into account. Rows of a class are sent in order.
func (w *window) sent(c exchange.Class, size int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flights[c].sizes = append(w.flights[c].sizes, size)
	w.total.add(size)
	if !urgentClass(c) {
		w.patient.add(size)
	}
}

// acknowledged releases the rows of a class up to a sequence and returns how
// many. It fails when that row was never sent.
func (w *window) acknowledged(c exchange.Class, upTo uint64) (int, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := &w.flights[c]
	if upTo < f.first {
		return 0, true
	}
	n := upTo - f.first + 1
	if n > uint64(len(f.sizes)) {
		return 0, false
	}
	for _, size := range f.sizes[:n] {
		w.total.remove(size)
		if !urgentClass(c) {
			w.patient.remove(size)
		}
	}
	f.first += n
	f.sizes = append(f.sizes[:0], f.sizes[n:]...) // bounded by the grant
	return int(n), true
}

// grant replaces what the peer allows.
func (w *window) grant(g Window) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.granted = g
}

func (l *load) add(size int)    { l.bytes += uint64(size); l.messages++ }
func (l *load) remove(size int) { l.bytes -= uint64(size); l.messages-- }
