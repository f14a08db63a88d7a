package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

func newEvidenceCommand(a *app) *cobra.Command {
	c := &cobra.Command{Use: "evidence", Short: "Export and verify proof of a delivery (存证)"}
	c.AddCommand(newEvidenceExportCommand(a), newEvidenceVerifyCommand(a))
	return c
}

func newEvidenceExportCommand(a *app) *cobra.Command {
	var out, content string
	var force, asJSON bool
	c := &cobra.Command{
		Use: "export ID -o FILE", Short: "Save one file that proves a delivery offline",
		Long: `Save one file that proves a delivery offline: the signed manifest, the receipts,
and the statements of who was who.

--content sealed adds the sealed content as it travelled, none leaves it out, and
disclosed adds the key that opens it: whoever has that file can read the document.
Here -o names the file; --json prints the answer for programs.`,
		Example: "  yizhan evidence export '昆卫〔2026〕5号' -o 昆卫5号.evidence\n  yizhan evidence verify 昆卫5号.evidence --anchor anchor.pem",
		Args:    cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "", "`FILE` to save to")
	f.StringVar(&content, "content", "sealed", "sealed, none or disclosed")
	f.BoolVar(&force, "force", false, "overwrite the file")
	f.BoolVar(&asJSON, "json", false, "print the answer as JSON")
	require(c, "output")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if asJSON {
			a.output = "json"
		}
		if !slices.Contains([]string{"sealed", "none", "disclosed"}, content) {
			return usagef("--content is sealed, none or disclosed, not %q", content)
		}
		return a.within(cmd.Context(), transferLimit(exchange.MaxContent), func(ctx context.Context, cl *client.Client) error {
			return a.export(ctx, cl, args[0], content, out, force)
		})
	}
	return c
}

func (a *app) export(ctx context.Context, c *client.Client, ref, content, path string, force bool) error {
	s, err := newSaver(filepath.Dir(path), force)
	if err != nil {
		return err
	}
	defer s.close()
	file, err := s.create(filepath.Base(path))
	if err != nil {
		return err
	}
	progress := a.newProgress("evidence", 0)
	err = c.ExportEvidence(ctx, ref, content, io.MultiWriter(file, progress))
	progress.end()
	if err != nil {
		file.drop()
		return err
	}
	saved, err := file.commit()
	if err != nil {
		return err
	}
	return a.print(map[string]any{"id": ref, "path": saved, "size": progress.done}, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s  %s\nNext: yizhan evidence verify %s\n", clean(saved), bytesOf(progress.done), clean(saved))
	})
}
