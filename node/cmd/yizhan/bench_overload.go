package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/bench"
	"github.com/yizhan-exchange/yizhan/node/config"
)

const overloadHelp = `Measure what a storm of submissions does to urgent ones.

A city and a county run as six processes, with the limits a node has by default
(but the quota of 特急, which the probe would use up). One more process hands in
everything at once, at low priority: in earnest it would be on other machines.
This process hands in 特急 of the same size ten times a second, before the storm
and during it, each node in turn.

Without --once each of the storm's clients goes on, under the same key and after
the time it is told, until it is accepted. With --once a refusal is final, and
each client hands in something new at once, for as long as --duration.

Exit status: 0 when the 99th percentile of 特急 rose at most threefold, the
memory of every node stayed under limits.memory, ordinary submissions from
outside the storm were accepted or refused within three seconds, and exactly what
was accepted is kept; else 1.`

type overloadFlags struct {
	clients, connections, slow int
	size                       string
	once                       bool
	base, duration, limit      time.Duration
}

func newBenchOverloadCommand(a *app, dir *string) *cobra.Command {
	var f overloadFlags
	c := &cobra.Command{
		Use: "overload", Short: "Measure what a storm does to urgent submissions", Long: overloadHelp, Args: cobra.NoArgs,
		Example: "  yizhan bench overload\n  yizhan bench overload --once --duration 30s -o json",
	}
	c.Flags().IntVar(&f.clients, "clients", 10000, "that submit at the same time")
	c.Flags().IntVar(&f.connections, "connections", 100, "that they share, to each node; 128 calls fit on one")
	c.Flags().IntVar(&f.slow, "slow", 50, "readers that take 16 KiB a second")
	c.Flags().StringVar(&f.size, "size", "64KiB", "of the content of one submission")
	c.Flags().BoolVar(&f.once, "once", false, "refusals are final")
	c.Flags().DurationVar(&f.base, "base", time.Minute, "of measuring before the storm")
	c.Flags().DurationVar(&f.duration, "duration", 30*time.Second, "of the storm, with --once")
	c.Flags().DurationVar(&f.limit, "limit", 10*time.Minute, "after which a storm that does not end is a failure")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.inDir(*dir, func(dir string) error { return a.benchOverload(cmd.Context(), f, dir) })
	}
	return c
}

func (a *app) benchOverload(ctx context.Context, f overloadFlags, dir string) error {
	size, err := config.ParseSize(f.size)
	if err != nil || size < 1 || f.clients < 1 || f.connections < 1 || f.slow < 0 || f.base <= 0 || f.duration <= 0 {
		return usagef("--size is a size such as 64KiB; --clients, --connections, --base and --duration are positive")
	}
	r, err := bench.Overload(ctx, bench.OverloadOptions{
		Dir: dir, Clients: f.clients, Connections: f.connections, Size: int(size), Slow: f.slow, Once: f.once, Base: f.base,
		Duration: f.duration, Limit: f.limit, Progress: func(what string) { _, _ = fmt.Fprintln(a.stderr, what) },
	})
	if err != nil {
		return err
	}
	if err := a.print(r, func(w io.Writer) { showOverload(w, r) }); err != nil {
		return err
	}
	if bad := r.Failures(); len(bad) > 0 {
		return exchange.Errorf(exchange.Exhausted, "bench.overload", "%s", strings.Join(bad, "; "))
	}
	return nil
}

func showOverload(w io.Writer, r bench.OverloadResult) {
	s := r.Storm
	fields(w, "特急 before", percentilesText(r.Base), "under the storm", percentilesText(r.Under), "in its first 16 s", percentilesText(r.First),
		"p99 rose", fmt.Sprintf("%.1f times; %.1f in the first 16 s; at most %.0f is right", r.Ratio, r.RatioFirst, r.Limits.Ratio),
		"storm", fmt.Sprintf("%d handed in, %d accepted, %d refusals, %d failed, %d left, in %s", s.Sent, s.Accepted, s.Refused, s.Failed, s.Waiting, s.Took.Round(time.Millisecond)),
		"time to accept", percentilesText(s.Accept), "bystander refused", refusedAfter(r.Refuse),
		"kept", fmt.Sprintf("%d lost, %d twice; %d probes without an answer", r.Lost, r.Unasked, r.Urgent), "slow readers", bytesOf(s.Read)+" taken")
	t := newTable("NODE", "ANONYMOUS BEFORE", "PEAK", "LIMIT", "CONTENT PEAK", "ADMITTED", "REFUSED")
	for _, n := range r.Nodes {
		content, admitted, refused := "-", "-", "-"
		if n.Load.ContentLimit > 0 {
			content, admitted, refused = bytesOf(n.Load.ContentPeak), fmt.Sprint(n.Load.Admitted), refusedText(n.Load)
		}
		t.add(n.Node, bytesOf(n.Idle), bytesOf(n.Peak), bytesOf(r.Memory), content, admitted, refused)
	}
	t.write(w)
	verdict := "holds"
	if bad := r.Failures(); len(bad) > 0 {
		verdict = "DOES NOT HOLD: " + strings.Join(bad, "; ")
	}
	fields(w, "verdict", verdict)
}

func refusedAfter(l bench.Latency) string {
	if l.Count == 0 {
		return "never"
	}
	return percentilesText(l)
}

// newBenchStormCommand is the process that overload starts.
func newBenchStormCommand(a *app) *cobra.Command {
	var o bench.StormOptions
	c := &cobra.Command{Use: "storm", Short: "Hand in everything at once", Hidden: true, Args: cobra.NoArgs}
	c.Flags().StringVar(&o.Settings, "settings", "", "client.yaml")
	c.Flags().StringVar(&o.Read, "read", "", "what slow readers read")
	c.Flags().IntVar(&o.Clients, "clients", 1, "that submit at the same time")
	c.Flags().IntVar(&o.Connections, "connections", 1, "that they share")
	c.Flags().IntVar(&o.Size, "size", 1, "bytes of one submission")
	c.Flags().IntVar(&o.Slow, "slow", 0, "readers")
	c.Flags().BoolVar(&o.Once, "once", false, "refusals are final")
	c.Flags().DurationVar(&o.Duration, "duration", 0, "of the storm, with --once")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		r, err := bench.Storm(cmd.Context(), o)
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	return c
}
