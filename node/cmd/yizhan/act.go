package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

func newSignCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "sign ID", Short: "Sign for a delivery (签收)",
		Long:    "Sign for a delivery (签收). The sender gets a receipt with your unit, your name and the time.",
		Example: "  yizhan sign '苏府办〔2026〕12号'", Args: cobra.ExactArgs(1),
		RunE: a.with(shortLimit, func(ctx context.Context, c *client.Client, args []string) error {
			out, err := c.Sign(ctx, args[0])
			return a.printOutcome(out, err)
		}),
	}
}

func newReturnCommand(a *app) *cobra.Command {
	var reason, note string
	c := &cobra.Command{
		Use: "return ID --reason REASON --note TEXT", Short: "Send a delivery back with a reason (退文)",
		Long:    "Send a delivery back (退文). The reason is one of the failed checks of 条例 第二十四条:\n\n" + reasonTable(exchange.ReturnReasons()) + "\nThe note is sealed to the sender's domain.",
		Example: "  yizhan return 01KABC --reason routing --note '越级行文，请报送市卫生健康委并抄送我委'",
		Args:    cobra.ExactArgs(1),
	}
	c.Flags().StringVar(&reason, "reason", "", "one of the codes above, or its Chinese text")
	c.Flags().StringVar(&note, "note", "", "explanation for the sender (退文说明)")
	require(c, "reason")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		code, ok := exchange.FindReason(exchange.ReturnReasons(), reason)
		if !ok {
			return usagef("--reason: %q is none of\n%s", reason, reasonTable(exchange.ReturnReasons()))
		}
		return a.within(cmd.Context(), shortLimit, func(ctx context.Context, cl *client.Client) error {
			out, err := cl.Return(ctx, args[0], code, note)
			return a.printOutcome(out, err)
		})
	}
	return c
}

func reasonTable(reasons []exchange.ActReason) string {
	var b strings.Builder
	for _, r := range reasons {
		fmt.Fprintf(&b, "  %-10s  %s\n", r.Code, r.Chinese)
	}
	return b.String()
}

func newRecallCommand(a *app) *cobra.Command {
	var to []string
	var reason string
	c := &cobra.Command{
		Use: "recall ID", Short: "Withdraw what was sent and not yet signed for (撤回)",
		Long: "Withdraw what was sent and not yet signed for (撤回). The reason is one of:\n\n" + reasonTable(exchange.RecallReasons()) +
			"\nIt is readable at every station on the way.",
		Example: "  yizhan recall '昆卫〔2026〕5号' --reason 内容有误\n  yizhan recall 01KABC --to wjw@320500",
		Args:    cobra.ExactArgs(1),
	}
	c.Flags().StringSliceVar(&to, "to", nil, "only from these recipients")
	c.Flags().StringVar(&reason, "reason", "", "one of the codes above, or its Chinese text; may be left out")
	c.RunE = a.with(shortLimit, func(ctx context.Context, cl *client.Client, args []string) error {
		code, ok := exchange.FindReason(exchange.RecallReasons(), reason)
		if !ok && reason != "" {
			return usagef("--reason: %q is none of\n%s", reason, reasonTable(exchange.RecallReasons()))
		}
		out, err := cl.Recall(ctx, args[0], units(to), code)
		return a.printOutcome(out, err)
	})
	return c
}

func newUrgeCommand(a *app) *cobra.Command {
	var to []string
	c := &cobra.Command{
		Use: "urge ID", Short: "Remind recipients that have not signed yet (催办)",
		Example: "  yizhan urge '昆卫〔2026〕5号'", Args: cobra.ExactArgs(1),
	}
	c.Flags().StringSliceVar(&to, "to", nil, "only these recipients")
	c.RunE = a.with(shortLimit, func(ctx context.Context, cl *client.Client, args []string) error {
		out, err := cl.Urge(ctx, args[0], units(to))
		return a.printOutcome(out, err)
	})
	return c
}

func units(names []string) []exchange.Unit {
	var out []exchange.Unit
	for _, n := range names {
		out = append(out, exchange.Unit(n))
	}
	return out
}

func (a *app) printOutcome(o exchange.Outcome, err error) error {
	if err != nil {
		return err
	}
	return a.print(o, func(w io.Writer) {
		receipt := ""
		if o.Receipt != nil {
			receipt = receiptLine(*o.Receipt)
		}
		fields(w, "id", o.ID.String(), "state", stateWord(o.State), "receipt", receipt)
		if o.Replayed {
			_, _ = fmt.Fprintln(w, "It had been done before; this is the original answer. 此前已办理，以上为原回执。")
		}
		printDeliveries(w, o.Deliveries)
	})
}
