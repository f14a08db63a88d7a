package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/raftnode"
	"github.com/yizhan-exchange/yizhan/node/store"
)

const inspectHelp = `Tell what a stopped node knows of its domains: how far its log goes, when the last
entry was written, who the members were, and which entries may not have been
committed. Nothing is changed.

When a majority of a domain is lost, inspect every survivor: the one to recover
from has the highest last term, and among those the highest last index.`

const recoverHelp = `Recover a domain from the loss of a majority, on one survivor, offline.

Only when more than half of the voters are lost for good: their disks, not just
their power. As long as one can come back that makes a majority, bring it back.

The survivor becomes the domain's only replica. Everything in its log is committed,
also what never was acknowledged to anybody. Whatever the lost replicas had
acknowledged without this one is LOST here; the neighbours give back what they
hold. The domain begins a new life: its incarnation is raised, and replicas of the
old life that come back stop themselves as soon as they reach one of the new. Where
they can reach none, they must never be started again: empty their disks.

Recover from ONE survivor, the one that "yizhan cluster inspect" shows to be ahead,
and replace all others by new replicas (prepare, join).

--as-of-survivor says that you mean it, and --confirm names the domain once more.`

func newInspectCommand(a *app) *cobra.Command {
	var path, domain string
	c := &cobra.Command{
		Use: "inspect --config node.yaml", Short: "Tell what a stopped node knows", Long: inspectHelp,
		Example: "  yizhan cluster inspect --config /etc/yizhan/node.yaml", Args: cobra.NoArgs,
	}
	c.Flags().StringVar(&path, "config", "node.yaml", "the node's configuration `FILE`")
	c.Flags().StringVar(&domain, "domain", "", "`DOMAIN`; all that the node hosts when left out")
	c.RunE = func(*cobra.Command, []string) error {
		conf, err := config.Load(path)
		if err != nil {
			a.printError(err)
			return usageError{} // all is said
		}
		found, err := node.Inspect(conf, exchange.Domain(domain))
		if err != nil {
			return hinted{err, offlineHint(err, path), ""}
		}
		return a.print(found, func(w io.Writer) {
			for i, s := range found {
				if i > 0 {
					_, _ = fmt.Fprintln(w)
				}
				printSurvivor(w, s)
			}
		})
	}
	return c
}

func newRecoverCommand(a *app) *cobra.Command {
	var path, domain, confirm string
	var meant bool
	c := &cobra.Command{
		Use: "recover --config node.yaml --domain DOMAIN --as-of-survivor --confirm DOMAIN", Short: "Recover a domain from the loss of a majority", Long: recoverHelp,
		Example: "  yizhan cluster recover --config /etc/yizhan/node.yaml --domain 320582 --as-of-survivor --confirm 320582", Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&path, "config", "node.yaml", "the survivor's configuration `FILE`")
	f.StringVar(&domain, "domain", "", "`DOMAIN` that lost its majority")
	f.BoolVar(&meant, "as-of-survivor", false, "what only the lost replicas knew is given up")
	f.StringVar(&confirm, "confirm", "", "the `DOMAIN` once more")
	_ = c.MarkFlagRequired("domain") // fails only for a flag that does not exist
	c.RunE = func(*cobra.Command, []string) error {
		conf, err := config.Load(path)
		if err != nil {
			a.printError(err)
			return usageError{} // all is said
		}
		return a.recover(conf, path, exchange.Domain(domain), meant && confirm == domain)
	}
	return c
}

// recover shows what is at stake, and does it only when it was confirmed.
func (a *app) recover(conf *config.Node, path string, d exchange.Domain, confirmed bool) error {
	if !confirmed {
		found, err := node.Inspect(conf, d)
		if err != nil {
			return hinted{err, offlineHint(err, path), ""}
		}
		if !a.json() {
			printSurvivor(a.stdout, found[0])
			_, _ = fmt.Fprintln(a.stdout)
		}
		return hinted{exchange.Errorf(exchange.Conflict, "cluster.recover", "nothing was done: recovering gives up whatever only the lost replicas knew, and is for the case that they are lost for good"),
			fmt.Sprintf("If so: yizhan cluster recover --config %s --domain %s --as-of-survivor --confirm %s", path, d, d), ""}
	}
	done, err := node.Recover(conf, d)
	if err != nil {
		return hinted{err, offlineHint(err, path), ""}
	}
	return a.print(done, func(w io.Writer) { printRecovered(w, done, path) })
}

func offlineHint(err error, path string) string {
	switch {
	case errors.Is(err, store.ErrInUse):
		return "Stop the node first: only a stopped node is looked at. 节点正在运行，请先停止。"
	case errors.Is(err, node.ErrNothingKept), errors.Is(err, raftnode.ErrNoLog):
		return "This node has never run, or data in " + path + " names another directory. 数据目录为空。"
	}
	return startHint(err, path)
}

func printSurvivor(w io.Writer, s node.Survivor) {
	written := "unknown"
	if !s.LastWritten.IsZero() {
		written = s.LastWritten.Local().Format(time.DateTime)
	}
	newLife := ""
	if s.NewLife != "" {
		newLife = "begins with the next start: " + s.NewLife
	}
	fields(w, "domain", string(s.Domain), "replica", string(s.Replica), "term", fmt.Sprint(s.Term),
		"last entry", fmt.Sprintf("index %d of term %d, written %s", s.LastLog, s.LastTerm, written),
		"applied", fmt.Sprintf("%d: everything up to here was committed", s.Applied),
		"uncertain", uncertainText(s), "exchanges", fmt.Sprint(s.Exchanges), "ledger time", clock(s.LedgerTime),
		"incarnation", fmt.Sprint(s.Incarnation), "feature level", fmt.Sprint(s.FeatureLevel), "new life", newLife, "LEFT", s.Left)
	t := newTable("REPLICA", "ADDRESS", "")
	for _, m := range s.Members {
		t.add(string(m.Replica), m.Address, memberWord(m.Voter, false))
	}
	t.write(w)
	if len(s.Uncertain) == 0 {
		return
	}
	t = newTable("UNCERTAIN", "TERM", "WRITTEN", "WHAT", "EXCHANGE")
	for _, u := range s.Uncertain {
		at := "-"
		if !u.At.IsZero() {
			at = u.At.Local().Format(time.DateTime)
		}
		t.add(fmt.Sprint(u.Index), fmt.Sprint(u.Term), at, u.Kind, u.Exchange)
	}
	t.write(w)
}

func uncertainText(s node.Survivor) string {
	if len(s.Uncertain) == 0 {
		return "no commands: what the log holds was committed"
	}
	return count(len(s.Uncertain), "command") + " that may not have been committed; recovering commits what is there"
}

func printRecovered(w io.Writer, r node.Recovered, path string) {
	_, _ = fmt.Fprintf(w, "Recovered (已恢复) %s as of %s: this replica is its only one now.\n", r.Domain, r.Replica)
	point := fmt.Sprintf("index %d", r.LastLog)
	if !r.LastWritten.IsZero() {
		point += ", written " + r.LastWritten.Local().Format(time.DateTime)
	}
	fields(w, "recovery point", point,
		"kept", fmt.Sprintf("everything up to index %d, and %s after it that nobody may have been told of", r.Applied, count(len(r.Uncertain), "command")),
		"given up", "whatever the lost replicas acknowledged that is not in this log: it cannot be told from here how much; neighbours give back what they hold")
	_, _ = fmt.Fprintf(w, "Next:\n  yizhan run --config %s        # the domain begins a new life: its incarnation is raised\n", path)
	_, _ = fmt.Fprintln(w, "  yizhan cluster prepare, run and join new replicas under fresh names")
	_, _ = fmt.Fprintln(w, "  never start the lost replicas again where they reach none of the new life: empty their disks (不得再启动旧副本)")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
