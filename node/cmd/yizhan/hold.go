package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

const holdHelp = `Messages of neighbours that could not be processed are set aside, so that the
link goes on (隔离件). A message that does not verify is held at once; one that
nobody can judge is tried again first, 20 times, each time it is its turn.

Looking is for system administrators and auditors, acting for administrators.
Both are recorded in the audit log.`

func newHoldCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use: "hold", Short: "Look after messages that could not be processed (隔离件)", Long: holdHelp,
		Example: "  yizhan hold list --as bgs@320500/admin\n  yizhan hold show 3\n  yizhan hold release 3\n  yizhan hold return 3 --reason unverifiable",
	}
	c.AddCommand(newHoldListCommand(a), newHoldShowCommand(a), newHoldReleaseCommand(a), newHoldReturnCommand(a))
	return c
}

func newHoldListCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List what is held: from whom, since when, why", Args: cobra.NoArgs,
		Example: "  yizhan hold list\n  yizhan hold list -o json",
		RunE: a.with(shortLimit, func(ctx context.Context, c *client.Client, _ []string) error {
			held, err := c.Held(ctx)
			if err != nil {
				return err
			}
			if held == nil {
				held = []exchange.HeldMessage{}
			}
			return a.print(held, func(w io.Writer) { printHeld(w, held) })
		}),
	}
}

func printHeld(w io.Writer, held []exchange.HeldMessage) {
	if len(held) == 0 {
		_, _ = fmt.Fprintln(w, "Nothing is held. 没有隔离件。")
		return
	}
	t := newTable("ID", "PEER", "KIND", "EXCHANGE", "SINCE", "TRIES", "REASON")
	for _, h := range held {
		t.add(fmt.Sprint(h.Number), string(h.Peer), trimJoin(h.Kind, h.Says), h.Exchange, clock(h.At), fmt.Sprint(max(h.Tries, 1)), h.Reason)
	}
	t.write(w)
}

func newHoldShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show one held message and what can be done about it, without its content", Args: cobra.ExactArgs(1),
		Example: "  yizhan hold show 3",
		RunE: a.onHeld(func(ctx context.Context, c *client.Client, number uint64) error {
			h, err := c.ShowHeld(ctx, number)
			if err != nil {
				return err
			}
			return a.print(h, func(w io.Writer) {
				fields(w, "id", fmt.Sprint(h.Number), "from neighbour", string(h.Peer), "kind", trimJoin(h.Kind, h.Says), "reason", h.Reason,
					"since", clock(h.At), "attempts", fmt.Sprint(max(h.Tries, 1)), "queue", fmt.Sprintf("%s, number %d", h.Class, h.Sequence),
					"size", bytesOf(int64(h.Size)), "SM3", h.Digest, "exchange", h.Exchange, "signed by", string(h.By), "sender", string(h.From), "to", joinUnits(h.To, 8))
				for _, r := range h.Remedy {
					_, _ = fmt.Fprintln(w, "→ "+r)
				}
			})
		}),
	}
}

func newHoldReleaseCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "release ID", Short: "Process a held message again, judged anew", Args: cobra.ExactArgs(1),
		Example: "  yizhan hold release 3",
		RunE: a.onHeld(func(ctx context.Context, c *client.Client, number uint64) error {
			out, err := c.ReleaseHeld(ctx, number)
			return a.printHeldOutcome(out, err)
		}),
	}
}

func newHoldReturnCommand(a *app) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use: "return ID --reason REASON", Short: "Give a held message up; the sender of an exchange gets a signed refusal",
		Long: "Give a held message up. The origin of an exchange gets a receipt REFUSED (规则拦截), signed by this domain, with one of these reasons:\n\n" +
			reasonTable(exchange.HoldReasons()) + "\nAnything else, and what nobody can be shown to have sent, is dropped.",
		Example: "  yizhan hold return 3 --reason unverifiable", Args: cobra.ExactArgs(1),
	}
	c.Flags().StringVar(&reason, "reason", "", "one of the codes above, or its Chinese text")
	require(c, "reason")
	c.RunE = a.onHeld(func(ctx context.Context, cl *client.Client, number uint64) error {
		code, ok := exchange.FindReason(exchange.HoldReasons(), reason)
		if !ok {
			return usagef("--reason: %q is none of\n%s", reason, reasonTable(exchange.HoldReasons()))
		}
		out, err := cl.ReturnHeld(ctx, number, code)
		return a.printHeldOutcome(out, err)
	})
	return c
}

// onHeld runs a command about one held message.
func (a *app) onHeld(do func(ctx context.Context, c *client.Client, number uint64) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		number, err := strconv.ParseUint(args[0], 10, 32)
		if err != nil {
			return usagef("%q is not the number of a held message; `yizhan hold list` shows them", args[0])
		}
		return a.within(cmd.Context(), shortLimit, func(ctx context.Context, c *client.Client) error { return do(ctx, c, number) })
	}
}

func (a *app) printHeldOutcome(o exchange.HeldOutcome, err error) error {
	if err != nil {
		return err
	}
	return a.print(o, func(w io.Writer) {
		fields(w, "id", fmt.Sprint(o.Number), "done", o.Done+": "+o.Message+" "+o.Chinese, "exchange", o.Exchange, "state", stateWord(o.State))
	})
}
