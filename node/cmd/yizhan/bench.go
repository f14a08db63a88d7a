package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/node/bench"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/demo"
	"github.com/yizhan-exchange/yizhan/node/founding"
)

const benchHelp = `Measure what one filing costs: nine nodes in this process, as "yizhan demo" runs
them, and clients that file cases from county to city over the API.

The cost is the processor time of the whole process, clients included, for each
filing. It is shown beside the floor: the sum of what the primitives alone cost.
It works in a temporary directory unless --dir names one; what the disk is good
for shows in the times, not in the cost.`

type benchFlags struct {
	dir, size, provider string
	clients             int
	duration            time.Duration
}

func newBenchCommand(a *app) *cobra.Command {
	var f benchFlags
	c := &cobra.Command{
		Use: "bench", Short: "Measure what a filing costs", Long: benchHelp,
		Example: "  yizhan bench\n  yizhan bench --clients 128 --duration 30s -o json\n  yizhan bench steps\n  yizhan bench overload",
		Args:    cobra.NoArgs,
	}
	c.PersistentFlags().StringVar(&f.dir, "dir", "", "`DIRECTORY` to work in; a temporary one when left out")
	c.PersistentFlags().StringVar(&f.provider, "provider", "", "of the national algorithms: emmansun or tjfoc")
	c.Flags().IntVar(&f.clients, "clients", 64, "that file at the same time")
	c.Flags().DurationVar(&f.duration, "duration", 10*time.Second, "of filing")
	c.Flags().StringVar(&f.size, "size", "4KiB", "of the content of one filing")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.inDir(f.dir, func(dir string) error { return a.bench(cmd.Context(), f, dir) })
	}
	c.AddCommand(newBenchStepsCommand(a, &f), newBenchOverloadCommand(a, &f.dir), newBenchStormCommand(a))
	return c
}

func newBenchStepsCommand(a *app, f *benchFlags) *cobra.Command {
	return &cobra.Command{
		Use: "steps", Short: "Measure each step of a filing by itself", Args: cobra.NoArgs,
		Long: "Measure each step of a filing by itself, in core-microseconds beside its floor.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.inDir(f.dir, func(dir string) error { return a.benchSteps(cmd.Context(), *f, dir) })
		},
	}
}

// inDir works in a directory, or in a temporary one that is removed.
func (a *app) inDir(dir string, do func(dir string) error) error {
	a.keepStdout()
	if dir != "" {
		return do(dir)
	}
	work, err := os.MkdirTemp("", "yizhan-bench-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	return do(filepath.Join(work, "bench"))
}

func (a *app) bench(ctx context.Context, f benchFlags, dir string) error {
	size, err := config.ParseSize(f.size)
	if err != nil || size < 1 || f.clients < 1 || f.duration <= 0 {
		return usagef("--size is a size such as 4KiB, --clients and --duration are positive")
	}
	d, err := demo.Start(ctx, demo.Options{Dir: dir, Topology: founding.Separate, Provider: f.provider, BasePort: -1, Version: versionText(),
		Heartbeat: 2 * time.Second})
	if err != nil {
		return err
	}
	r, err := bench.Filing(ctx, bench.Options{Client: d.Client, Clients: f.clients, Duration: f.duration, Size: int(size)})
	limit, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	if err := errors.Join(err, d.Close(limit)); err != nil {
		return err
	}
	return a.print(r, func(w io.Writer) { showBench(w, r) })
}

func showBench(w io.Writer, r bench.Result) {
	fields(w, "filings", fmt.Sprintf("%d of %s from %d clients", r.Filings, bytesOf(int64(r.Size)), r.Clients),
		"accepted", fmt.Sprintf("%.0f/s", r.Accepted),
		"arrived", fmt.Sprintf("%.0f/s, receipt back at the county", r.Arrived),
		"cost", fmt.Sprintf("%.0f core-µs each; floor %d, in batches %d", r.CoreMicros, r.FloorAlone, r.FloorBatched),
		"until accepted", percentilesText(r.Accept), "until arrived", percentilesText(r.Arrive))
}

func percentilesText(l bench.Latency) string {
	at := func(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }
	return fmt.Sprintf("p50 %s  p90 %s  p99 %s  max %s  (%d)", at(l.P50), at(l.P90), at(l.P99), at(l.Max), l.Count)
}

func (a *app) benchSteps(ctx context.Context, f benchFlags, dir string) error {
	steps, err := bench.Steps(ctx, f.provider, dir)
	if err != nil {
		return err
	}
	return a.print(steps, func(w io.Writer) {
		t := newTable("STEP", "CORE-µS", "FLOOR", "")
		for _, s := range steps {
			floor := "-"
			if s.Floor > 0 {
				floor = fmt.Sprintf("%.1f", s.Floor)
			}
			t.add(s.Name, fmt.Sprintf("%.1f", s.CoreMicros), floor, s.Note)
		}
		t.write(w)
	})
}
