package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/check"
	"github.com/yizhan-exchange/yizhan/node/config"
)

const checkHelp = `Check what a stopped node keeps, or with --online a domain that runs: every row of
the ledgers against every other, every chunk that an exchange refers to, the audit
tree from its leaves. Nothing is changed.

Offline, --config names node.yaml. With --online the identity's domain is asked
(--config is then client.yaml): every replica checks a copy of its own ledger
while it goes on serving, they are compared with each other, and with what the
neighbours say that they have. It needs room for one copy of the ledger.

Warnings are what a replica that lags behind may show; --strict takes missing
chunks for errors. --content reads every chunk again, --signatures verifies every
manifest and receipt; both take their time.
Exit status: 0 without errors, 1 when there are some or the node is running, 2
when the configuration cannot be used.`

// checkView is what -o json prints.
type checkView struct {
	OK       bool            `json:"ok"`
	Replicas []*check.Report `json:"replicas"`
}

func newCheckCommand(a *app) *cobra.Command {
	var path string
	var o check.Options
	var online bool
	c := &cobra.Command{
		Use: "check --config node.yaml | --online", Short: "Check the stores of a stopped node, or a domain that runs", Long: checkHelp,
		Example: "  yizhan cluster check --config /etc/yizhan/node.yaml --signatures\n  yizhan cluster check --online --as bgs@320582/admin",
		Args:    cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&path, "config", "node.yaml", "the node's configuration `FILE`")
	f.BoolVar(&o.Signatures, "signatures", false, "verify every manifest and receipt")
	f.BoolVar(&o.Content, "content", false, "read every chunk again")
	f.BoolVar(&o.Strict, "strict", false, "a missing chunk is an error")
	f.BoolVar(&online, "online", false, "check the domain of the identity while it runs")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if !online {
			return a.check(cmd.Context(), path, o)
		}
		if f.Changed("config") {
			a.configFile = path
		}
		return a.checkOnline(cmd.Context(), exchange.CheckOptions{Signatures: o.Signatures, Content: o.Content, Strict: o.Strict})
	}
	return c
}

func (a *app) check(ctx context.Context, path string, o check.Options) error {
	conf, err := config.Load(path)
	if err != nil {
		a.printError(err)
		return usageError{} // all is said
	}
	reports, err := check.Node(ctx, conf, o)
	if err != nil {
		return hinted{err, checkHint(err, path), ""}
	}
	v := checkView{OK: true, Replicas: reports}
	for _, r := range reports {
		v.OK = v.OK && r.OK()
	}
	if err := a.print(v, func(w io.Writer) { printReports(w, reports) }); err != nil || v.OK {
		return err
	}
	return hinted{exchange.Errorf(exchange.Corrupt, "check", "what the node keeps does not fit together"),
		"Do not start this node; the other replicas of the domain may be sound. 请勿启动本节点。node/check/DESIGN.md tells what each code means.", ""}
}

func checkHint(err error, path string) string {
	switch {
	case errors.Is(err, check.ErrRunning):
		return "Stop the node first, or check the domain while it runs: --online. 节点正在运行，请先停止，或改用 --online。"
	case errors.Is(err, check.ErrNothing):
		return "This node has never run, or data in " + path + " names another directory. 数据目录为空。"
	}
	return startHint(err, path)
}

func printReports(w io.Writer, reports []*check.Report) {
	for i, r := range reports {
		if i > 0 {
			_, _ = fmt.Fprintln(w)
		}
		n := r.Counts
		fields(w, "domain", string(r.Domain), "replica", string(r.Replica), "applied", fmt.Sprint(r.Index), "digest", r.Digest.Short(),
			"audit", fmt.Sprintf("%d leaves, root %s", n.Leaves, r.AuditRoot.Short()),
			"exchanges", fmt.Sprintf("%d, deliveries %d of which %d ended, receipts %d", n.Exchanges, n.Deliveries, n.Final, n.Receipts),
			"on the way", fmt.Sprintf("%d messages queued, %d deliveries in flight, %d waiting for chunks, %d held", n.Queued, n.InFlight, n.Waiting, n.Held),
			"chunks", fmt.Sprintf("%d inline, %d stored, %d missing, %d unreferenced", n.Inline, n.Chunks, n.Missing, n.Unreferenced+n.Uploading),
			"found", found(r),
		)
		if len(r.Findings) == 0 {
			continue
		}
		t := newTable("SEVERITY", "CODE", "OBJECT", "")
		for _, f := range r.Findings {
			t.add(string(f.Severity), string(f.Code), f.Object, f.Message)
		}
		t.write(w)
		if r.Omitted > 0 {
			_, _ = fmt.Fprintf(w, "… and %d more\n", r.Omitted)
		}
	}
}

func found(r *check.Report) string {
	all := uint64(len(r.Findings)) + r.Omitted
	if all == 0 {
		return "nothing amiss 未发现问题"
	}
	return fmt.Sprintf("%d errors 错误, %d warnings 警告", r.Failed, all-r.Failed)
}
