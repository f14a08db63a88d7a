package test

import (
	"context"
	"fmt"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// downLink returns the domain's link to its child, as its leader sees it.
func downLink(ctx context.Context, f *fleet.Fleet, d exchange.Domain) (exchange.LinkStatus, error) {
	s, err := f.LeaderStatus(ctx, d)
	if err != nil {
		return exchange.LinkStatus{}, err
	}
	for _, l := range s.Links {
		if l.Direction == "down" {
			return l, nil
		}
	}
	return exchange.LinkStatus{}, fmt.Errorf("%s has no link downwards", d)
}

func chunks(ctx context.Context, f *fleet.Fleet, d exchange.Domain, count func(exchange.LinkStatus) uint64) uint64 {
	l, err := downLink(ctx, f, d)
	if err != nil {
		return 0
	}
	return count(l)
}

func disconnected(ctx context.Context, f *fleet.Fleet, d exchange.Domain) error {
	l, err := downLink(ctx, f, d)
	if err == nil && l.State == "connected" {
		err = fmt.Errorf("the link of %s to %s is still connected", d, l.Peer)
	}
	return err
}

func atLeast(n, want uint64) error {
	if n < want {
		return fmt.Errorf("%d of %d", n, want)
	}
	return nil
}

// hasState checks that the only delivery of an exchange has the state.
func hasState(ctx context.Context, c exchange.Service, id exchange.ID, state string) error {
	t, err := c.Track(ctx, id.String())
	if err == nil && (len(t.Deliveries) != 1 || t.Deliveries[0].State != state) {
		err = fmt.Errorf("%s: %+v", id, t.Deliveries)
	}
	return err
}
