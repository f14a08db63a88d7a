package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

const domainHelp = `A domain that was restored from a backup, or recovered from the loss of its
majority, begins a new life: its incarnation rises. Its neighbours refuse it
until its superior states the new incarnation in the directory (准予接入), so
that nobody can pass an old copy of a domain off as the domain.

At the superior, an administrator looks what is asked for, makes sure by
telephone that the domain was restored, and admits it. The top domain has no
superior: its own administrator admits it, with its own key.`

func newDomainCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "domain", Short: "Admit a domain that was restored or recovered (准予接入)", Long: domainHelp,
		Example: "  yizhan domain pending --as bgs@320500/admin\n  yizhan domain admit 320582 --incarnation 28799943 --as bgs@320500/admin",
	}
	c.AddCommand(newPendingCommand(a), newAdmitCommand(a))
	return c
}

func newPendingCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "pending", Short: "List the incarnations that neighbours greet with and that nobody admitted yet", Args: cobra.NoArgs,
		Example: "  yizhan domain pending\n  yizhan domain pending -o json",
		RunE: a.with(shortLimit, func(ctx context.Context, c *client.Client, _ []string) error {
			asked, err := c.Asked(ctx)
			if err != nil {
				return err
			}
			if asked == nil {
				asked = []exchange.AskedIncarnation{}
			}
			return a.print(asked, func(w io.Writer) { printAsked(w, asked) })
		}),
	}
}

func printAsked(w io.Writer, asked []exchange.AskedIncarnation) {
	if len(asked) == 0 {
		_, _ = fmt.Fprintln(w, "Nobody waits to be admitted. 没有待准予接入的交换域。")
		return
	}
	t := newTable("DOMAIN", "STATED", "ASKS FOR", "REASON", "ITS STATE IS OF", "SEEN", "ADMITTED BY")
	for _, q := range asked {
		t.add(trimJoin(string(q.Domain), q.Name), fmt.Sprint(q.Stated), fmt.Sprint(q.Incarnation), q.Reason, clock(q.Since), clock(q.At), string(q.By))
	}
	t.write(w)
	for _, q := range asked {
		_, _ = fmt.Fprintf(w, "→ at %s, when you are sure: yizhan domain admit %s --incarnation %d\n", q.By, q.Domain, q.Incarnation)
	}
}

func newAdmitCommand(a *app) *cobra.Command {
	var incarnation uint64
	c := &cobra.Command{
		Use: "admit DOMAIN --incarnation N", Short: "State the raised incarnation of a child in the directory", Args: cobra.ExactArgs(1),
		Example: "  yizhan domain admit 320582 --incarnation 28799943 --as bgs@320500/admin",
	}
	c.Flags().Uint64Var(&incarnation, "incarnation", 0, "the number that `yizhan domain pending` shows")
	require(c, "incarnation")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		child := exchange.Domain(args[0])
		if !child.Valid() {
			return usagef("%q is no domain; write a division code, for example 320582", args[0])
		}
		return a.within(cmd.Context(), shortLimit, func(ctx context.Context, cl *client.Client) error {
			out, err := cl.Admit(ctx, child, incarnation)
			if err != nil {
				return err
			}
			return a.print(out, func(w io.Writer) {
				fields(w, "domain", string(out.Domain), "incarnation", fmt.Sprint(out.Incarnation), "stated in directory", fmt.Sprint(out.Number),
					"next", "its links open by themselves within a minute; yizhan cluster status shows what is given back")
			})
		})
	}
	return c
}
