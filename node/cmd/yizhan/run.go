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
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/raftnode"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// closeLimit bounds how long a node takes to leave.
const closeLimit = 20 * time.Second

const runHelp = `Run one node in the foreground until it is interrupted.

It prints "ready" on the standard output when it serves, and logs to the standard
error. Everything wrong with its configuration is told at once, with lines.
Exit status: 0 after SIGINT or SIGTERM, 1 when it cannot start or a part of it
failed, 2 when the configuration cannot be used.`

func newRunCommand(a *app) *cobra.Command {
	var path string
	c := &cobra.Command{
		Use: "run --config node.yaml", Short: "Run one node", Long: runHelp,
		Example: "  yizhan run --config /etc/yizhan/node.yaml",
		Args:    cobra.NoArgs,
	}
	c.Flags().StringVar(&path, "config", "node.yaml", "the node's configuration `FILE`")
	c.RunE = func(cmd *cobra.Command, _ []string) error { return a.run(cmd.Context(), path) }
	return c
}

func (a *app) run(ctx context.Context, path string) error {
	conf, err := config.Load(path)
	if err != nil {
		a.printError(err)
		return usageError{} // all is said
	}
	a.keepStdout()
	aimFor(conf.Limits.Memory)
	n, err := node.Start(conf, node.Options{Logger: newLogger(a.stderr, conf.Log), Version: versionText(), ConfigDir: filepath.Dir(path)})
	if err != nil {
		return hinted{err, startHint(err, path), ""}
	}
	_, _ = fmt.Fprintln(a.stdout, "ready")
	select {
	case <-ctx.Done():
		signal.Reset(os.Interrupt, syscall.SIGTERM) // a second signal ends the process at once
	case err = <-n.Failed():
	}
	limit, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	return errors.Join(err, n.Close(limit))
}

// collectAt is by how much the heap grows between collections, in percent of
// what is alive. Go's own 100 has a node of a few MiB collect several times a
// second.
const collectAt = 300

// aimFor has the collector run seldom, and work harder as the process nears the
// memory that it should stay under, unless the environment says otherwise.
func aimFor(memory config.Size) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(int64(memory))
	}
}

// keepStdout sends what libraries print on their own to the standard error:
// the standard output is for what a command says. (gmtls prints handshakes
// that fail.)
func (a *app) keepStdout() {
	if f, ok := a.stdout.(*os.File); ok && f == os.Stdout {
		os.Stdout = os.Stderr
	}
}

// newLogger logs as a node's configuration says.
func newLogger(w io.Writer, c config.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // checked by config.Load; info otherwise
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// startHint tells what to do about a node that does not start.
func startHint(err error, path string) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "Another process listens there. 端口已被占用。Stop it, or change listen in " + path + "."
	case errors.Is(err, store.ErrInUse):
		return "This node runs already. 本节点已在运行。Stop it first; two processes never share one data directory."
	case errors.Is(err, raftnode.ErrWiped):
		return "Its folder was emptied or its disk replaced. 本副本的数据已丢失，不得以原名启动。The other replicas go on without it: remove it there, then prepare and join a new one."
	case errors.Is(err, trust.ErrPassphrase):
		return "The key store is locked with something else. 口令或密钥文件不正确。Check unlock in " + path + "."
	case errors.Is(err, trust.ErrPermissions):
		return "Make the file readable by its owner alone. 文件权限过宽。"
	case errors.Is(err, sm.ErrSelfTest):
		return "The algorithm named above gives wrong answers on this machine; nothing was started. 密码算法自检未通过。Do not use this binary or this machine, and report it."
	case errors.Is(err, os.ErrNotExist):
		return "A file that " + path + " names is missing. 缺少文件。"
	case errors.Is(err, os.ErrPermission):
		return "This user may not read or write a file that " + path + " names. 无权读写文件。"
	}
	if exchange.CodeOf(err) == exchange.Invalid {
		return "Check " + path + "."
	}
	return "The message above tells which part it was."
}
