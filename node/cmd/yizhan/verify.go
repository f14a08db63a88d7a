package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/audit"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

const (
	opVerify   = "evidence.verify"
	anchorName = "anchor.pem"
)

const verifyHelp = `Check every signature in a file of evidence and tell what it proves. Nothing is
asked over the network, and nothing in the file is believed but what begins at
the trust anchor.

Without --anchor it is anchor.pem beside the client settings; the one that came
with the evidence proves nothing. The answer is in Chinese when the locale is.`

func newEvidenceVerifyCommand(a *app) *cobra.Command {
	var anchor string
	c := &cobra.Command{
		Use: "verify FILE", Short: "Check a file of evidence, offline", Long: verifyHelp,
		Example: "  yizhan evidence verify 昆卫5号.evidence --anchor anchor.pem",
		Args:    cobra.ExactArgs(1),
	}
	c.Flags().StringVar(&anchor, "anchor", "", "`FILE` with the trust anchor of the federation")
	c.RunE = func(_ *cobra.Command, args []string) error { return a.verify(args[0], anchor) }
	return c
}

// verification is the answer to programs.
type verification struct {
	Valid bool `json:"valid"`
	*audit.Report
}

// verify fails with what the verifier found, all of it.
func (a *app) verify(path, anchorPath string) error {
	anchor, err := a.anchor(anchorPath)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return unreadable("the evidence", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return unreadable("the evidence", err)
	}
	report, failure := audit.Verify(f, info.Size(), anchor, audit.Options{})
	err = a.print(verification{failure == nil, report}, func(w io.Writer) {
		_, _ = fmt.Fprint(w, clean(report.Text(locale())))
	})
	if failure != nil {
		return a.shown(failure)
	}
	return err
}

// shown leaves out what the table has told already.
func (a *app) shown(failure error) error {
	var e *exchange.Error
	if a.json() || !errors.As(failure, &e) {
		return failure
	}
	brief := *e
	brief.Problems = nil
	return hinted{&brief, "The evidence does not hold 存证未通过验证; every reason stands above.", ""}
}

// anchor loads the trust anchor: the one named, or the one beside the client
// settings.
func (a *app) anchor(path string) (trust.Anchor, error) {
	if path == "" {
		settings, err := client.FindConfig(a.configFile)
		if err != nil {
			return trust.Anchor{}, usagef("give --anchor FILE: there is no configuration directory to look in")
		}
		path = filepath.Join(filepath.Dir(settings), anchorName)
	}
	anchor, err := trust.LoadAnchor(path)
	if err != nil {
		return anchor, hinted{unreadable("the trust anchor", err), "Give --anchor FILE: the anchor.pem of the federation, from its administrator and not from the sender of the evidence.", ""}
	}
	return anchor, nil
}

func unreadable(what string, err error) error {
	code := exchange.Invalid
	if errors.Is(err, fs.ErrNotExist) {
		code = exchange.NotFound
	}
	return exchange.Errorf(code, opVerify, "%s cannot be read: %w", what, err)
}

// locale is the language of messages (POSIX XBD §8.2).
func locale() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return ""
}
