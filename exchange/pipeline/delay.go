package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/route"
)

const opDelay = "pipeline.delay"

// LookForDelays gives notice of what nobody further on took within DelayAfter,
// and gives up what nobody took within BounceAfter, as its origin or as a relay.
// It returns how many deliveries it gave up. The leader calls it from time to
// time; what is left over is looked at by the next call.
func (d *Domain) LookForDelays(ctx context.Context) (bounced int, err error) {
	if err := d.Log.Current(ctx); err != nil {
		return 0, err
	}
	now := d.Clock()
	if err := d.giveNotice(ctx, now.Add(-d.DelayAfter)); err != nil {
		return 0, err
	}
	for _, w := range d.passedOn(ledger.DelayNoted, now.Add(-d.BounceAfter)) {
		n, err := d.bounce(ctx, w)
		if bounced += n; err != nil {
			return bounced, err
		}
	}
	return bounced, nil
}

func (d *Domain) passedOn(phase byte, before exchange.Time) (out []ledger.Waited) {
	_ = d.Log.View(func(r ledger.Reader) error {
		ledger.Passed(r, phase, before, func(at exchange.Time, id exchange.ID) bool {
			out = append(out, ledger.Waited{Phase: phase, At: at, Exchange: id})
			return len(out) < mostExpired
		})
		return nil
	})
	return out
}

// giveNotice looks at what was passed on before a time: what was taken meanwhile
// is forgotten, for the rest there is an event, once.
func (d *Domain) giveNotice(ctx context.Context, before exchange.Time) error {
	passed := d.passedOn(ledger.DelayNew, before)
	if len(passed) == 0 {
		return nil
	}
	c := &ledger.Delay{}
	err := d.Log.View(func(r ledger.Reader) error {
		for _, w := range passed {
			peer, waits, err := d.waitsFor(r, w.Exchange)
			if err != nil {
				return err
			}
			if !waits {
				c.Taken = append(c.Taken, w)
				continue
			}
			c.Delayed = append(c.Delayed, ledger.Delayed{At: w.At, Exchange: w.Exchange, Peer: peer, Reason: "link " + d.linkWord(peer)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(c.Delayed) > 0 {
		d.Logger.Warn("exchanges are delayed", "exchanges", len(c.Delayed), "first", c.Delayed[0].Exchange, "peer", c.Delayed[0].Peer, "why", c.Delayed[0].Reason)
	}
	_, err = d.propose(ctx, opDelay, func() (ledger.Command, error) { return ledger.Command{Delay: c}, nil })
	return err
}

// waitsFor tells whether any delivery of an exchange waits here to be taken by
// the next station, and which.
func (d *Domain) waitsFor(r ledger.Reader, id exchange.ID) (peer exchange.Domain, waits bool, err error) {
	ex, ok, err := ledger.Find(r, id)
	if err != nil || !ok {
		return "", false, err
	}
	for _, i := range ex.Deliveries {
		del, _, err := ledger.DeliveryOf(r, id, i)
		if err != nil {
			return "", false, err
		}
		if del.WaitsHere(d.Domain) {
			peer, _ = ledger.Toward(r, d.Domain, ex.M.To[i].Unit.Domain())
			return peer, true, nil
		}
	}
	return "", false, nil
}

// bounce gives up what still waits of one exchange.
func (d *Domain) bounce(ctx context.Context, w ledger.Waited) (n int, err error) {
	ex, err := d.stored(w.Exchange)
	if err != nil && exchange.CodeOf(err) != exchange.NotFound {
		return 0, err
	}
	if err == nil {
		_, err = d.propose(ctx, opDelay, func() (ledger.Command, error) {
			groups, voids, err := d.openGroups(&ex, func(del *ledger.Delivery) bool { return del.WaitsHere(d.Domain) })
			if err != nil {
				return ledger.Command{}, err
			}
			c := &ledger.Bounce{Voids: voids}
			n, c.Receipts, err = d.ending(&ex, groups, "delay")
			return ledger.Command{Bounce: c}, err
		})
		if err != nil {
			return 0, err
		}
	}
	_, err = d.propose(ctx, opDelay, func() (ledger.Command, error) {
		return ledger.Command{Delay: &ledger.Delay{Taken: []ledger.Waited{w}}}, nil
	})
	return n, err
}

// linkWord is what the link to a neighbour is doing.
func (d *Domain) linkWord(peer exchange.Domain) string {
	if d.LinkState != nil {
		if s := d.LinkState(peer); s != "" {
			return s
		}
	}
	return "not known here"
}

// late reports whether a delivery waits to be taken for longer than usual.
func (d *Domain) late(del *ledger.Delivery) bool {
	return (del.State == exchange.Accepted || del.State == exchange.Relayed) && d.Clock() > del.At.Add(d.DelayAfter)
}

// delayed tells a sender that a delivery waits longer than usual, where, and, if
// it waits here, what the link is doing.
func (d *Domain) delayed(f *federation, v *exchange.DeliveryView, del *ledger.Delivery) {
	if !d.late(del) {
		return
	}
	v.Delayed = true
	hours := int(time.Duration(d.Clock()-del.At) * time.Millisecond / time.Hour)
	text := fmt.Sprintf("已迟延：在 %s 停留 %d 小时 / delayed: at %s for %d h", del.Where, hours, del.Where, hours)
	if next, ok := route.Next(d.Domain, v.To.Domain(), f.parents); ok && del.Where == d.Domain {
		text += fmt.Sprintf("，链路 / link to %s: %s", next, d.linkWord(next))
	}
	v.Waiting = append(v.Waiting, text)
}
