package apitest

import (
	"context"

	"github.com/yizhan-exchange/yizhan/exchange"
)

var _ exchange.Keeper = (*Desk)(nil)

// Held implements exchange.Keeper.
func (d *Desk) Held(ctx context.Context) ([]exchange.HeldMessage, error) {
	return d.Aside, d.enter(ctx, "Held")
}

// ShowHeld implements exchange.Keeper.
func (d *Desk) ShowHeld(ctx context.Context, number uint64) (exchange.HeldMessage, error) {
	if err := d.enter(ctx, "ShowHeld", number); err != nil {
		return exchange.HeldMessage{}, err
	}
	for _, h := range d.Aside {
		if h.Number == number {
			return h, nil
		}
	}
	return exchange.HeldMessage{}, exchange.Errorf(exchange.NotFound, "desk.held", "no message %d is held", number)
}

// ReleaseHeld implements exchange.Keeper.
func (d *Desk) ReleaseHeld(ctx context.Context, number uint64) (exchange.HeldOutcome, error) {
	return exchange.HeldOutcome{Number: number, Done: "released", Message: "it was processed", State: "arrived"}, d.enter(ctx, "ReleaseHeld", number)
}

// ReturnHeld implements exchange.Keeper.
func (d *Desk) ReturnHeld(ctx context.Context, number uint64, reason string) (exchange.HeldOutcome, error) {
	return exchange.HeldOutcome{Number: number, Done: "returned", Message: "a signed refusal is on its way"}, d.enter(ctx, "ReturnHeld", number, reason)
}
