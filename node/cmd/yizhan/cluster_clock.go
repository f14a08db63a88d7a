package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node"
	"github.com/yizhan-exchange/yizhan/node/config"
)

const clockHelp = `Say that the clocks of a domain's replicas are right, on one of their machines,
while the node runs.

The time of a ledger never goes back, and no command moves it by more than four
days, so that one wrong clock cannot end what is on its way. After all machines of a
domain were off for longer, it accepts nothing until somebody says what time it is.

Look at the clocks first (date; chronyc tracking): if they are wrong, everything
whose time limit lies before the wrong time is given up, and that is not undone.
--confirm names the domain.`

func newClockCommand(a *app) *cobra.Command {
	var path, confirm string
	c := &cobra.Command{
		Use: "clock --config node.yaml --confirm DOMAIN", Short: "Say that the clocks are right after a long time off", Long: clockHelp,
		Example: "  yizhan cluster clock --config /etc/yizhan/node.yaml --confirm 320582", Args: cobra.NoArgs,
	}
	c.Flags().StringVar(&path, "config", "node.yaml", "the node's configuration `FILE`")
	c.Flags().StringVar(&confirm, "confirm", "", "the `DOMAIN` whose clocks are right")
	_ = c.MarkFlagRequired("confirm") // fails only for a flag that does not exist
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		conf, err := config.Load(path)
		if err != nil {
			a.printError(err)
			return usageError{} // all is said
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), shortLimit)
		defer cancel()
		if err := node.SayClockIsRight(ctx, conf, exchange.Domain(confirm)); err != nil {
			return err
		}
		done := struct {
			Domain string `json:"domain"`
			Done   string `json:"done"`
		}{confirm, "clock set"}
		return a.print(done, func(w io.Writer) {
			_, _ = io.WriteString(w, "the ledger of "+confirm+" is at the present time 已校准账本时间\n")
		})
	}
	return c
}
