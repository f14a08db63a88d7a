package link

import (
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
)

// outbox chooses the next row to send. It reads no further ahead than the
// peer's credit, so that what it holds is what may already be on its way. Only
// the window is shared; everything else belongs to the writing goroutine.
type outbox struct {
	station delivery.Station
	peer    exchange.Domain
	window  *window
	turns   schedule
	read    [exchange.ClassCount]uint64 // last sequence read
	rows    [exchange.ClassCount][]delivery.Row
	stale   [exchange.ClassCount]bool // there may be more than was read
	changed <-chan struct{}
}

func newOutbox(s delivery.Station, peer exchange.Domain, granted Window, have [exchange.ClassCount]uint64) *outbox {
	o := &outbox{station: s, peer: peer, window: newWindow(granted, have), read: have}
	o.refresh()
	return o
}

// refresh takes the change channel before anything is read, so that no change
// falls between.
func (o *outbox) refresh() {
	o.changed = o.station.Changed()
	for c := range o.stale {
		o.stale[c] = true
	}
}

// next returns the row to send now and accounts it, or nil when there is none
// or no credit for it.
func (o *outbox) next() (*delivery.Row, error) {
	if err := o.refill(); err != nil {
		return nil, err
	}
	c, ok := o.turns.pick(func(c exchange.Class) bool {
		return len(o.rows[c]) > 0 && o.window.share(c, len(o.rows[c][0].Message))
	})
	if !ok {
		return nil, nil
	}
	row := o.rows[c][0]
	if !o.window.fits(len(row.Message)) {
		return nil, nil // it keeps its turn: smaller rows must not starve it
	}
	o.turns.took(c)
	o.window.sent(c, len(row.Message))
	o.rows[c] = o.rows[c][1:]
	return &row, nil
}

// refill reads rows of the classes that have run out.
func (o *outbox) refill() error {
	select {
	case <-o.changed:
		o.refresh()
	default:
	}
	for c := range exchange.Class(exchange.ClassCount) {
		if len(o.rows[c]) > 0 || !o.stale[c] {
			continue
		}
		messages, bytes := o.window.room(c)
		if messages == 0 {
			continue
		}
		rows, err := o.station.Next(o.peer, c, o.read[c], messages, bytes)
		if err != nil {
			return err
		}
		if err := o.accept(c, rows); err != nil {
			return err
		}
	}
	return nil
}

// accept checks what the station returned: a gap here would be a gap there.
func (o *outbox) accept(c exchange.Class, rows []delivery.Row) error {
	for _, r := range rows {
		if r.Class != c || r.Sequence != o.read[c]+1 {
			return exchange.Errorf(exchange.Conflict, "link.next", "the peer expects a message that is no longer queued here")
		}
		if len(r.Message) == 0 || len(r.Message) > maxMessage {
			return exchange.Errorf(exchange.Internal, "link.next", "a queued message has %d bytes", len(r.Message))
		}
		o.read[c]++
	}
	o.rows[c] = rows
	o.stale[c] = len(rows) > 0
	return nil
}
