package sim

import (
	"context"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
)

// tellClosed lets the station know that the session is over, as node/link does;
// sometimes nobody does, as when a process falls.
func (e *end) tellClosed() {
	c, ok := e.p.station.(delivery.Closer)
	if !ok || !e.p.leading || e.p.gone() != nil || e.w.rng.IntN(8) == 0 {
		return
	}
	e.w.spawn("close", func() {
		err := c.Closed(context.Background(), e.session)
		e.w.expect("the end of a session", err, exchange.Unavailable, exchange.Unknown)
	})
}

// closeLinks ends, at the beginning of a reign, what the leader before left open.
func (p *proc) closeLinks() {
	p.w.spawn("close links", func() {
		err := p.domain.CloseLinks(context.Background())
		p.w.expect("closing what was left open", err, exchange.Unavailable, exchange.Unknown)
	})
}

// countVoid counts rows that were withdrawn before they were sent, repetitions
// included.
func (w *world) countVoid(row delivery.Row) {
	if m, err := exchange.Decode[exchange.Message](row.Message); err == nil && m.Void != nil {
		w.stats.Voids++
	}
}
