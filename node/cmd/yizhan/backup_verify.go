package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/backup"
	"github.com/yizhan-exchange/yizhan/node/check"
	"github.com/yizhan-exchange/yizhan/node/config"
)

// random is where keys come from.
var random io.Reader = rand.Reader

// offlineFlags open the offline key.
type offlineFlags struct {
	dir    string
	unlock config.Unlock
}

func (f *offlineFlags) passphrase(c *cobra.Command) {
	c.Flags().StringVar(&f.unlock.PassphraseFile, "passphrase-file", "", "`FILE` with the passphrase of the offline key, mode 0600")
}

func (f *offlineFlags) key(c *cobra.Command) {
	c.Flags().StringVar(&f.dir, "key", "", "`DIRECTORY` of the offline key")
	f.passphrase(c)
}

func (f *offlineFlags) open(provider string) (sm.Provider, trust.Lock, error) {
	p, err := sm.New(provider)
	if err != nil {
		return nil, nil, err
	}
	lock, err := f.unlock.Lock()
	return p, lock, err
}

// expect is what a reader takes: the offline key if one is given.
func (f *offlineFlags) expect() (e backup.Expect, err error) {
	if e.Provider, err = sm.New(""); err != nil || f.dir == "" {
		return e, err
	}
	lock, err := f.unlock.Lock()
	if err != nil {
		return e, err
	}
	e.Opener, err = backup.OpenOfflineKey(f.dir, e.Provider, random, lock)
	return e, err
}

const verifyBackupHelp = `Verify a backup from its beginning to its end, and say what it holds. Nothing is
written, but that --deep needs room for the ledger in --temp.

Without --key its form, order, digests and signature are verified; with the
offline key everything in it is opened and held against its table of contents.
--anchor says whose signature is believed: without it the domain is who its own
certificate says. --deep also checks the ledger row by row, as "cluster check"
does. FILE may be -, the standard input.
Exit status: 0 sound, 1 not sound, or content is missing.`

func newBackupVerifyCommand(a *app) *cobra.Command {
	var f offlineFlags
	var domain, anchor, temp string
	var deep bool
	c := &cobra.Command{
		Use: "verify FILE", Short: "Verify a backup and say what it holds", Long: verifyBackupHelp,
		Example: `  yizhan cluster backup verify 320582.backup --anchor anchor.pem
  yizhan cluster backup verify 320582.backup --key offline-320582 --passphrase-file pass --anchor anchor.pem --deep`,
		Args: cobra.ExactArgs(1),
	}
	f.key(c)
	c.Flags().StringVar(&domain, "domain", "", "`DOMAIN` that it must be of")
	c.Flags().StringVar(&anchor, "anchor", "", "trust anchor `FILE` that must vouch for the signer")
	c.Flags().BoolVar(&deep, "deep", false, "check the ledger in it, too; needs --key")
	c.Flags().StringVar(&temp, "temp", "", "`DIRECTORY` with room for the ledger (the system's)")
	c.MarkFlagsRequiredTogether("key", "passphrase-file")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if deep && f.dir == "" {
			return usagef("--deep needs the offline key: --key DIRECTORY --passphrase-file FILE")
		}
		e, err := f.expect()
		if err == nil && anchor != "" {
			var loaded trust.Anchor
			loaded, err = trust.LoadAnchor(anchor)
			e.Anchor = &loaded
		}
		if err != nil {
			return backupError("backup.verify", err)
		}
		e.Domain = exchange.Domain(domain)
		return a.verifyBackup(cmd.Context(), args[0], backup.VerifyOptions{Expect: e, Deep: deep, Temp: temp})
	}
	return c
}

func (a *app) verifyBackup(ctx context.Context, path string, o backup.VerifyOptions) error {
	in, size, err := a.openInput(path)
	if err != nil {
		return backupError("backup.verify", err)
	}
	defer func() { _ = in.Close() }()
	progress := a.newProgress("verifying", size)
	v, err := backup.Verify(ctx, io.TeeReader(in, progress), o)
	progress.end()
	if err != nil {
		return backupError("backup.verify", err)
	}
	view := statementView(&v.Statement)
	view.Path, view.Signer, view.OfflineKey, view.Program = path, v.Signer.Short(), v.Header.OfflineKey.Short(), v.Header.Program
	view.Verified = verifiedWord(v)
	view.Ledger = v.Report
	if err := a.print(view, func(w io.Writer) {
		printStatement(w, view)
		if v.Report != nil {
			_, _ = fmt.Fprintln(w)
			printReports(w, []*check.Report{v.Report})
		}
	}); err != nil {
		return err
	}
	if v.Report != nil && !v.Report.OK() {
		return exchange.Errorf(exchange.Corrupt, "backup.verify", "the ledger in the backup does not fit together")
	}
	return complete(&v.Statement)
}

// openInput opens a file, or the standard input. The size is 0 when it is not
// known.
func (a *app) openInput(path string) (io.ReadCloser, int64, error) {
	if path == "-" {
		return io.NopCloser(a.stdin), 0, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	i, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, 0, err
	}
	return f, i.Size(), nil
}

func verifiedWord(v *backup.Verified) string {
	words := []string{"form, order, digests, signature"}
	if v.Vouched {
		words = append(words, "the anchor vouches for the signer")
	}
	switch {
	case v.Report != nil:
		words = append(words, "contents, ledger row by row")
	case v.Opened:
		words = append(words, "contents")
	default:
		words = append(words, "not opened: no --key")
	}
	return strings.Join(words, "; ")
}

// backupVerdict classes what a reader says, and tells what to do.
func backupVerdict(err error) (exchange.Code, string) {
	switch {
	case errors.Is(err, backup.ErrTruncated):
		return exchange.Corrupt, "It was broken off while it was written or copied. 备份不完整。Copy it again, or take another."
	case errors.Is(err, backup.ErrDamaged):
		return exchange.Corrupt, "The medium or a transfer changed it. 备份已损坏。Copy it again from where it was kept, or take another."
	case errors.Is(err, backup.ErrOrder), errors.Is(err, backup.ErrMissing), errors.Is(err, backup.ErrExtended):
		return exchange.Corrupt, "Parts were put together wrongly or left out. 备份片段缺失、错序或多余。Take another copy."
	case errors.Is(err, backup.ErrForged), errors.Is(err, backup.ErrSignature), errors.Is(err, backup.ErrUntrusted), errors.Is(err, backup.ErrContents):
		return exchange.Corrupt, "Somebody else may have made or changed it. 备份可能被伪造或篡改。Do not restore it; keep it, and report it."
	case errors.Is(err, backup.ErrKey):
		return exchange.Invalid, "Take the offline key that this backup names. 备份密钥不符。"
	case errors.Is(err, backup.ErrDomain):
		return exchange.Invalid, "This is not the backup you are looking for. 备份属于其他交换域。"
	case errors.Is(err, backup.ErrNotEmpty):
		return exchange.Conflict, "Restore only into an empty directory: move what is there away, it may be the only copy of something. 数据目录非空，请先移走。"
	case errors.Is(err, backup.ErrKeyStore):
		return exchange.Invalid, "Two secrets are needed and neither is in the backup: the offline key, and what opens the key store (unlock in node.yaml). 需要密钥库的密钥文件或口令。"
	case errors.Is(err, backup.ErrHosts):
		return exchange.Invalid, "Use the configuration of a node of this domain, or let the backup's be written: --config-only."
	case errors.Is(err, trust.ErrPassphrase):
		return exchange.Invalid, "The passphrase is not the one that the offline key was sealed under. 口令不正确。"
	case errors.Is(err, trust.ErrPermissions):
		return exchange.Invalid, "Make the file readable by its owner alone. 文件权限过宽。"
	case errors.Is(err, fs.ErrNotExist):
		return exchange.NotFound, "Check the path. 文件不存在。"
	}
	return exchange.Invalid, ""
}
