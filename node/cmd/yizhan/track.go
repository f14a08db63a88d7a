package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

const trackHelp = `Tell where each delivery is, with the receipts that prove it.

States: held 待审核, accepted 平台已收存, relayed 已中转, arrived 待签收, signed 已签收,
returned 已退文, recalled 已撤回, refused 规则拦截, bounced 无法投递, expired 已过期.

--watch prints every change until all deliveries are final; with -o json, one
object a line.`

func newTrackCommand(a *app) *cobra.Command {
	var watch bool
	c := &cobra.Command{
		Use: "track ID", Short: "Tell where an exchange is, with its receipts (回执)",
		Long: trackHelp, Example: "  yizhan track '昆卫〔2026〕5号'\n  yizhan track 01KABC --watch", Args: cobra.ExactArgs(1),
	}
	c.Flags().BoolVarP(&watch, "watch", "w", false, "go on until all deliveries are final")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if watch {
			return a.within(cmd.Context(), noLimit, func(ctx context.Context, cl *client.Client) error {
				return cl.Watch(ctx, args[0], a.printChange)
			})
		}
		return a.within(cmd.Context(), shortLimit, func(ctx context.Context, cl *client.Client) error {
			t, err := cl.Track(ctx, args[0])
			if err != nil {
				return err
			}
			return a.print(t, func(w io.Writer) { printTracking(w, t) })
		})
	}
	return c
}

func (a *app) printChange(t exchange.Tracking) error {
	if a.json() {
		return a.printLine(t)
	}
	printTracking(a.stdout, t)
	_, err := fmt.Fprintln(a.stdout)
	return err
}

func printTracking(w io.Writer, t exchange.Tracking) {
	_, _ = fmt.Fprintf(w, "%s  as of %s%s\n", t.ID, clock(t.AsOf), finalWord(t.Final))
	printDeliveries(w, t.Deliveries)
	for _, d := range t.Deliveries {
		if len(d.Receipts) == 0 {
			continue
		}
		_, _ = fmt.Fprintf(w, "receipts 回执 %s\n", clean(string(d.To)))
		for _, r := range d.Receipts {
			_, _ = fmt.Fprintln(w, "  "+clean(receiptLine(r)))
		}
	}
}

func printDeliveries(w io.Writer, deliveries []exchange.DeliveryView) {
	if len(deliveries) == 0 {
		return
	}
	t := newTable("TO", "NAME", "ROLE", "STATE", "TIME", "WHERE", "WAITS FOR")
	for _, d := range deliveries {
		t.add(string(d.To), d.ToName, roleWord(d.Role), stateWord(d.State), clock(d.At), string(d.Where), strings.Join(d.Waiting, "; "))
	}
	t.write(w)
}

func finalWord(final bool) string {
	if final {
		return ", final 流转完毕"
	}
	return ""
}

func roleWord(role string) string {
	switch role {
	case "main":
		return "主送"
	case "copy":
		return "抄送"
	}
	return role
}

// receiptLine tells a receipt in one line.
func receiptLine(r exchange.ReceiptView) string {
	parts := []string{stateWord(r.State), clock(r.At), string(r.Domain)}
	if r.Unit != "" || r.Person != "" {
		parts = append(parts, strings.Trim(string(r.Unit)+"/"+string(r.Person), "/"))
	}
	if len(r.Reasons) > 0 {
		parts = append(parts, strings.Join(r.Reasons, ","))
	}
	if r.Note != "" {
		parts = append(parts, "“"+r.Note+"”")
	}
	if r.Signed.Key != (crypto.KeyID{}) {
		parts = append(parts, "key "+r.Signed.Key.Short())
	}
	return strings.Join(parts, "  ")
}
