package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/demo"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/store"
	"github.com/yizhan-exchange/yizhan/node/tour"
)

const demoHelp = `Run three levels of government on this machine: a province, a city and a county,
each with a general office and a health commission. All nodes run in this one
process, with the ports, keys and disks that separate ones would have.

It prints what is running, "ready" on a line of its own, and what to try next,
and runs until Ctrl-C. The directory is kept: the next demo goes on with it.

--once plays a tour instead and exits 0 only if every step held: a filing up, a
document down, refusals, a relay, a recall, a retry, and evidence that a separate
process verifies. It works in a temporary directory unless --dir names one.

In the topology separate (9 nodes) each domain has three nodes of its own; in
joint (3 nodes) each node hosts a replica of all three domains.`

// demoFlags are the flags of demo.
type demoFlags struct {
	dir, topology, provider string
	once                    bool
	basePort                int
}

func newDemoCommand(a *app) *cobra.Command {
	var f demoFlags
	c := &cobra.Command{
		Use: "demo", Short: "Run three levels of government on this machine", Long: demoHelp,
		Example: "  yizhan demo\n  yizhan demo --once\n  yizhan demo --topology joint --dir /tmp/joint",
		Args:    cobra.NoArgs,
	}
	c.Flags().StringVar(&f.dir, "dir", "yizhan-demo", "`DIRECTORY` to keep it in")
	c.Flags().BoolVar(&f.once, "once", false, "play the tour and exit")
	c.Flags().StringVar(&f.topology, "topology", string(founding.Separate), "separate or joint")
	c.Flags().StringVar(&f.provider, "provider", sm.Emmansun, "of the national algorithms: emmansun or tjfoc")
	c.Flags().IntVar(&f.basePort, "base-port", founding.SamplePort, "first `PORT`, ten for each node; 0 chooses free ones, as --once does")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		f.basePort = freeWhenZero(f.basePort, f.once && !cmd.Flags().Changed("base-port"))
		return a.demo(cmd.Context(), f, cmd.Flags().Changed("dir"))
	}
	return c
}

// freeWhenZero turns the flag into the option of package demo, where negative
// means free ports.
func freeWhenZero(port int, free bool) int {
	if free || port == 0 {
		return -1
	}
	return port
}

func (f demoFlags) check() error {
	if !slices.Contains([]string{string(founding.Separate), string(founding.Joint)}, f.topology) {
		return usagef("--topology is separate or joint, not %q", f.topology)
	}
	if !slices.Contains([]string{sm.Emmansun, sm.TJFOC}, f.provider) {
		return usagef("--provider is emmansun or tjfoc, not %q", f.provider)
	}
	return nil
}

func (a *app) demo(ctx context.Context, f demoFlags, named bool) error {
	if err := f.check(); err != nil {
		return err
	}
	a.keepStdout()
	if f.once && !named {
		work, err := os.MkdirTemp("", "yizhan-demo-*")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(work) }()
		f.dir = filepath.Join(work, "federation")
	}
	log, err := openLog(f.dir)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	d, err := demo.Start(ctx, demo.Options{
		Dir: f.dir, Topology: founding.Topology(f.topology), Provider: f.provider, BasePort: f.basePort,
		Logger: slog.New(slog.NewTextHandler(log, nil)), Version: versionText(),
	})
	if err != nil {
		return demoFailed(err, f, log.Name())
	}
	if f.once {
		err = a.tour(ctx, d)
	} else {
		err = a.serve(ctx, d, log.Name())
	}
	limit, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	return errors.Join(err, d.Close(limit))
}

// openLog opens the log of the nodes, beside the federation: a directory that
// is to become one must be empty.
func openLog(dir string) (*os.File, error) {
	path, err := filepath.Abs(filepath.Clean(dir) + ".log")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

func demoFailed(err error, f demoFlags, log string) error {
	hint := "The nodes log to " + log + "."
	switch {
	case errors.Is(err, store.ErrInUse):
		hint = "This demo runs already. 演示已在运行。Stop it with Ctrl-C, or give another --dir with --base-port 0."
	case errors.Is(err, syscall.EADDRINUSE):
		hint = "Another process listens there, perhaps another demo. 端口已被占用。The ports of a directory stay the same: stop that process, or give another --dir with --base-port 0."
	case exchange.CodeOf(err) == exchange.Conflict:
		hint = "Give another --dir, or remove " + f.dir + " to begin anew."
	}
	return hinted{err, hint, ""}
}

// tour plays the tour; the binary that verifies evidence is this one.
func (a *app) tour(ctx context.Context, d *demo.Demo) error {
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "yizhan-tour-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	out := a.stdout
	if a.json() {
		out = io.Discard
	} else {
		_, _ = fmt.Fprintf(out, "%d nodes, %s, %s; ready after %s\n\n", len(d.Nodes), d.Federation.Topology, d.Provider, d.Startup.Round(time.Millisecond))
	}
	r, err := tour.Play(ctx, tour.Options{Client: d.Client, Anchor: d.Anchor(), Verifier: binary, Dir: work, Out: out})
	if err == nil && a.json() {
		err = a.print(r, nil)
	}
	if err == nil && !r.OK() {
		err = exchange.Errorf(exchange.Internal, "demo.tour", "%d steps did not hold 有步骤不成立", r.Failed+r.Skipped)
	}
	return err
}

// serve shows what is running until it is interrupted.
func (a *app) serve(ctx context.Context, d *demo.Demo, log string) error {
	try, err := writeSample(d)
	if err != nil {
		return err
	}
	if err := a.print(demoViewOf(d, log, try), func(w io.Writer) { showDemo(w, d, log) }); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(a.stdout, "ready")
	if !a.json() {
		_, _ = fmt.Fprintf(a.stdout, "\nTry, in another terminal 在另一个终端中试试:\n  %s\n\nCtrl-C stops it.\n", strings.Join(try, "\n  "))
	}
	select {
	case <-ctx.Done():
		signal.Reset(os.Interrupt, syscall.SIGTERM) // a second signal ends the process at once
		return nil
	case err := <-d.Failed():
		return err
	}
}
