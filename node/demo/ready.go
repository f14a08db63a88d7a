package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/founding"
)

// pollInterval is short against an election and long against an answer.
const pollInterval = 50 * time.Millisecond

// await asks every domain, over the API that everybody uses, until all are
// ready. It says what is missing when the time is up.
func (d *Demo) await(ctx context.Context) error {
	missing := make(chan error, len(d.Federation.Domains))
	for i := range d.Federation.Domains {
		go func() { missing <- d.awaitDomain(ctx, &d.Federation.Domains[i]) }()
	}
	var errs []error
	for range d.Federation.Domains {
		errs = append(errs, <-missing)
	}
	return errors.Join(errs...)
}

func (d *Demo) awaitDomain(ctx context.Context, domain *founding.Domain) error {
	c, err := d.Client(d.administrator(domain))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	for {
		lacking := d.lacking(ctx, c, domain)
		if lacking == nil {
			return nil
		}
		select {
		case err := <-d.failed:
			d.failed <- err // for whoever asks next
			return err
		case <-ctx.Done():
			return exchange.Errorf(exchange.Unavailable, "demo.start", "%s is not ready: %w", domain.Domain, lacking)
		case <-time.After(pollInterval):
		}
	}
}

// administrator is who may ask for the state of the cluster.
func (d *Demo) administrator(domain *founding.Domain) string {
	for _, p := range domain.Persons {
		for _, duty := range p.Duties {
			if duty == exchange.Administrator {
				return p.Unit + "@" + string(domain.Domain) + "/" + string(p.Person)
			}
		}
	}
	return ""
}

// lacking tells what a domain is still without, nil when it is ready.
func (d *Demo) lacking(ctx context.Context, c *client.Client, domain *founding.Domain) error {
	status, err := d.statusOf(ctx, c, domain.Domain)
	if err != nil {
		return err
	}
	if status.Leader == "" {
		return errors.New("no leader is elected")
	}
	if domain.Parent != "" && !d.linked(domain.Domain, domain.Parent) {
		return fmt.Errorf("the link to %s is not connected", domain.Parent)
	}
	return d.knows(ctx, c, domain)
}

// linked reports whether some replica of a domain holds its link up. Only the
// leader does, and only the node itself knows.
func (d *Demo) linked(domain, parent exchange.Domain) bool {
	for _, n := range d.nodes {
		all, err := n.ClusterStatus(context.Background())
		if err != nil {
			continue
		}
		for _, s := range all {
			for _, l := range s.Links {
				if s.Domain == domain && l.Peer == parent && l.State == "connected" {
					return true
				}
			}
		}
	}
	return false
}

func (d *Demo) statusOf(ctx context.Context, c *client.Client, domain exchange.Domain) (exchange.DomainStatus, error) {
	all, err := c.ClusterStatus(ctx)
	for _, s := range all {
		if s.Domain == domain {
			return s, nil
		}
	}
	return exchange.DomainStatus{}, errors.Join(err, errors.New("no node of it answers"))
}

// knows compares the directory and the policy of a domain with the declaration.
func (d *Demo) knows(ctx context.Context, c *client.Client, domain *founding.Domain) error {
	declared := 0
	for _, other := range d.Federation.Domains {
		declared += len(other.Units)
	}
	units, err := c.Units(ctx, "", declared+1)
	if err != nil {
		return err
	}
	if len(units) < declared {
		return fmt.Errorf("it knows %d of %d units", len(units), declared)
	}
	layers, err := c.PolicyStatus(ctx)
	if err == nil && len(layers) == 0 {
		err = errors.New("it has no policy")
	}
	return err
}
