package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// sow writes rows of which two fill a page, and reap deletes every second pair,
// so that the free pages do not lie together.
type sow struct{ size int }

func (w sow) Apply(_ ledger.Reader, _ uint64, command []byte) ([]byte, []ledger.Mutation, error) {
	var out []ledger.Mutation
	var from, to int
	verb := ""
	if _, err := fmt.Sscan(string(command), &verb, &from, &to); err != nil {
		return nil, nil, err
	}
	for i := from; i < to; i++ {
		m := ledger.Mutation{Table: ledger.TableInline, Key: fmt.Appendf(nil, "%09d", i)}
		if verb == "sow" {
			m.Value = bytes.Repeat([]byte{1}, w.size)
		} else if i/2%2 == 0 {
			continue
		}
		out = append(out, m)
	}
	return nil, out, nil
}

const pairSize = 1900 // of rows that sow writes two of into a page

// scatter leaves about n free pages that do not lie together.
func scatter(t testing.TB, s *Store, n int) {
	t.Helper()
	for _, verb := range []string{"sow", "reap"} {
		for from := 0; from < 4*n; from += 8192 {
			apply(t, s, sow{pairSize}, entry(s.AppliedIndex()+1, fmt.Sprint(verb, " ", from, " ", min(from+8192, 4*n))))
		}
	}
}

// listed reads from the file whether the last transaction wrote the list of
// free pages. The two meta pages take turns; the number of the list stands 48
// bytes, that of the transaction 64 bytes after the beginning of the page.
func listed(t testing.TB, s *Store) bool {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, stateFile))
	if err != nil {
		t.Fatal(err)
	}
	page := os.Getpagesize()
	last, other := b[:page], b[page:2*page]
	if binary.NativeEndian.Uint64(other[64:]) > binary.NativeEndian.Uint64(last[64:]) {
		last = other
	}
	return binary.NativeEndian.Uint64(last[48:]) != ^uint64(0)
}

// image opens a copy of the file as it is now, as after a crash.
func image(t testing.TB, s *Store) *Store {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, stateFile))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, stateFile), b, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

func free(t testing.TB, s *Store) int {
	t.Helper()
	n, _, _, err := s.FreePages()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestACrashLeavesAFileThatNeedNotBeReadWhole(t *testing.T) {
	s := open(t, t.TempDir())
	scatter(t, s, 500)
	for i := range 5 {
		apply(t, s, &words{}, entry(s.AppliedIndex()+1, fmt.Sprint("set a ", i)))
		if !listed(t, s) {
			t.Fatal("the file does not list its free pages: the next start reads all of it")
		}
	}
	if n := free(t, image(t, s)); n < 500 {
		t.Errorf("%d free pages after a crash, there were %d", n, free(t, s))
	}
}

func TestALongListOfFreePagesIsLeftOutUntilItIsShortOrTheStoreCloses(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, Options{Hash: sm3(t), MapSize: 64 << 20, freelist: 200})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	scatter(t, s, 500)
	apply(t, s, &words{}, entry(s.AppliedIndex()+1, "set a 1"))
	if _, _, tells, _ := s.FreePages(); tells || listed(t, s) {
		t.Fatal("a list above the limit is written with each transaction")
	}
	before := free(t, s)
	if n := free(t, image(t, s)); n < 500 || n > before+20 {
		t.Errorf("%d free pages after a crash without a list, there were %d", n, before)
	}
	apply(t, s, sow{pairSize}, entry(s.AppliedIndex()+1, "sow 5000 6200")) // takes them again
	apply(t, s, &words{}, entry(s.AppliedIndex()+1, "set a 2"))
	if !listed(t, s) {
		t.Errorf("%d free pages, and still no list", free(t, s))
	}
	scatter(t, s, 500)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !listed(t, s) {
		t.Error("the store was closed without a list")
	}
}

// TestPagesOfAscendingTablesAreFull holds what an exchange costs on disk: bbolt
// leaves pages half empty where rows come in order, unless told otherwise.
func TestPagesOfAscendingTablesAreFull(t *testing.T) {
	s := open(t, t.TempDir())
	const rows, size = 8000, 470
	w := sow{size}
	for from := 0; from < rows; from += 64 {
		apply(t, s, w, entry(s.AppliedIndex()+1, fmt.Sprint("sow ", from, " ", from+64)))
	}
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = snap.Close() }()
	used := snap.Size() - int64(free(t, s)*os.Getpagesize())
	if per := used / rows; per > size*13/10 {
		t.Errorf("%d bytes of file for a row of %d", per, size)
	}
}

// BenchmarkApplyBesideFreePages is a commit of 16 filings beside free pages
// whose list is written with it.
func BenchmarkApplyBesideFreePages(b *testing.B) {
	for _, pages := range []int{0, 1 << 10, 8 << 10, 32 << 10, 128 << 10, 512 << 10} {
		b.Run(fmt.Sprint(pages), func(b *testing.B) {
			s, err := Open(b.TempDir(), Options{Hash: sm3(b), freelist: 1 << 30})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			scatter(b, s, pages)
			index := s.AppliedIndex()
			var commands [][]byte
			for range 16 {
				commands = append(commands, make([]byte, 4<<10))
			}
			for b.Loop() {
				index++
				if _, err := s.Apply(&puts{}, []Entry{{Index: index, Term: 1, Commands: commands}}); err != nil {
					b.Fatal(err)
				}
			}
			free, _, _, _ := s.FreePages()
			b.ReportMetric(float64(free), "free-pages")
		})
	}
}
