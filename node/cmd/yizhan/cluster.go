package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

func newClusterCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "cluster", Short: "Look after the replicas of a domain"}
	c.AddCommand(&cobra.Command{
		Use: "status", Short: "Show leader, replicas and links of the domains that a node hosts",
		Example: "  yizhan cluster status --as admin@320582", Args: cobra.NoArgs,
		RunE: a.with(shortLimit, func(ctx context.Context, c *client.Client, _ []string) error {
			domains, err := c.ClusterStatus(ctx)
			if err != nil {
				return err
			}
			if domains == nil {
				domains = []exchange.DomainStatus{}
			}
			return a.print(domains, func(w io.Writer) {
				for i, d := range domains {
					if i > 0 {
						_, _ = fmt.Fprintln(w)
					}
					printDomain(w, d)
				}
			})
		}),
	})
	c.AddCommand(newCheckCommand(a))
	return c
}

func printDomain(w io.Writer, d exchange.DomainStatus) {
	fields(w,
		"domain", trimJoin(string(d.Domain), d.Name)+" ("+d.Level+")", "replica", string(d.Replica)+", "+d.Role,
		"leader", string(d.Leader), "term", fmt.Sprint(d.Term), "applied", fmt.Sprintf("%d of %d", d.AppliedIndex, d.CommitIndex),
		"exchanges", fmt.Sprint(d.Exchanges), "incarnation", fmt.Sprint(d.Incarnation), "feature level", fmt.Sprint(d.FeatureLevel),
		"ledger time", clock(d.LedgerTime), "STOPPED", d.StoppedBecause,
	)
	if len(d.Members) > 0 {
		t := newTable("REPLICA", "ADDRESS", "")
		for _, m := range d.Members {
			t.add(string(m.Replica), m.Address, memberWord(m))
		}
		t.write(w)
	}
	if len(d.Links) > 0 {
		t := newTable("LINK", "", "STATE", "QUEUED", "OLDEST", "SKEW", "LAST ERROR")
		for _, l := range d.Links {
			t.add(string(l.Peer), l.Direction, l.State, fmt.Sprint(l.Queued), duration(l.OldestMs), duration(l.SkewMs), l.LastError)
		}
		t.write(w)
	}
}

func memberWord(m exchange.MemberStatus) string {
	switch {
	case m.Leader:
		return "leader"
	case m.Voter:
		return "voter"
	}
	return "non-voter"
}
