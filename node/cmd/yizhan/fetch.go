package main

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

func newFetchCommand(a *app) *cobra.Command {
	var out string
	var force bool
	var numbers []int
	c := &cobra.Command{
		Use: "fetch ID --out DIR", Short: "Save the files of an exchange",
		Long: `Save the files of an exchange into a directory.

A file appears only when it is whole. Nothing is overwritten without --force, and
a name that is more than a name (a path, control characters) is refused.`,
		Example: "  yizhan fetch '苏府办〔2026〕12号' --out 收文/防汛\n  yizhan fetch 01KABC --out . --file 2      # numbers as in yizhan show",
		Args:    cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.StringVar(&out, "out", "", "directory `DIR`; made when missing")
	f.BoolVar(&force, "force", false, "overwrite files")
	f.IntSliceVar(&numbers, "file", nil, "only these files, numbered as in show")
	require(c, "out")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		indexes, err := indexesOf(numbers)
		if err != nil {
			return err
		}
		return a.within(cmd.Context(), transferLimit(exchange.MaxContent), func(ctx context.Context, cl *client.Client) error {
			return a.fetch(ctx, cl, args[0], indexes, out, force)
		})
	}
	return c
}

func indexesOf(numbers []int) ([]int, error) {
	var out []int
	for _, n := range numbers {
		if n < 1 {
			return nil, usagef("--file: files are numbered from 1")
		}
		out = append(out, n-1)
	}
	return out, nil
}

// savedFile is one file as fetch prints it.
type savedFile struct {
	Name string `json:"name"`
	Path string `json:"path"`
	Size int64  `json:"size"`
}

func (a *app) fetch(ctx context.Context, c *client.Client, ref string, indexes []int, dir string, force bool) error {
	s, err := newSaver(dir, force)
	if err != nil {
		return err
	}
	defer s.close()
	b := &basket{app: a, saver: s, files: []savedFile{}}
	err = c.Fetch(ctx, ref, indexes, b.create)
	if err == nil {
		err = b.finish()
	}
	b.abandon()
	if err != nil {
		return b.explain(err)
	}
	return a.print(map[string]any{"id": ref, "files": b.files}, func(w io.Writer) {
		t := newTable("FILE", "SIZE")
		for _, f := range b.files {
			t.add(f.Path, bytesOf(f.Size))
		}
		t.write(w)
	})
}

// basket saves files as they come, one after the other.
type basket struct {
	app      *app
	saver    *saver
	files    []savedFile
	current  *pending
	header   exchange.File
	progress *progress
}

func (b *basket) create(_ int, f exchange.File) (io.Writer, error) {
	if err := b.finish(); err != nil {
		return nil, err
	}
	p, err := b.saver.create(f.Name)
	if err != nil {
		return nil, err
	}
	b.current, b.header = p, f
	b.progress = b.app.newProgress(clean(f.Name), f.Size)
	return io.MultiWriter(p, b.progress), nil
}

// finish makes the file before appear; the client has checked that it is whole.
func (b *basket) finish() error {
	if b.current == nil {
		return nil
	}
	p := b.current
	b.current = nil
	b.progress.end()
	path, err := p.commit()
	if err == nil {
		b.files = append(b.files, savedFile{b.header.Name, path, b.header.Size})
	}
	return err
}

func (b *basket) abandon() {
	if b.current != nil {
		b.progress.end()
		b.current.drop()
		b.current = nil
	}
}

// explain tells what was saved before it went wrong.
func (b *basket) explain(err error) error {
	if len(b.files) == 0 {
		return err
	}
	var saved []string
	for _, f := range b.files {
		saved = append(saved, f.Path)
	}
	return hinted{err, "Saved before that: " + strings.Join(saved, ", "), ""}
}
