package check_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/check"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/content"
)

// collected deletes everything that ended, long afterwards, and sweeps a copy of
// the content: what is left is sound, and of what went nothing is left.
func collected(t *testing.T, conf *config.Node, b *bench) {
	ctx := context.Background()
	dir := filepath.Join(t.TempDir(), "content")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(conf.Data, string(county), "content"))); err != nil {
		t.Fatal(err)
	}
	local, err := content.Open(dir, content.Options{Hash: b.provider.Sum, Reserve: 1})
	if err != nil {
		t.Fatal(err)
	}
	before, err := check.Domain(ctx, b.rows, local, check.Options{Provider: b.provider})
	if err != nil {
		t.Fatal(err)
	}
	later := ledger.TimeOf(b.rows).Add(11 * 365 * 24 * time.Hour)
	b.apply(ledger.Command{Clock: &later})
	c := &ledger.Collect{}
	ledger.EachExchange(b.rows, ledger.TableExchange, exchange.ID{}, func(id exchange.ID) bool {
		c.Exchanges = append(c.Exchanges, id)
		return true
	})
	b.apply(ledger.Command{Collect: c})
	report, err := local.Sweep(ctx, content.Sweep{Before: time.Now().Add(time.Minute), Spare: func(a []crypto.Digest) ([]bool, error) {
		referred, ok := ledger.Referred(b.rows, a)
		if !ok {
			t.Error("the ledger does not know its references")
		}
		return referred, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	after, err := check.Domain(ctx, b.rows, local, check.Options{Provider: b.provider})
	if err != nil || !after.OK() || after.Totals[check.ContentMissing] > before.Totals[check.ContentMissing] || uint64(len(after.Findings)) != after.Totals[check.ContentMissing] {
		t.Fatalf("%v\nbefore: %v\nafter: %v", err, before.Findings, after.Findings)
	}
	was, is := before.Counts, after.Counts
	if is.Gone == 0 || is.Exchanges+is.Gone != was.Exchanges || report.Swept == 0 || is.Chunks+uint64(report.Swept) != was.Chunks+was.Unreferenced+was.Uploading ||
		is.Unreferenced+is.Uploading != 0 || is.Leaves <= was.Leaves || is.Inline >= was.Inline {
		t.Fatalf("swept %+v\nbefore %+v\nafter  %+v", report, was, is)
	}
}
