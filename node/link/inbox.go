package link

import (
	"sync"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	yizhanv1 "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// inbox holds rows that have arrived and are not committed, and what is to be
// acknowledged. It never holds more than was granted: a peer that sends more
// breaks the protocol. It is safe for concurrent use.
type inbox struct {
	mu        sync.Mutex
	limit     Window // the most ever granted
	held      load   // queued or being committed
	rows      []delivery.Row
	ready     chan struct{}
	committed [exchange.ClassCount]uint64
	due       [exchange.ClassCount]bool // an Ack is to be sent
	granted   Window                    // as last told to the peer
}

func newInbox(limit, granted Window, have [exchange.ClassCount]uint64) *inbox {
	return &inbox{limit: limit, granted: granted, committed: have, ready: make(chan struct{}, 1)}
}

// put queues one row, or fails when the peer overruns its window.
func (b *inbox) put(r delivery.Row) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.held.fits(b.limit, len(r.Message)) {
		return violation("more was sent than was granted")
	}
	b.held.add(len(r.Message))
	b.rows = append(b.rows, r)
	signal(b.ready)
	return nil
}

// take returns what has arrived, as far as one ledger entry holds it.
func (b *inbox) take() []delivery.Row {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, bytes := 0, 0
	for n < len(b.rows) && n < batchRows && (n == 0 || bytes+len(b.rows[n].Message) <= batchBytes) {
		bytes += len(b.rows[n].Message)
		n++
	}
	batch := b.rows[:n:n]
	if b.rows = b.rows[n:]; len(b.rows) == 0 {
		b.rows = nil // lets go of the array
	}
	return batch
}

// keep notes that a batch is durable on a majority.
func (b *inbox) keep(batch []delivery.Row) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range batch {
		b.held.remove(len(r.Message))
		b.committed[r.Class] = max(b.committed[r.Class], r.Sequence)
		b.due[r.Class] = true
	}
}

// regrant asks for an Ack when the peer should know of another grant.
func (b *inbox) regrant(g Window) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if g != b.granted {
		b.due[exchange.ClassControl] = true
		return true
	}
	return false
}

// ack returns the next acknowledgement to send, most urgent class first, or
// nil. It is cumulative: those that a busy stream did not let through in time
// are covered by this one.
func (b *inbox) ack(grant func() Window) *yizhanv1.Ack {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c, due := range b.due {
		if due {
			b.due[c] = false
			b.granted = grant()
			return &yizhanv1.Ack{
				Class: uint32(c), Sequence: b.committed[c],
				CreditBytes: b.granted.Bytes, CreditMessages: b.granted.Messages,
			}
		}
	}
	return nil
}

// signal wakes whoever waits on a channel of capacity one.
func signal(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}
