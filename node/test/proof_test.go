package test

import (
	"archive/zip"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// bench is where somebody outside verifies: a directory with the evidence and
// the anchor, and a process with nothing in its environment.
type bench struct {
	dir     string
	command fleet.Command
}

const (
	evidenceName = "proof.evidence"
	anchorName   = "anchor.pem"
)

func newBench(t *testing.T, anchor string) bench {
	t.Helper()
	b := bench{dir: t.TempDir()}
	b.command = fleet.Command{Program: fleet.Program(t, ""), Dir: b.dir, Env: []string{"HOME=" + t.TempDir()}}
	text, err := os.ReadFile(anchor)
	if err == nil {
		err = os.WriteFile(filepath.Join(b.dir, anchorName), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// put places evidence on the bench, with one byte changed unless at is negative.
func (b bench) put(t *testing.T, evidence []byte, at int64) {
	t.Helper()
	evidence = append([]byte(nil), evidence...)
	if at >= 0 {
		evidence[at] ^= 1
	}
	if err := os.WriteFile(filepath.Join(b.dir, evidenceName), evidence, 0o600); err != nil {
		t.Fatal(err)
	}
}

// verdict runs the verifier.
func (b bench) verdict(t *testing.T, flags ...string) fleet.Ended {
	t.Helper()
	return b.command.Run(t, append([]string{"evidence", "verify", evidenceName}, flags...)...)
}

// says checks the exit status and that words are in what was printed.
func says(t *testing.T, got fleet.Ended, status int, words ...string) {
	t.Helper()
	for _, word := range words {
		if got.Status != status || !strings.Contains(got.Stdout+got.Stderr, word) {
			t.Errorf("exit status %d, want %d and %q\n%s%s", got.Status, status, word, got.Stdout, got.Stderr)
		}
	}
}

// signedFiling sends a case from the county past the city to the province, has
// it signed for there, and returns its evidence.
func signedFiling(t *testing.T, f *fleet.Fleet) (exchange.ID, []byte) {
	t.Helper()
	county, province := f.Client("wjw@320582"), f.Client("wjw@320000")
	s, content := secret("case", "large content", 2<<20)
	id := send(t, county, s, content, "wjw@320000")
	arrives(t, f, county, id)
	if _, err := province.Sign(context.Background(), id.String()); err != nil {
		t.Fatal(err)
	}
	f.Eventually(30*time.Second, "the county hears of the signature", func(ctx context.Context) error {
		tr, err := county.Track(ctx, id.String())
		if err == nil && tr.Deliveries[0].State != "signed" {
			err = exchange.Errorf(exchange.Unavailable, "test", "it is %s", tr.Deliveries[0].State)
		}
		return err
	})
	var out strings.Builder
	if err := county.ExportEvidence(context.Background(), id.String(), "sealed", &out); err != nil {
		t.Fatal(err)
	}
	return id, []byte(out.String())
}

func TestEvidenceIsVerifiedByAProcessThatHasOnlyTheAnchor(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the real program; left out of short runs")
	}
	f := small(t, nil)
	f.StartAll()
	id, evidence := signedFiling(t, f)
	for _, name := range f.Names() {
		f.Stop(name)
	}
	b := newBench(t, filepath.Join(f.Dir, anchorName))
	b.put(t, evidence, -1)
	says(t, b.verdict(t, "--anchor", anchorName), 0, "VERIFIED: exchange "+id.String()+", anchor 320000",
		"wjw@320000  signed", "320582 signed exchange "+id.String(), "320500 states of the delivery to wjw@320000: relayed",
		"320000 states of the delivery to wjw@320000: signed", "trial.clerk @ wjw@320000")
	says(t, b.verdict(t, "--anchor", anchorName, "-o", "json"), 0, `"valid": true`, `"state": "signed"`)
	says(t, b.verdict(t), 1, "the trust anchor cannot be read", "Give --anchor FILE")
	for entry, why := range map[string]string{
		"manifest.bin": "the manifest was altered", "receipts/": "a receipt was altered", "content/": "the sealed content was altered",
		"directory/320000-1.bin": "a directory statement was altered", "index.json": "the index does not match the file",
	} {
		b.put(t, evidence, inside(t, filepath.Join(b.dir, evidenceName), evidence, entry))
		says(t, b.verdict(t, "--anchor", anchorName), 1, "NOT VERIFIED", why, "every reason stands above")
	}
	stranger := newBench(t, newLone(t).Anchor()) // of a federation with the same root
	stranger.put(t, evidence, -1)
	says(t, stranger.verdict(t, "--anchor", anchorName), 1, "NOT VERIFIED", "does not begin at your trust anchor")
	if got := stranger.verdict(t, "--anchor", anchorName, "-o", "json"); !strings.Contains(got.Stdout, `"valid": false`) || strings.Contains(got.Stdout, `"proves": [`) {
		t.Errorf("under another anchor it still proves something: %s", got.Stdout)
	}
}

// inside returns a position in the middle of the first entry whose name begins
// so.
func inside(t *testing.T, path string, evidence []byte, prefix string) int64 {
	t.Helper()
	if err := os.WriteFile(path, evidence, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, e := range r.File {
		if at, err := e.DataOffset(); err == nil && strings.HasPrefix(e.Name, prefix) {
			return at + int64(e.CompressedSize64)/2
		}
	}
	t.Fatalf("no entry %s", prefix)
	return 0
}
