package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

// reasons for returning a document: the failed checks of 初审 (条例 art. 24).
var reasons = []struct{ code, chinese string }{
	{"not_ours", "不属于本单位办理"},
	{"routing", "不符合行文规则"},
	{"form", "文种或格式不规范"},
	{"not_agreed", "涉及其他部门职权未协商一致"},
	{"drafting", "不符合公文起草的其他要求"},
}

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
		Long:    "Send a delivery back (退文). The reason is one of the failed checks of 条例 第二十四条:\n\n" + reasonTable() + "\nThe note is sealed to the sender's domain.",
		Example: "  yizhan return 01KABC --reason routing --note '越级行文，请报送市卫生健康委并抄送我委'",
		Args:    cobra.ExactArgs(1),
	}
	c.Flags().StringVar(&reason, "reason", "", "one of the codes above, or its Chinese text")
	c.Flags().StringVar(&note, "note", "", "explanation for the sender (退文说明)")
	require(c, "reason")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		code, ok := reasonCode(reason)
		if !ok {
			return usagef("--reason: %q is none of\n%s", reason, reasonTable())
		}
		return a.within(cmd.Context(), shortLimit, func(ctx context.Context, cl *client.Client) error {
			out, err := cl.Return(ctx, args[0], code, note)
			return a.printOutcome(out, err)
		})
	}
	return c
}

func reasonCode(given string) (string, bool) {
	i := slices.IndexFunc(reasons, func(r struct{ code, chinese string }) bool { return given == r.code || given == r.chinese })
	if i < 0 {
		return "", false
	}
	return reasons[i].code, true
}

func reasonTable() string {
	var b strings.Builder
	for _, r := range reasons {
		fmt.Fprintf(&b, "  %-12s%s\n", r.code, r.chinese)
	}
	return b.String()
}

func newRecallCommand(a *app) *cobra.Command {
	var to []string
	var reason string
	c := &cobra.Command{
		Use: "recall ID", Short: "Withdraw what was sent and not yet signed for (撤回)",
		Example: "  yizhan recall '昆卫〔2026〕5号' --reason 附件有误\n  yizhan recall 01KABC --to wjw@320500",
		Args:    cobra.ExactArgs(1),
	}
	c.Flags().StringSliceVar(&to, "to", nil, "only from these recipients")
	c.Flags().StringVar(&reason, "reason", "", "why, for the recipients")
	c.RunE = a.with(shortLimit, func(ctx context.Context, cl *client.Client, args []string) error {
		out, err := cl.Recall(ctx, args[0], units(to), reason)
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
