package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

const joinHelp = `Take a prepared replica into the domain.

The replica was made by "yizhan cluster prepare" and runs. It becomes a non-voter
first: it receives everything and does not count. The leader makes it a voter when
its state and its content have caught up and it has kept up for ten seconds;
"yizhan cluster status" shows what it waits for. --wait waits until then.

A member that runs at another address now is joined again with the new address.`

const removeHelp = `Take a replica out of the domain for good.

If it leads, another leads first. It is refused when fewer than a majority of the
voters that are left are alive, or when content that it holds may not be on a
majority of them. --force removes it although content may be on it alone: for a
replica that is lost for good. Nothing removes the need for a majority; when that
is lost, see "yizhan cluster recover".

The replica learns of it and stops. Its name is never used again: a replacement
joins under a fresh one. Replacing a dead replica: join the new one, wait, remove
the dead one.`

const transferHelp = `Have another replica lead the domain.

Without --to any voter that is up to date takes over. Calls meanwhile wait or are
told to try again; nothing is lost.`

// waitEvery is how often a command that waits looks.
const waitEvery = time.Second

func newJoinCommand(a *app) *cobra.Command {
	var replica, address string
	var wait bool
	c := &cobra.Command{
		Use: "join --replica NAME --address HOST:PORT", Short: "Take a prepared replica into the domain", Long: joinHelp,
		Example: "  yizhan cluster join --replica county-4 --address 10.0.0.4:7444 --wait --as admin@320582", Args: cobra.NoArgs,
	}
	c.Flags().StringVar(&replica, "replica", "", "`NAME` that it was prepared under")
	c.Flags().StringVar(&address, "address", "", "`HOST:PORT` of its peer port")
	c.Flags().BoolVar(&wait, "wait", false, "wait until it votes")
	_ = c.MarkFlagRequired("replica") // fails only for a flag that does not exist
	_ = c.MarkFlagRequired("address")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		limit := shortLimit
		if wait {
			limit = noLimit
		}
		return a.within(cmd.Context(), limit, func(ctx context.Context, c *client.Client) error {
			done, err := c.JoinReplica(ctx, exchange.Replica(replica), address)
			if err == nil && wait {
				done.Members, err = a.untilItVotes(ctx, c, done)
			}
			if err != nil {
				return err
			}
			return a.printChanged(done)
		})
	}
	return c
}

// untilItVotes waits for a promotion and tells meanwhile what it waits for.
func (a *app) untilItVotes(ctx context.Context, c *client.Client, done exchange.MembershipChanged) ([]exchange.Member, error) {
	said := ""
	for {
		members, why, voter, err := look(ctx, c, done)
		if err != nil || voter {
			return members, err
		}
		if why != said {
			said = why
			_, _ = fmt.Fprintf(a.stderr, "%s waits: %s\n", done.Replica, clean(why))
		}
		select {
		case <-time.After(waitEvery):
		case <-ctx.Done():
			return nil, exchange.Errorf(exchange.Unavailable, "cluster.join", "%s was joined and does not vote yet; \"yizhan cluster status\" tells what it waits for", done.Replica)
		}
	}
}

func look(ctx context.Context, c *client.Client, done exchange.MembershipChanged) (members []exchange.Member, why string, voter bool, err error) {
	domains, err := c.ClusterStatus(ctx)
	for _, d := range domains {
		if d.Domain != done.Domain {
			continue
		}
		for _, m := range d.Members {
			members = append(members, exchange.Member{Replica: m.Replica, Address: m.Address, Voter: m.Voter})
			if m.Replica == done.Replica {
				why, voter = m.WaitsFor, m.Voter
			}
		}
	}
	if why == "" {
		why = "the leader has not looked at it yet"
	}
	return members, why, voter, err
}

func newRemoveCommand(a *app) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use: "remove REPLICA", Short: "Take a replica out of the domain for good", Long: removeHelp,
		Example: "  yizhan cluster remove county-2 --as admin@320582", Args: cobra.ExactArgs(1),
	}
	c.Flags().BoolVar(&force, "force", false, "although content may be on it alone")
	c.RunE = a.with(shortLimit, func(ctx context.Context, c *client.Client, args []string) error {
		done, err := c.RemoveReplica(ctx, exchange.Replica(args[0]), force)
		if err != nil {
			return err
		}
		return a.printChanged(done)
	})
	return c
}

func newTransferCommand(a *app) *cobra.Command {
	var to string
	c := &cobra.Command{
		Use: "transfer", Short: "Have another replica lead", Long: transferHelp,
		Example: "  yizhan cluster transfer --to county-2 --as admin@320582", Args: cobra.NoArgs,
	}
	c.Flags().StringVar(&to, "to", "", "`REPLICA` that is to lead; any when left out")
	c.RunE = a.with(shortLimit, func(ctx context.Context, c *client.Client, _ []string) error {
		done, err := c.TransferLeadership(ctx, exchange.Replica(to))
		if err != nil {
			return err
		}
		return a.printChanged(done)
	})
	return c
}

var doneWords = map[string]string{
	"joined": "joined as a non-voter (已加入，暂不表决)", "moved": "is a member at its new address (已更新地址)",
	"unchanged": "is a member already (已是成员)", "removed": "was removed (已移除)", "leads": "leads (已为主)",
}

func (a *app) printChanged(done exchange.MembershipChanged) error {
	return a.print(done, func(w io.Writer) {
		word := doneWords[done.Done]
		if m, ok := exchange.MemberOf(done.Members, done.Replica); ok && m.Voter && done.Done == "joined" {
			word = "has caught up and votes (已跟上并参加表决)"
		}
		_, _ = fmt.Fprintf(w, "%s %s\n", clean(string(done.Replica)), word)
		t := newTable("REPLICA", "ADDRESS", "")
		for _, m := range done.Members {
			t.add(string(m.Replica), m.Address, memberWord(m.Voter, m.Replica == done.Leader))
		}
		t.write(w)
	})
}

func memberWord(voter, leader bool) string {
	switch {
	case leader:
		return "leader"
	case voter:
		return "voter"
	}
	return "non-voter"
}
