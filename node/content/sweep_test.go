package content

import (
	"bytes"
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

func opened(t testing.TB) *Local {
	t.Helper()
	p, err := sm.New("")
	if err != nil {
		t.Fatal(err)
	}
	l, err := Open(t.TempDir(), Options{Hash: p.Sum, Reserve: 1})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// aged keeps a chunk and dates it back.
func aged(t *testing.T, l *Local, data []byte, age time.Duration) crypto.Digest {
	t.Helper()
	a := l.opts.Hash(data)
	if err := l.Put(t.Context(), a, data); err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-age)
	if err := os.Chtimes(l.path(a), at, at); err != nil {
		t.Fatal(err)
	}
	return a
}

func there(t *testing.T, l *Local, a crypto.Digest) bool {
	t.Helper()
	has, err := l.Has(t.Context(), []crypto.Digest{a})
	if err != nil {
		t.Fatal(err)
	}
	return has[0]
}

func sparing(keep ...crypto.Digest) func([]crypto.Digest) ([]bool, error) {
	return func(asked []crypto.Digest) ([]bool, error) {
		out := make([]bool, len(asked))
		for i, a := range asked {
			for _, k := range keep {
				out[i] = out[i] || a == k
			}
		}
		return out, nil
	}
}

func TestASweepTakesWhatIsOldAndReferredToByNobody(t *testing.T) {
	l := opened(t)
	old, young, referred := aged(t, l, []byte("old"), time.Hour), aged(t, l, []byte("young"), time.Minute), aged(t, l, []byte("referred"), time.Hour)
	again := aged(t, l, []byte("again"), time.Hour)
	if err := l.Put(t.Context(), again, []byte("again")); err != nil { // an upload brings what is there already
		t.Fatal(err)
	}
	report, err := l.Sweep(t.Context(), Sweep{Before: time.Now().Add(-30 * time.Minute), Spare: sparing(referred)})
	if err != nil || report.Looked != 4 || report.Swept != 1 || report.Bytes != 3 {
		t.Fatalf("%+v, %v", report, err)
	}
	if there(t, l, old) || !there(t, l, young) || !there(t, l, referred) || !there(t, l, again) {
		t.Fatal("it took the wrong ones")
	}
}

// TestASweepLooksOnceMoreBeforeItDeletes: a reference that comes between the
// first look and the deletion counts.
func TestASweepLooksOnceMoreBeforeItDeletes(t *testing.T) {
	l := opened(t)
	a := aged(t, l, []byte("x"), time.Hour)
	looks := 0
	report, err := l.Sweep(t.Context(), Sweep{Before: time.Now(), Spare: func(asked []crypto.Digest) ([]bool, error) {
		looks++
		return []bool{looks > 1}, nil
	}})
	if err != nil || looks != 2 || report.Swept != 0 || !there(t, l, a) {
		t.Fatalf("%d looks, %+v, %v", looks, report, err)
	}
	broken := errors.New("the ledger is closed")
	if _, err := l.Sweep(t.Context(), Sweep{Before: time.Now(), Spare: func([]crypto.Digest) ([]bool, error) { return nil, broken }}); !errors.Is(err, broken) || !there(t, l, a) {
		t.Fatalf("without a ledger: %v", err)
	}
}

// TestASweepNeverTakesWhatWasJustKept puts the same chunk again and again while
// it is swept: after each Put it is there.
func TestASweepNeverTakesWhatWasJustKept(t *testing.T) {
	l := opened(t)
	data := bytes.Repeat([]byte("x"), 1000)
	a := aged(t, l, data, time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			_, _ = l.Sweep(ctx, Sweep{Before: time.Now().Add(-time.Minute), Spare: sparing()})
		}
	})
	for range 200 {
		old := time.Now().Add(-time.Hour)
		_ = os.Chtimes(l.path(a), old, old) // gone, perhaps
		if err := l.Put(t.Context(), a, data); err != nil {
			t.Fatal(err)
		}
		if !there(t, l, a) {
			t.Fatal("swept after it was kept")
		}
	}
	cancel()
	wg.Wait()
}
