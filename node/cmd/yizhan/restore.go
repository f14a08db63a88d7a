package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/backup"
)

const restoreHelp = `Make one replica of a domain from a backup, on a machine where it has no data.

Restore ONE replica, the one that made the backup; others join it afterwards, new
ones under fresh names ("yizhan cluster prepare"). Only do this when no majority of the domain is left: two
lives of one domain contradict each other.

Two secrets are needed that are not in the backup: the offline key, and the key
file or passphrase that opens the domain's key store. Put the latter where unlock
in node.yaml says. Configuration, key store, anchor and certificates that are
there are taken as they are; what is missing is written from the backup. On a
machine with other addresses, write the configuration first (--config-only), edit
it, and restore then.

The domain begins a new life: its superior has to admit it before links open.
Everything appears at the end, when the whole backup has proved good. FILE may be
-, the standard input. The node must not run.`

func newRestoreCommand(a *app) *cobra.Command {
	var f offlineFlags
	var path, anchor string
	var configOnly bool
	c := &cobra.Command{
		Use: "restore FILE --config node.yaml", Short: "Make one replica from a backup on an empty machine", Long: restoreHelp,
		Example: `  yizhan cluster restore 320582.backup --key offline-320582 --passphrase-file pass --config /var/lib/yizhan/county-1/node.yaml
  yizhan cluster restore 320582.backup --key offline-320582 --passphrase-file pass --config ./node.yaml --config-only`,
		Args: cobra.ExactArgs(1),
	}
	f.key(c)
	c.Flags().StringVar(&path, "config", "node.yaml", "the node's configuration `FILE`; written from the backup when it is not there")
	c.Flags().StringVar(&anchor, "anchor", "", "trust anchor `FILE` that must vouch for the signer")
	c.Flags().BoolVar(&configOnly, "config-only", false, "write the configuration, to edit it, and nothing else")
	require(c, "key", "passphrase-file")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		e, err := f.expect()
		if err == nil && anchor != "" {
			var loaded trust.Anchor
			loaded, err = trust.LoadAnchor(anchor)
			e.Anchor = &loaded
		}
		if err != nil {
			return backupError("restore", err)
		}
		return a.restore(cmd.Context(), args[0], path, configOnly, e)
	}
	return c
}

func (a *app) restore(ctx context.Context, file, path string, configOnly bool, e backup.Expect) error {
	in, size, err := a.openInput(file)
	if err != nil {
		return backupError("restore", err)
	}
	defer func() { _ = in.Close() }()
	progress := a.newProgress("restoring", size)
	defer progress.end()
	r := io.TeeReader(in, progress)
	if configOnly {
		return a.restoreConfig(ctx, r, path, e)
	}
	done, err := backup.Restore(ctx, r, backup.RestoreOptions{Expect: e, Config: path, Random: random, Now: exchange.TimeOf(time.Now())})
	progress.end()
	if err != nil {
		return backupError("restore", err)
	}
	return a.print(done, func(w io.Writer) { printRestored(w, done, path) })
}

func (a *app) restoreConfig(ctx context.Context, in io.Reader, path string, e backup.Expect) error {
	if _, err := os.Stat(path); err == nil {
		return backupError("restore", exchange.Errorf(exchange.Conflict, "restore", "%s is there already; nothing is overwritten", path))
	}
	text, st, err := backup.ReadConfig(ctx, in, e)
	if err != nil {
		return backupError("restore", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return backupError("restore", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return backupError("restore", err)
	}
	return a.print(map[string]any{"config": path, "domain": st.Domain, "replica": st.Replica}, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "Written: %s\nEdit: listen, and the address of replica %s under replicas; then the same command without --config-only.\n", clean(path), st.Replica)
	})
}

// printRestored says what was done, honestly what is gone, and what comes next.
func printRestored(w io.Writer, r *backup.Restored, path string) {
	st, c := r.Statement, r.Statement.Contents
	fields(w,
		"restored 已恢复", fmt.Sprintf("%s, replica %s at %s", st.Domain, r.Replica, r.Address), "into", clean(r.Data),
		"written", clean(strings.Join(r.Wrote, " ")),
		"recovery point 恢复点", second(st.Begun)+fmt.Sprintf(", index %d", c.Index),
		"exchanges", fmt.Sprint(c.Exchanges), "content", fmt.Sprintf("%d chunks, %s", c.Chunks, bytesOf(int64(c.ChunkBytes))),
	)
	if c.Missing > 0 {
		_, _ = fmt.Fprintf(w, "\nMissing already in the backup 备份时已缺失: %d chunks of content, of %v\n", c.Missing, c.MissingFrom)
	}
	at := second(st.Begun)
	_, _ = fmt.Fprintf(w, `
What the domain forgot 恢复点之后的情况:
  given back  whatever it had sent to, or received from, %s after %s,
              and the receipts about it, once the link is open again
  lost        what it accepted after that and nobody else had yet: exchanges between its
              own units, what waited in the queue, uploads, and acts (签收, 退文, 撤回)
              whose receipts had not left; policy and statements published since
  twice       a program that repeats a submission made after that, under its old key,
              submits it a second time: keys are not given back; look at "yizhan outbox" first
Tell the units to look through what they sent after %s. 请各单位核对该时间之后的收发件。

`, neighbourWord(c.Neighbours), at, at)
	printNext(w, r, path)
}

func neighbourWord(all []exchange.Domain) string {
	if len(all) == 0 {
		return "its neighbours"
	}
	return joinDomains(all)
}

func printNext(w io.Writer, r *backup.Restored, path string) {
	_, _ = fmt.Fprintf(w, `Next 后续步骤:
  1. yizhan cluster check --config %s
  2. yizhan run --config %s
  3. at the superior: yizhan domain pending, and yizhan domain admit %s   (until then links stay closed)
  4. replicas under fresh names: yizhan cluster prepare --from %s …, then yizhan cluster join
  5. yizhan cluster check --online
`, clean(path), clean(path), r.Statement.Domain, clean(path))
}

// second shows a time to the second, with its zone: a recovery point.
func second(t exchange.Time) string { return t.Std().Local().Format("2006-01-02 15:04:05 -07:00") }

func joinReplicas(all []exchange.Replica) string { return joinText(all) }

func joinText[T ~string](all []T) string {
	var out []string
	for _, d := range all {
		out = append(out, string(d))
	}
	return strings.Join(out, ", ")
}
