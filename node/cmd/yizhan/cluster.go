package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

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
	c.AddCommand(newCheckCommand(a), newPrepareCommand(a), newJoinCommand(a), newRemoveCommand(a), newTransferCommand(a), newInspectCommand(a), newRecoverCommand(a),
		newBackupCommand(a), newBackupKeyCommand(a), newRestoreCommand(a), newSnapshotCommand(a), newClockCommand(a))
	return c
}

func printDomain(w io.Writer, d exchange.DomainStatus) {
	fields(w,
		"domain", trimJoin(string(d.Domain), d.Name)+" ("+d.Level+")", "replica", string(d.Replica)+", "+d.Role,
		"leader", string(d.Leader), "term", fmt.Sprint(d.Term), "applied", fmt.Sprintf("%d of %d", d.AppliedIndex, d.CommitIndex),
		"exchanges", fmt.Sprint(d.Exchanges), "incarnation", fmt.Sprint(d.Incarnation), "feature level", fmt.Sprint(d.FeatureLevel),
		"ledger time", clock(d.LedgerTime), "health", healthLine(d.Health), "load", loadText(d.Load), "refused", refusedText(d.Load), "set aside", heldText(d.Held), "content", contentText(d.Content), "STOPPED", d.StoppedBecause,
	)
	if len(d.Members) > 0 {
		printMembers(w, d)
	}
	if len(d.Links) > 0 {
		t := newTable("LINK", "", "STATE", "QUEUED", "OLDEST", "SKEW", "LAST ERROR")
		for _, l := range d.Links {
			t.add(string(l.Peer), l.Direction, l.State, fmt.Sprint(l.Queued), duration(l.OldestMs), duration(l.SkewMs), l.LastError)
		}
		t.write(w)
		for _, l := range d.Links {
			if l.Resync != "" {
				_, _ = fmt.Fprintf(w, "%s: %s\n", l.Peer, l.Resync)
			}
		}
	}
}

func heldText(n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d messages; see \"yizhan hold list\"", n)
}

func contentText(c exchange.ContentStatus) string {
	if c.Rounds == 0 && c.Read == 0 {
		return ""
	}
	text := fmt.Sprintf("read again to %s, %d mended, %d swept", clock(c.At), c.Mended, c.Swept)
	if c.Lost > 0 {
		text += fmt.Sprintf("; %d CHUNKS ARE DAMAGED ON EVERY REPLICA: restore them from a backup", c.Lost)
	}
	return text
}

func printMembers(w io.Writer, d exchange.DomainStatus) {
	t := newTable("REPLICA", "ADDRESS", "", "HEARD", "APPLIED", "CONTENT", "LEVEL", "CLOCK", "")
	for _, m := range d.Members {
		word := memberWord(m.Voter, m.Leader)
		if !m.Reached {
			t.add(string(m.Replica), m.Address, word, "-", "-", "-", "-", "-", "does not answer")
			continue
		}
		note := ""
		switch {
		case m.Stopped != "":
			note = "STOPPED: " + m.Stopped
		case m.WaitsFor != "":
			note = "waits: " + m.WaitsFor
		}
		t.add(string(m.Replica), m.Address, word, heard(m), fmt.Sprintf("%d of %d", m.Applied, m.Commit), contentWord(m), fmt.Sprint(m.Supports), duration(m.SkewMs), note)
	}
	t.write(w)
}

func heard(m exchange.MemberStatus) string {
	switch {
	case m.Leader:
		return "leads"
	case m.ContactMs < 0:
		return "never"
	}
	return (time.Duration(m.ContactMs) * time.Millisecond).Round(10 * time.Millisecond).String()
}

func contentWord(m exchange.MemberStatus) string {
	switch {
	case m.Missing > 0:
		return fmt.Sprintf("%d missing", m.Missing)
	case m.Unchecked > 0:
		return fmt.Sprintf("%d to check", m.Unchecked)
	}
	return "complete"
}

var healthWords = map[string]string{
	"healthy": "healthy 正常", "degraded": "degraded 降级", "at_risk": "AT RISK 再坏一个即停", "no_majority": "NO MAJORITY 不足半数",
}

// healthLine is "healthy, can lose 1".
func healthLine(h exchange.Health) string {
	word, ok := healthWords[h.State]
	if !ok {
		return ""
	}
	line := fmt.Sprintf("%s, can lose %d", word, h.CanLose)
	if len(h.Reasons) > 0 {
		line += ": " + strings.Join(h.Reasons, "; ")
	}
	return line
}
