package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/backup"
)

const backupHelp = `Save a backup (备份) of the domain of the identity: its ledger as it is now, all
content that the ledger refers to, configuration, and the key store, still sealed.

The node that answers makes it, from its own copy; content that it lacks comes
from other replicas. Only the offline key that backup_key in node.yaml names
opens the file. The backup is verified while it arrives, and appears under its
name when it is whole. "-o -" writes to the standard output instead.

Here -o names the file; --json prints the answer for programs.
Exit status: 0 done, 1 failed, or saved without content that no replica has.`

func newBackupCommand(a *app) *cobra.Command {
	var out string
	var force, asJSON bool
	c := &cobra.Command{
		Use: "backup -o FILE", Short: "Save a backup that only an offline key opens", Long: backupHelp,
		Example: `  yizhan cluster backup-key --domain 320582 --out offline-320582 --public backup.pub --passphrase-file pass
  yizhan cluster backup -o 320582-20261130.backup --as bgs@320582/admin
  yizhan cluster backup -o - --as bgs@320582/admin | ssh vault 'cat > 320582.backup'
  yizhan cluster backup verify 320582-20261130.backup --anchor anchor.pem`,
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "", "`FILE` to save to, - for the standard output")
	f.BoolVar(&force, "force", false, "overwrite the file")
	f.BoolVar(&asJSON, "json", false, "print the answer as JSON")
	require(c, "output")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if asJSON {
			a.output = "json"
		}
		return a.within(cmd.Context(), noLimit, func(ctx context.Context, cl *client.Client) error {
			if out == "-" {
				return a.backupTo(ctx, cl, a.stdout, func(st *backup.Statement) error { return complete(st) })
			}
			return a.backupFile(ctx, cl, out, force)
		})
	}
	c.AddCommand(newBackupVerifyCommand(a))
	return c
}

// backupFile saves a backup to a file that appears when it is whole.
func (a *app) backupFile(ctx context.Context, c *client.Client, path string, force bool) error {
	s, err := newSaver(filepath.Dir(path), force)
	if err != nil {
		return err
	}
	defer s.close()
	file, err := s.create(filepath.Base(path))
	if err != nil {
		return err
	}
	saved := ""
	err = a.backupTo(ctx, c, file, func(st *backup.Statement) error {
		if saved, err = file.commit(); err != nil {
			return err
		}
		v := statementView(st)
		v.Path = saved
		if err := a.print(v, func(w io.Writer) {
			printStatement(w, v)
			_, _ = fmt.Fprintf(w, "\nNext: keep it away from these machines, and try it: yizhan cluster backup verify %s --key DIRECTORY --passphrase-file FILE --deep\n", clean(saved))
		}); err != nil {
			return err
		}
		return complete(st)
	})
	if saved == "" {
		file.drop()
	}
	return err
}

// backupTo streams a backup to w and verifies what went by; then is called when
// all of it is good.
func (a *app) backupTo(ctx context.Context, c *client.Client, w io.Writer, then func(*backup.Statement) error) error {
	p, err := sm.New("")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, tee := io.Pipe()
	type verdict struct {
		v   *backup.Verified
		err error
	}
	seen := make(chan verdict, 1)
	go func() {
		v, err := backup.Verify(ctx, r, backup.VerifyOptions{Expect: backup.Expect{Provider: p, Domain: domainOf(c)}})
		_ = r.CloseWithError(err) // ends the stream when it is not what it should be
		seen <- verdict{v, err}
	}()
	progress := a.newProgress("backup", 0)
	err = c.MakeBackup(ctx, io.MultiWriter(tee, w, progress))
	_ = tee.CloseWithError(err) // never fails; nil is the end
	progress.end()
	got := <-seen
	if err != nil {
		return err
	}
	if got.err != nil {
		return backupError("backup", got.err)
	}
	return then(&got.v.Statement)
}

func domainOf(c *client.Client) exchange.Domain {
	as, _ := c.As()
	return as.Domain()
}

// complete refuses to call a backup done that lacks something.
func complete(st *backup.Statement) error {
	n := st.Contents.Missing
	if n == 0 {
		return nil
	}
	return hinted{exchange.Errorf(exchange.Corrupt, "backup", "the backup was saved, and lacks %d chunks of content that no replica could give, of %d exchanges or more", n, len(st.Contents.MissingFrom)),
		"Start the replicas that are down and make another backup; \"yizhan cluster check --online\" tells which exchanges are concerned. 备份已保存，但有内容缺失。", ""}
}

const snapshotHelp = `Let the replica that answers cut back its log now.

A snapshot is a reference: the ledger is durable by itself, so nothing is copied.
Replicas do this by themselves, from time to time; the command is for a disk that
is nearly full, and before a replica joins, which then needs fewer entries. Other
than a backup it saves nothing anywhere else: see "yizhan cluster backup".`

func newSnapshotCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "snapshot", Short: "Cut back the log of a replica now", Long: snapshotHelp,
		Example: "  yizhan cluster snapshot --as bgs@320582/admin", Args: cobra.NoArgs,
		RunE: a.with(shortLimit, func(ctx context.Context, c *client.Client, _ []string) error {
			s, err := c.Snapshot(ctx)
			if err != nil {
				return err
			}
			return a.print(s, func(w io.Writer) {
				fields(w, "replica", string(s.Replica), "snapshot at", fmt.Sprint(s.Index), "applied", fmt.Sprint(s.Applied))
			})
		}),
	}
}

const backupKeyHelp = `Make the pair of keys that protects the backups of a domain (备份密钥).

The private half is sealed under the passphrase in the directory --out. Keep that
directory, a second copy of it and the passphrase away from the domain's machines:
whoever loses them can open no backup, and whoever has both can open every one.
The public half, --public, goes to each node: name it as backup_key in node.yaml.
It opens nothing.`

func newBackupKeyCommand(a *app) *cobra.Command {
	var domain, dir, public, provider string
	var unlock offlineFlags
	c := &cobra.Command{
		Use: "backup-key", Short: "Make the offline key that opens backups", Long: backupKeyHelp,
		Example: "  yizhan cluster backup-key --domain 320582 --out /media/stick/offline-320582 --public backup.pub --passphrase-file pass",
		Args:    cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&domain, "domain", "", "`DOMAIN` that it is for")
	f.StringVar(&dir, "out", "", "`DIRECTORY` for the private half; it must not hold a key")
	f.StringVar(&public, "public", "backup.pub", "`FILE` for the public half")
	f.StringVar(&provider, "provider", "", "emmansun or tjfoc")
	unlock.passphrase(c)
	require(c, "domain", "out", "passphrase-file")
	c.RunE = func(*cobra.Command, []string) error {
		p, lock, err := unlock.open(provider)
		if err != nil {
			return backupError("backup-key", err)
		}
		if _, err := os.Stat(public); err == nil {
			return exchange.Errorf(exchange.Conflict, "backup-key", "%s is there already; nothing is overwritten", public)
		}
		k, err := backup.NewOfflineKey(dir, domain, p, random, lock)
		if err == nil {
			err = backup.SavePublic(public, domain, p, k)
		}
		if err != nil {
			return backupError("backup-key", err)
		}
		v := map[string]any{"domain": domain, "private": dir, "public": public, "key": sm.KeyIDOf(p, k).String()}
		return a.print(v, func(w io.Writer) {
			fields(w, "key", sm.KeyIDOf(p, k).Short(), "private half", clean(dir)+"  keep it and the passphrase offline 离线保存", "public half", clean(public)+"  name it as backup_key in node.yaml of each replica")
		})
	}
	return c
}

// backupError says what is wrong with a backup or a key, and what to do.
func backupError(op string, err error) error {
	var told *exchange.Error
	if errors.As(err, &told) {
		return err
	}
	code, hint := backupVerdict(err)
	return hinted{exchange.Errorf(code, op, "%w", err), hint, ""}
}
