package check_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory/directorytest"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/ledger/ledgertest"
	"github.com/yizhan-exchange/yizhan/node/check"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/store"
)

func TestWhatAFederationLeavesBehind(t *testing.T) {
	nodes := lived(t)
	t.Run("a stopped node is sound", func(t *testing.T) { sound(t, nodes) })
	b := copied(t, nodes[0])
	b.underWay()
	t.Run("a ledger with things under way is sound", func(t *testing.T) {
		for _, batch := range []int{0, 2} {
			if r := b.look(t, b.rows, batch); len(r.Findings) != 0 || r.Counts.Queued == 0 || r.Counts.Waiting != 1 || r.Counts.Held != 1 {
				t.Fatalf("batches of %d: %+v", batch, r)
			}
		}
	})
	for _, d := range damages {
		t.Run(string(d.code)+" "+d.what, func(t *testing.T) {
			rows := b.rows.Clone()
			d.do(&hammer{t, rows})
			r := b.look(t, rows, 0)
			if r.Totals[d.code] == 0 {
				t.Fatalf("not found; there is %v", r.Findings)
			}
		})
	}
	t.Run("a signature that does not hold", func(t *testing.T) { unsigned(t, nodes[0]) })
	t.Run("another anchor, a receipt that never came", func(t *testing.T) { believedByNobody(t, nodes[0]) })
	t.Run("what is deleted leaves no trace", func(t *testing.T) {
		collected(t, nodes[0], &bench{TB: t, provider: b.provider, rows: b.rows.Clone(), index: b.index})
	})
	t.Run("content that is gone or damaged", func(t *testing.T) { spoilContent(t, nodes[0]) })
	t.Run("a node that runs", func(t *testing.T) { running(t, nodes[0]) })
}

func (b *bench) look(t *testing.T, rows *ledgertest.Memory, batch int) *check.Report {
	t.Helper()
	r, err := check.Domain(context.Background(), rows, nil, check.InBatches(check.Options{Provider: b.provider}, batch))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sound(t *testing.T, nodes []*config.Node) {
	var all []*check.Report
	for _, n := range nodes {
		reports, err := check.Node(context.Background(), n, check.Options{Signatures: true, Content: true})
		if err != nil || len(reports) != len(n.Domains) {
			t.Fatalf("%s: %d reports, %v", n.Name, len(reports), err)
		}
		for _, r := range reports {
			// A majority sets the pace of an upload: the slowest replica may have been stopped before it had all chunks.
			lag := int(r.Totals[check.ContentMissing])
			if len(r.Findings) != lag || !r.OK() || r.Counts.Exchanges == 0 || r.Counts.Verified == 0 || r.Counts.Leaves == 0 {
				t.Errorf("%s of %s: %+v", r.Replica, r.Domain, r)
			}
		}
		all = append(all, reports...)
	}
	if found := check.Replicas(all...); len(found) != 0 {
		t.Error(found)
	}
	other := *all[0]
	other.Digest[0] ^= 1
	if found := check.Replicas(all[0], &other); len(found) != 1 || found[0].Code != check.ReplicasDiverged {
		t.Errorf("two that differ: %v", found)
	}
}

func unsigned(t *testing.T, conf *config.Node) {
	b := copied(t, conf)
	h := &hammer{t, b.rows}
	edit(h, ledger.TableExchange, h.first(ledger.TableExchange), func(e *ledger.Exchange) { e.Manifest.Sig[5] ^= 1 })
	for _, k := range h.keys(ledger.TableReceipt)[:1] {
		edit(h, ledger.TableReceipt, k, func(s *signed) { s.Sig[5] ^= 1 })
	}
	o := options(t, conf)
	o.Signatures = true
	r, err := check.Domain(context.Background(), b.rows, nil, o)
	if err != nil || r.Totals[check.ManifestSignature] != 1 || r.Totals[check.ReceiptSignature] != 1 || r.Failed != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
}

// believedByNobody checks signatures from another federation's anchor, and a
// receipt whose predecessor never came.
func believedByNobody(t *testing.T, conf *config.Node) {
	b := copied(t, conf)
	o := options(t, conf)
	o.Signatures, o.Anchor = true, directorytest.New(t, "320000").Anchor
	r, err := check.Domain(context.Background(), b.rows, nil, o)
	if err != nil || r.Totals[check.StatementRefused] == 0 || r.Totals[check.ManifestSignature] != r.Counts.Exchanges || r.Counts.Verified != 0 {
		t.Errorf("another anchor: %+v, %v", r, err)
	}
	id := check.IDOf(firstArrived(&hammer{t, b.rows}))
	k := append(append([]byte(nil), id[:]...), 0, 0, 0, 1)
	s, _, _ := ledger.Get[signed](b.rows, ledger.TableReceipt, k)
	sum := b.provider.Sum(s.Bytes)
	(&hammer{t, b.rows}).drop(ledger.TableReceipt, k)
	(&hammer{t, b.rows}).drop(ledger.TableSeen, append(append([]byte(nil), id[:]...), sum[:]...))
	if r := b.look(t, b.rows, 0); r.Totals[check.ReceiptChain] != 1 || r.Totals[check.ReceiptGap] != 1 || r.Failed != 1 {
		t.Errorf("a receipt that never came: %+v", r)
	}
}

// spoilContent damages one chunk of the county, then removes all of them.
func spoilContent(t *testing.T, conf *config.Node) {
	dir := filepath.Join(conf.Data, string(county), "content", "chunks")
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d chunks, %v", len(files), err)
	}
	if err := os.WriteFile(files[0], []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := countyOf(t, conf, check.Options{Content: true}); r.Totals[check.ContentDamaged] == 0 {
		t.Errorf("damaged: %+v", r)
	}
	if err := os.Rename(files[0], filepath.Join(filepath.Dir(files[0]), "ff"+filepath.Base(files[0])[2:])); err != nil {
		t.Fatal(err)
	}
	r := countyOf(t, conf, check.Options{})
	if r.Totals[check.ContentMissing] == 0 || !r.OK() || r.Counts.Missing == 0 || r.Counts.Unreferenced+r.Counts.Uploading != 1 {
		t.Errorf("missing: %+v", r)
	}
	if r := countyOf(t, conf, check.Options{Strict: true}); r.Totals[check.ContentMissing] == 0 || r.OK() {
		t.Errorf("missing, strictly: %+v", r)
	}
}

func countyOf(t *testing.T, conf *config.Node, o check.Options) *check.Report {
	t.Helper()
	reports, err := check.Node(context.Background(), conf, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reports {
		if r.Domain == county {
			return r
		}
	}
	t.Fatal("no report of the county")
	return nil
}

func running(t *testing.T, conf *config.Node) {
	s, err := store.Open(filepath.Join(conf.Data, string(county), "state"), store.Options{Hash: options(t, conf).Provider.Sum})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := check.Node(context.Background(), conf, check.Options{}); !isRunning(err) {
		t.Errorf("got %v", err)
	}
	other := *conf
	other.Data = t.TempDir()
	if _, err := check.Node(context.Background(), &other, check.Options{}); !isNothing(err) {
		t.Errorf("got %v", err)
	}
}

func TestAReplicaThatHasNotHeardOfItsDomain(t *testing.T) {
	b := empty(t)
	r := b.look(t, b.rows, 0)
	if !r.OK() || r.Totals[check.NotFounded] != 1 {
		t.Errorf("empty: %+v", r)
	}
	b.rows.Put(ledger.Mutation{Table: ledger.TableUnit, Key: []byte("x"), Value: exchange.Encode(exchange.UnitInfo{})})
	if r = b.look(t, b.rows, 0); r.OK() {
		t.Errorf("rows without a domain: %+v", r)
	}
}

func TestAReportListsSoMuchAndCountsTheRest(t *testing.T) {
	r := &check.Report{Totals: map[check.Code]uint64{}}
	for range check.MaxFindings + 5 {
		r.Add(check.Finding{Code: check.AuditGap, Severity: check.Error})
	}
	if len(r.Findings) != check.MaxFindings || r.Omitted != 5 || r.Totals[check.AuditGap] != check.MaxFindings+5 || r.OK() {
		t.Errorf("%d listed, %d omitted, %v", len(r.Findings), r.Omitted, r.Totals)
	}
}

func TestEveryCodeIsDocumented(t *testing.T) {
	page, err := os.ReadFile("DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("codes.go")
	if err != nil {
		t.Fatal(err)
	}
	quoted := bytes.Split(source, []byte(`"`))
	for i := 1; i < len(quoted); i += 2 {
		if !bytes.Contains(page, []byte("`"+string(quoted[i])+"`")) {
			t.Errorf("DESIGN.md does not tell about %s", quoted[i])
		}
	}
}
