package journal

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const small = 8 * sectorSize

func open(t testing.TB, dir string) *Log {
	t.Helper()
	l, err := Open(dir, Options{Segment: small})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// entry is the bytes of an index, of a length that differs.
func entry(index uint64) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "<%d>", index), 1+int(index*37%200))
}

func entries(first, n uint64) (out [][]byte) {
	for i := range n {
		out = append(out, entry(first+i))
	}
	return out
}

func add(t testing.TB, l *Log, first, n uint64) {
	t.Helper()
	if err := l.Append(first, entries(first, n)); err != nil {
		t.Fatal(err)
	}
}

// holds checks that the log has exactly these entries, each as it was appended.
func holds(t testing.TB, l *Log, first, last uint64) {
	t.Helper()
	if l.First() != first || l.Last() != last {
		t.Fatalf("it has %d to %d, not %d to %d", l.First(), l.Last(), first, last)
	}
	for i := first; i <= last && i > 0; i++ {
		if b, err := l.Read(i); err != nil || !bytes.Equal(b, entry(i)) {
			t.Fatalf("index %d: %d bytes, %v", i, len(b), err)
		}
	}
	for _, i := range []uint64{0, first - 1, last + 1} {
		if _, err := l.Read(i); !errors.Is(err, ErrNotFound) {
			t.Fatalf("index %d, which it does not have: %v", i, err)
		}
	}
}

func again(t testing.TB, l *Log) *Log {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, l.dir)
}

func TestWhatWasAppendedIsReadAlsoAfterOpeningAgain(t *testing.T) {
	l := open(t, t.TempDir())
	holds(t, l, 0, 0)
	next := uint64(1)
	for i := range uint64(30) {
		add(t, l, next, 1+i%4)
		next += 1 + i%4
		holds(t, l, 1, next-1)
		if i%5 == 0 {
			l = again(t, l)
			holds(t, l, 1, next-1)
		}
	}
	if len(l.segments) < 5 {
		t.Errorf("%d segments: it never rolled", len(l.segments))
	}
	if err := l.Append(next+1, entries(next+1, 1)); err == nil {
		t.Error("a gap was appended")
	}
	if err := l.Append(next-1, entries(next-1, 1)); err == nil {
		t.Error("an index was appended again")
	}
	holds(t, l, 1, next-1)
}

func TestEntriesOfEveryLength(t *testing.T) {
	l := open(t, t.TempDir())
	var want [][]byte
	for n := range 3 * sectorData {
		want = append(want, bytes.Repeat([]byte{byte(n)}, n))
	}
	want = append(want, make([]byte, 1<<20))
	for i := 0; i < len(want); i += 7 {
		if err := l.Append(uint64(i+1), want[i:min(len(want), i+7)]); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range []*Log{l, again(t, l)} {
		if l.closed {
			continue
		}
		for i, b := range want {
			if got, err := l.Read(uint64(i + 1)); err != nil || !bytes.Equal(got, b) {
				t.Fatalf("length %d: %d bytes, %v", len(b), len(got), err)
			}
		}
	}
}

// TestCutting plays random appends and cuts against a list in memory.
func TestCutting(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 0))
		l := open(t, t.TempDir())
		first, last := uint64(0), uint64(0)
		for range 60 {
			n := 1 + r.Uint64N(6)
			switch op := r.IntN(8); {
			case op < 4:
				at := last + 1
				if last == 0 {
					at = 1 + r.Uint64N(1000)
					first = at
				}
				add(t, l, at, n)
				last = at + n - 1
			case op == 4 && last > 0:
				to := first + r.Uint64N(last-first+3)
				must(t, l.CutHead(to))
				first = max(first, to)
			case op == 5 && last > 0:
				to := first - 1 + r.Uint64N(last-first+2)
				must(t, l.CutTail(to))
				last = to
			case op == 6:
				l = again(t, l)
			default:
				must(t, l.Set("k", []byte{byte(n)}))
			}
			if first > last || last == 0 {
				first, last = 0, 0
			}
			holds(t, l, first, last)
		}
		must(t, l.Close())
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestStableValuesAreKept(t *testing.T) {
	l := open(t, t.TempDir())
	must(t, l.Set("term", []byte("7")))
	must(t, l.Set("vote", []byte("a")))
	must(t, l.Set("term", []byte("8")))
	add(t, l, 1, 3)
	l = again(t, l)
	for key, want := range map[string]string{"term": "8", "vote": "a", "other": ""} {
		if got, err := l.Get(key); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", key, got, err)
		}
	}
}

func TestReadingWhileAppendingAndCutting(t *testing.T) {
	l := open(t, t.TempDir())
	add(t, l, 1, 1)
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				for _, i := range []uint64{l.First(), l.Last()} {
					b, err := l.Read(i)
					if err != nil && !errors.Is(err, ErrNotFound) || err == nil && !bytes.Equal(b, entry(i)) {
						t.Errorf("index %d: %v", i, err)
					}
				}
			}
		})
	}
	for i := uint64(2); i < 300; i += 3 {
		add(t, l, i, 3)
		if i%10 == 0 {
			must(t, l.CutHead(i-20*min(1, i/21)))
		}
	}
	close(stop)
	readers.Wait()
}

// TestALogThatCannotTellIsNotOpened: each of these is durable state that went.
func TestALogThatCannotTellIsNotOpened(t *testing.T) {
	for name, harm := range map[string]func(dir string, segments []string) error{
		"a segment is gone":             func(_ string, s []string) error { return os.Remove(s[1]) },
		"the last segment is gone":      func(_ string, s []string) error { return os.Remove(s[len(s)-1]) },
		"the list is gone":              func(dir string, _ []string) error { return os.Remove(filepath.Join(dir, metaFile)) },
		"the list is empty":             func(dir string, _ []string) error { return os.Truncate(filepath.Join(dir, metaFile), 0) },
		"a segment is cut short":        func(_ string, s []string) error { return os.Truncate(s[0], 2*sectorSize) },
		"the head of a segment is gone": func(_ string, s []string) error { return os.Truncate(s[len(s)-1], 0) },
	} {
		dir := t.TempDir()
		l := open(t, dir)
		for i := range uint64(20) {
			add(t, l, 1+3*i, 3)
		}
		must(t, l.Close())
		segments, err := filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
		must(t, err)
		must(t, harm(dir, segments))
		if _, err := Open(dir, Options{Segment: small}); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
