package store

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

func copies(t *testing.T, s *Store) int {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(s.dir, copyPattern))
	if err != nil {
		t.Fatal(err)
	}
	return len(left)
}

func TestCopyShowsOneStateWhileWritersGoOn(t *testing.T) {
	s := open(t, t.TempDir())
	w := &words{}
	apply(t, s, w, entry(1, "set a "+strings.Repeat("1", 100_000)))
	c, err := s.Copy()
	if err != nil {
		t.Fatal(err)
	}
	size := func() int64 {
		i, err := os.Stat(filepath.Join(s.dir, stateFile))
		if err != nil {
			t.Fatal(err)
		}
		return i.Size()
	}
	for i := range uint64(20) { // pages that the change frees are used by the next
		apply(t, s, w, entry(2+i, "set a "+strings.Repeat("2", 100_000)))
	}
	settled := size()
	for i := range uint64(200) {
		apply(t, s, w, entry(22+i, "set a "+strings.Repeat("3", 100_000)))
	}
	if grown := size(); grown > settled {
		t.Errorf("the live file grew from %d to %d bytes while a copy was open", settled, grown)
	}
	if err := c.View(func(r ledger.Reader) error {
		if v := r.Get(table, []byte("a")); !bytes.HasPrefix(v, []byte("111")) {
			t.Errorf("the copy says %.3s", v)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if n, err := c.WriteTo(&b); err != nil || n != c.Size() || int64(b.Len()) != n {
		t.Fatalf("%d bytes of %d: %v", n, c.Size(), err)
	}
	if c.Head().Index != 1 {
		t.Fatalf("the copy is at %d", c.Head().Index)
	}
	if err := c.Close(); err != nil || c.Close() != nil || copies(t, s) != 0 {
		t.Fatalf("%v, and %d copies are left", err, copies(t, s))
	}
	to := open(t, t.TempDir())
	if err := to.Restore(&b); err != nil {
		t.Fatal(err)
	}
	if v, _ := get(t, to, "a"); !strings.HasPrefix(v, "111") || to.AppliedIndex() != 1 {
		t.Fatalf("restored a = %.3s at %d", v, to.AppliedIndex())
	}
}

func TestLeftoverCopiesAreRemovedAtOpen(t *testing.T) {
	s := open(t, t.TempDir())
	apply(t, s, &words{}, entry(1, "set a b"))
	if err := os.WriteFile(filepath.Join(s.dir, "state.db.copy-123"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := copies(t, open(t, s.dir)); n != 0 {
		t.Fatalf("%d copies are left", n)
	}
}

func TestDigestsOfTheLastEntriesAreRemembered(t *testing.T) {
	a, b := open(t, t.TempDir()), open(t, t.TempDir())
	for i := range uint64(20) {
		apply(t, a, &words{}, entry(2+2*i, "set a b"), entry(3+2*i, "set b c"))
	}
	for i := range uint64(20) {
		apply(t, b, &words{}, entry(2+2*i, "set a b"))
		apply(t, b, &words{}, entry(3+2*i, "set b c"))
	}
	for i := uint64(2); i < 42; i++ {
		x, ok := a.DigestAt(i)
		y, okToo := b.DigestAt(i)
		if !ok || !okToo || x != y {
			t.Fatalf("at %d: %t %t", i, ok, okToo)
		}
	}
	for _, i := range []uint64{0, 1, 42, 2 + remembered} {
		if _, ok := a.DigestAt(i); ok {
			t.Errorf("a digest at %d, which was never applied", i)
		}
	}
	if d, ok := a.DigestAt(41); !ok || d != head(t, a).Digest {
		t.Error("the last digest is not that of the head")
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, a.dir)
	if d, ok := again.DigestAt(41); !ok || d != head(t, again).Digest {
		t.Error("the head is forgotten at a restart")
	}
	if _, ok := again.DigestAt(40); ok {
		t.Error("a digest from before the restart")
	}
}
