package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

const table = ledger.TableExchange

// words is a state machine of text commands. It counts how often it is asked.
type words struct{ asked int }

func (w *words) Apply(r ledger.Reader, _ uint64, command []byte) ([]byte, []ledger.Mutation, error) {
	w.asked++
	verb, rest, _ := strings.Cut(string(command), " ")
	key, value, _ := strings.Cut(rest, " ")
	switch verb {
	case "set":
		before := r.Get(table, []byte(key))
		return bytes.Clone(before), []ledger.Mutation{{Table: table, Key: []byte(key), Value: []byte(value)}}, nil
	case "delete":
		return nil, []ledger.Mutation{{Table: table, Key: []byte(key)}}, nil
	case "refuse":
		return []byte("refused"), nil, nil
	case "steal":
		return nil, []ledger.Mutation{{Table: ledger.TableMeta, Key: ledger.KeyApplied, Value: make([]byte, 8)}}, nil
	case "panic":
		panic("invariant")
	}
	return nil, nil, errors.New("unknown command")
}

func sm3(t testing.TB) func(...[]byte) crypto.Digest {
	t.Helper()
	p, err := sm.New("emmansun")
	if err != nil {
		t.Fatal(err)
	}
	return p.Sum
}

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir, Options{Hash: sm3(t), MapSize: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func entry(index uint64, commands ...string) Entry {
	e := Entry{Index: index, Term: 1}
	for _, c := range commands {
		e.Commands = append(e.Commands, []byte(c))
	}
	return e
}

func apply(t testing.TB, s *Store, a ledger.Applier, entries ...Entry) [][][]byte {
	t.Helper()
	out, err := s.Apply(a, entries)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func get(t testing.TB, s *Store, key string) (value string, ok bool) {
	t.Helper()
	err := s.View(func(r ledger.Reader) error {
		v := r.Get(table, []byte(key))
		value, ok = string(v), v != nil
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return value, ok
}

func head(t testing.TB, s *Store) Head {
	t.Helper()
	h, err := s.Head()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestCommandsSeeTheEffectOfThoseBeforeThem(t *testing.T) {
	s := open(t, t.TempDir())
	out := apply(t, s, &words{}, entry(3, "set a 1", "set a 2"), entry(4, "set a 3"))
	if string(out[0][1]) != "1" || string(out[1][0]) != "2" {
		t.Fatalf("results %q", out)
	}
	if v, _ := get(t, s, "a"); v != "3" || s.AppliedIndex() != 4 {
		t.Fatalf("a = %s at %d", v, s.AppliedIndex())
	}
}

func TestAppliedEntriesAreSkippedAcrossRestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	apply(t, s, &words{}, entry(1, "set a 1"), entry(5, "set a 2"))
	before := head(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	w := &words{}
	out := apply(t, s, w, entry(1, "set a 1"), entry(5, "set a 2"), entry(6, "set a 3"))
	if w.asked != 1 || out[0] != nil || out[1] != nil || string(out[2][0]) != "2" {
		t.Fatalf("asked %d times, results %q", w.asked, out)
	}
	if h := head(t, s); h.Index != 6 || h.Digest == before.Digest || before.Index != 5 {
		t.Fatalf("head %v after %v", h, before)
	}
}

func TestRefusedCommandLeavesNoMutationAndAdvancesTheIndex(t *testing.T) {
	s := open(t, t.TempDir())
	apply(t, s, &words{}, entry(1, "set a 1"))
	out := apply(t, s, &words{}, entry(2, "refuse"))
	if string(out[0][0]) != "refused" || s.AppliedIndex() != 2 {
		t.Fatalf("result %q at %d", out, s.AppliedIndex())
	}
	if v, _ := get(t, s, "a"); v != "1" {
		t.Fatalf("a = %s", v)
	}
}

func TestEmptyRowIsNotAMissingRow(t *testing.T) {
	s := open(t, t.TempDir())
	apply(t, s, &words{}, entry(1, "set a "), entry(2, "set b 1", "delete b"))
	if v, ok := get(t, s, "a"); !ok || v != "" {
		t.Fatal("the empty row is gone")
	}
	if _, ok := get(t, s, "b"); ok {
		t.Fatal("the deleted row is there")
	}
}

func TestFailureKeepsWhatWasBeforeItAndNothingElse(t *testing.T) {
	for _, bad := range []string{"nonsense", "panic", "steal"} {
		t.Run(bad, func(t *testing.T) {
			dir := t.TempDir()
			s, w := open(t, dir), &words{}
			out, err := s.Apply(w, []Entry{entry(1, "set a 1"), entry(2, "set a 2"), entry(3, "set a 3", bad), entry(4, "set a 4")})
			var stopped *StoppedError
			if !errors.As(err, &stopped) || stopped.Index != 3 {
				t.Fatalf("error %v", err)
			}
			if w.asked != 4 || out[0] == nil || out[1] == nil || out[2] != nil || out[3] != nil {
				t.Fatalf("asked %d times, results %q", w.asked, out)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, dir)
			if v, _ := get(t, s, "a"); v != "2" || s.AppliedIndex() != 2 {
				t.Fatalf("a = %s at %d", v, s.AppliedIndex())
			}
			same := open(t, t.TempDir())
			apply(t, same, &words{}, entry(1, "set a 1"), entry(2, "set a 2"))
			if head(t, s) != head(t, same) {
				t.Fatal("doing the part again changed the digest")
			}
		})
	}
}

func TestDigestDoesNotDependOnHowEntriesAreGrouped(t *testing.T) {
	a, b, c := open(t, t.TempDir()), open(t, t.TempDir()), open(t, t.TempDir())
	one, two := entry(1, "set a 1", "set b 2"), entry(2, "delete a")
	apply(t, a, &words{}, one, two)
	apply(t, b, &words{}, one)
	apply(t, b, &words{}, two)
	apply(t, c, &words{}, one, entry(2, "set a "))
	if head(t, a) != head(t, b) {
		t.Fatal("grouping shows in the digest")
	}
	if head(t, a).Digest == head(t, c).Digest {
		t.Fatal("deleting and emptying a row have the same digest")
	}
}

func TestConfigurationIsStoredOnceAndCounted(t *testing.T) {
	s := open(t, t.TempDir())
	c := ledger.Configuration{Index: 3, Voters: []exchange.Replica{"a", "b"}}
	for range 2 {
		if err := s.SetConfiguration(3, 1, c); err != nil {
			t.Fatal(err)
		}
	}
	var got ledger.Configuration
	err := s.View(func(r ledger.Reader) (err error) {
		got, err = exchange.Decode[ledger.Configuration](r.Get(ledger.TableMeta, ledger.KeyConfiguration))
		return err
	})
	if err != nil || got.Index != 3 || len(got.Voters) != 2 || s.AppliedIndex() != 3 {
		t.Fatalf("%v at %d: %v", got, s.AppliedIndex(), err)
	}
	if n := s.Timing().Commits; n != 1 {
		t.Fatalf("%d commits", n)
	}
}

func TestScanGoesBothWaysWithinAPrefix(t *testing.T) {
	s := open(t, t.TempDir())
	apply(t, s, &words{}, entry(1, "set a0 .", "set b1 .", "set b2 .", "set b3 .", "set \xff1 .", "set \xff2 ."))
	collect := func(scan func(r ledger.Reader, fn func(k, v []byte) bool)) string {
		var keys []string
		err := s.View(func(r ledger.Reader) error {
			scan(r, func(k, _ []byte) bool { keys = append(keys, fmt.Sprintf("%q", k)); return true })
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(strings.Join(keys, " "), `"`, "")
	}
	for want, scan := range map[string]func(ledger.Reader, func(k, v []byte) bool){
		"b1 b2 b3":    func(r ledger.Reader, fn func(k, v []byte) bool) { r.Scan(table, []byte("b"), nil, fn) },
		"b2 b3":       func(r ledger.Reader, fn func(k, v []byte) bool) { r.Scan(table, []byte("b"), []byte("b2"), fn) },
		"b3 b2 b1":    func(r ledger.Reader, fn func(k, v []byte) bool) { r.ScanBack(table, []byte("b"), nil, fn) },
		"b1":          func(r ledger.Reader, fn func(k, v []byte) bool) { r.ScanBack(table, []byte("b"), []byte("b2"), fn) },
		`\xff2 \xff1`: func(r ledger.Reader, fn func(k, v []byte) bool) { r.ScanBack(table, []byte("\xff"), nil, fn) },
		"":            func(r ledger.Reader, fn func(k, v []byte) bool) { r.ScanBack(table, []byte("c"), nil, fn) },
		`\xff2 \xff1 b3 b2 b1 a0`: func(r ledger.Reader, fn func(k, v []byte) bool) {
			r.ScanBack(table, nil, nil, fn)
		},
	} {
		if got := collect(scan); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestWaitersAreWokenByCommitsAndByClose(t *testing.T) {
	s := open(t, t.TempDir())
	done := make(chan error, 2)
	go func() { done <- s.WaitApplied(t.Context(), 2) }()
	changed := s.Watch()
	apply(t, s, &words{}, entry(1, "refuse"))
	<-changed
	select {
	case err := <-done:
		t.Fatalf("woken too early: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	apply(t, s, &words{}, entry(2, "refuse"))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.WaitApplied(ctx, 9); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	go func() { done <- s.WaitApplied(t.Context(), 9) }()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if err := s.View(nil); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

func snapshot(t testing.TB, s *Store) []byte {
	t.Helper()
	p, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	var b bytes.Buffer
	n, err := p.WriteTo(&b)
	if err != nil || n != int64(b.Len()) || n != p.Size() || p.Head().Index != s.AppliedIndex() {
		t.Fatalf("%d of %d bytes at %d: %v", n, p.Size(), p.Head().Index, err)
	}
	return b.Bytes()
}

func TestRestoreLetsReadersInFlightFinish(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	apply(t, from, &words{}, entry(9, "set a new"))
	apply(t, to, &words{}, entry(1, "set a old"))
	err := to.View(func(r ledger.Reader) error {
		if err := to.Restore(bytes.NewReader(snapshot(t, from))); err != nil {
			return err
		}
		if v := r.Get(table, []byte("a")); string(v) != "old" {
			t.Errorf("the reader sees %q", v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := get(t, to, "a"); v != "new" || head(t, to) != head(t, from) {
		t.Fatalf("a = %s", v)
	}
	apply(t, to, &words{}, entry(10, "set a newer"))
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	if v, _ := get(t, open(t, to.dir), "a"); v != "newer" {
		t.Fatalf("after a restart a = %s", v)
	}
}

func TestDamagedSnapshotsChangeNothing(t *testing.T) {
	from := open(t, t.TempDir())
	apply(t, from, &words{}, entry(9, "set a new"))
	good := snapshot(t, from)
	empty := snapshot(t, open(t, t.TempDir()))
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 1
	for name, b := range map[string][]byte{
		"nothing": nil, "torn header": good[:10], "torn": good[:len(good)/2], "torn sum": good[:len(good)-1],
		"longer": append(bytes.Clone(good), 0), "flipped": flipped, "foreign": bytes.Repeat([]byte("x"), 5000), "empty": empty,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir())
			apply(t, s, &words{}, entry(1, "set a old"))
			if err := s.Restore(bytes.NewReader(b)); !errors.Is(err, ErrSnapshot) {
				t.Fatalf("error %v", err)
			}
			if v, _ := get(t, s, "a"); v != "old" {
				t.Fatalf("a = %s", v)
			}
			if left, _ := filepath.Glob(filepath.Join(s.dir, stagePattern)); len(left) != 0 {
				t.Fatalf("left %v", left)
			}
		})
	}
}

func TestCrashBetweenWritingAndRenamingKeepsTheOldState(t *testing.T) {
	from, dir := open(t, t.TempDir()), t.TempDir()
	apply(t, from, &words{}, entry(9, "set a new"))
	s := open(t, dir)
	apply(t, s, &words{}, entry(1, "set a old"))
	g, err := s.Stage()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Write(snapshot(t, from)); err != nil {
		t.Fatal(err)
	}
	if err := g.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(g.opened.db.Close(), s.Close()); err != nil { // the process ends here
		t.Fatal(err)
	}
	s = open(t, dir)
	if v, _ := get(t, s, "a"); v != "old" || s.AppliedIndex() != 1 {
		t.Fatalf("a = %s at %d", v, s.AppliedIndex())
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("left %v, %v", files, err)
	}
}

func TestAdvanceNeverGoesBack(t *testing.T) {
	from, to := open(t, t.TempDir()), open(t, t.TempDir())
	apply(t, from, &words{}, entry(5, "set a older"))
	apply(t, to, &words{}, entry(8, "set a newer"))
	g, err := to.Stage()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Write(snapshot(t, from)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(g.Finish(), g.Advance()); err != nil {
		t.Fatal(err)
	}
	if v, _ := get(t, to, "a"); v != "newer" || to.AppliedIndex() != 8 {
		t.Fatalf("a = %s at %d", v, to.AppliedIndex())
	}
}

func TestSnapshotIsTakenWhileWritersGoOn(t *testing.T) {
	s := open(t, t.TempDir())
	w := &words{}
	apply(t, s, w, entry(1, "set a "+strings.Repeat("1", 100_000)))
	p, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for i := range uint64(50) {
		apply(t, s, w, entry(2+i, "set a "+strings.Repeat("2", 100_000)))
	}
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Fatal(err)
	}
	copied := open(t, t.TempDir())
	if err := copied.Restore(&b); err != nil {
		t.Fatal(err)
	}
	if v, _ := get(t, copied, "a"); !strings.HasPrefix(v, "111") || copied.AppliedIndex() != 1 {
		t.Fatalf("a = %.5s at %d", v, copied.AppliedIndex())
	}
}

// TestWritersDoNotWaitForASnapshotWhenTheFileGrows: bbolt remaps a file that
// outgrows its mapping, and waits for all readers first.
func TestWritersDoNotWaitForASnapshotWhenTheFileGrows(t *testing.T) {
	for name, size := range map[string]int{"as it is by default": 0, "with more than there is to be had": 1 << 47} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(t.TempDir(), Options{Hash: sm3(t), MapSize: size})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			snap, err := s.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = snap.Close() }()
			for i := range 4 { // bbolt maps at least 32 KiB, and doubles
				apply(t, s, sow{1900}, entry(uint64(i+1), fmt.Sprint("sow ", i*1000, " ", i*1000+1000))) // hangs when it has to remap
			}
		})
	}
}

func TestDamagedHeadIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	apply(t, s, &words{}, entry(1, "refuse"))
	tx, err := s.current.db.Begin(true)
	if err != nil {
		t.Fatal(err)
	}
	b := &batch{store: s, tx: tx, read: &reader{tx: tx}}
	if err := errors.Join(b.put([]ledger.Mutation{{Table: ledger.TableMeta, Key: ledger.KeyDigest}}), tx.Commit(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{Hash: sm3(t)}); err == nil {
		t.Fatal("opened")
	}
}

// puts writes rows like a filing does: one of 4 KiB and a few small ones.
type puts struct{ n int }

func (p *puts) Apply(_ ledger.Reader, index uint64, command []byte) ([]byte, []ledger.Mutation, error) {
	p.n++
	key := fmt.Appendf(nil, "%020d", p.n)
	m := []ledger.Mutation{{Table: ledger.TableExchange, Key: key, Value: command}}
	for t := ledger.TableDelivery; t < ledger.TableDelivery+5; t++ {
		m = append(m, ledger.Mutation{Table: t, Key: key, Value: command[:64]})
	}
	return key, m, nil
}

func BenchmarkApply(b *testing.B) {
	for _, size := range []int{1, 16, 64, 1024} {
		b.Run(fmt.Sprintf("commands=%d", size), func(b *testing.B) {
			s := open(b, b.TempDir())
			p, index := &puts{}, uint64(0)
			command := make([]byte, 4096)
			for b.Loop() {
				index++
				e := Entry{Index: index, Term: 1}
				for range size {
					e.Commands = append(e.Commands, command)
				}
				apply(b, s, p, e)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*size), "µs/command")
		})
	}
}
