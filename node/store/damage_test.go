package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// fill applies an entry that writes n rows of a table.
type rows struct{ n int }

func rowOf(i int) (key, value []byte) {
	return fmt.Appendf(nil, "key-%05d", i), bytes.Repeat(fmt.Appendf(nil, "<%d>", i), 1+i%150)
}

func (f rows) Apply(_ ledger.Reader, _ uint64, _ []byte) (result []byte, m []ledger.Mutation, err error) {
	for i := range f.n {
		k, v := rowOf(i)
		m = append(m, ledger.Mutation{Table: ledger.TableExchange, Key: k, Value: v})
	}
	return []byte("done"), m, nil
}

// believed reads all rows and tells whether each is what was written.
func believed(s *Store, n int) (wrong string, err error) {
	err = s.View(func(r ledger.Reader) error {
		i := 0
		r.Scan(ledger.TableExchange, nil, nil, func(k, v []byte) bool {
			if wantKey, want := rowOf(i); !bytes.Equal(k, wantKey) || !bytes.Equal(v, want) {
				wrong = fmt.Sprintf("row %d is %q", i, k)
			}
			i++
			return wrong == ""
		})
		if wrong == "" && i != n {
			wrong = fmt.Sprintf("%d rows", i)
		}
		return nil
	})
	return wrong, err
}

// TestAFlippedBitIsNoticedOrHarmless flips one bit of the file at a time. Either
// the file does not open, or reading says that it is damaged, or the bit was in
// no row: never is something else believed, and never does the process end.
func TestAFlippedBitIsNoticedOrHarmless(t *testing.T) {
	const n = 400
	dir := t.TempDir()
	s, err := Open(dir, Options{Hash: sm3(t), MapSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(rows{n}, []Entry{{Index: 1, Term: 1, Commands: [][]byte{{1}}}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		t.Fatal(err)
	}
	defer func(p time.Duration) { closePatience = p }(closePatience)
	closePatience = 20 * time.Millisecond
	const runs = 90
	refused, noticed, harmless := 0, 0, 0
	r := rand.New(rand.NewPCG(3, 3))
	for run := range runs {
		at := r.IntN(len(whole))
		if run%3 == 0 {
			at = at&^0xfff + r.IntN(64) // headers and elements of pages
		}
		b := bytes.Clone(whole)
		b[at] ^= 1 << r.IntN(8)
		if err := os.WriteFile(filepath.Join(dir, stateFile), b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir, Options{Hash: sm3(t), MapSize: 1 << 20})
		if err != nil {
			refused++
			continue
		}
		wrong, err := believed(s, n)
		scrubbed := s.Scrub(func() error { return nil })
		_, applied := s.Apply(rows{n}, []Entry{{Index: 2, Term: 1, Commands: [][]byte{{2}}}})
		switch {
		case err == nil && wrong != "" && scrubbed == nil:
			t.Errorf("byte %d: %s, and nobody noticed", at, wrong)
		case err != nil || scrubbed != nil || applied != nil:
			noticed++
			if s.Harm() == nil {
				t.Errorf("byte %d: %v, %v, %v, and it is not harmed", at, err, scrubbed, applied)
			}
			if err != nil && exchange.CodeOf(err) != exchange.Unavailable {
				t.Errorf("byte %d: %v", at, err)
			}
		default:
			harmless++
		}
		_ = s.Close()
	}
	t.Logf("%d bits: %d refused at open, %d noticed, %d in no row", runs, refused, noticed, harmless)
	if noticed == 0 {
		t.Error("none was noticed")
	}
}

func TestAfterDamageNothingIsApplied(t *testing.T) {
	s, err := Open(t.TempDir(), Options{Hash: sm3(t), MapSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	err = s.View(func(ledger.Reader) error { panic(&DamageError{Why: "a test"}) })
	if !errors.As(err, new(*DamageError)) {
		t.Fatal(err)
	}
	<-s.Harmed()
	stopped := new(StoppedError)
	if _, err := s.Apply(rows{1}, []Entry{{Index: 1, Term: 1, Commands: [][]byte{{1}}}}); !errors.As(err, &stopped) || stopped.Index != 1 {
		t.Error(err)
	}
}
