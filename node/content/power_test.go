package content

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/node/test/powercut"
)

func sm3(t *testing.T) Hash {
	p, err := sm.New("emmansun")
	if err != nil {
		t.Fatal(err)
	}
	return p.Sum
}

// TestAChunkThatWasPutIsThereAfterEveryCrash cuts the power before each call of
// a few uploads, some at once and into one directory.
func TestAChunkThatWasPutIsThereAfterEveryCrash(t *testing.T) {
	hash := sm3(t)
	chunks := map[crypto.Digest][]byte{}
	for i := range 5 {
		data := fmt.Appendf(nil, "chunk %d", i)
		chunks[hash(data)] = data
	}
	powercut.Everywhere(t, func(dir string) (kept []crypto.Digest) {
		l, err := Open(filepath.Join(dir, "content"), Options{Hash: hash, Reserve: 1})
		if err != nil {
			return nil
		}
		var mu sync.Mutex
		var uploads sync.WaitGroup
		for a, data := range chunks {
			uploads.Go(func() {
				for range 2 { // also what is there already
					if l.Put(t.Context(), a, data) != nil {
						return
					}
					mu.Lock()
					kept = append(kept, a)
					mu.Unlock()
				}
			})
		}
		uploads.Wait()
		return kept
	}, func(t *testing.T, dir string, kept []crypto.Digest) {
		l, err := Open(filepath.Join(dir, "content"), Options{Hash: hash, Reserve: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range kept {
			if _, err := l.Get(t.Context(), a); err != nil {
				t.Errorf("%s: %v", a.Short(), err)
			}
		}
		for a, data := range chunks {
			if err := l.Put(t.Context(), a, data); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestADirectoryMadeByAnotherUploadIsSynced: the other has made it, and has not
// come so far as to sync its parent.
func TestADirectoryMadeByAnotherUploadIsSynced(t *testing.T) {
	hash := sm3(t)
	p := powercut.NewPlace(t)
	dir := filepath.Join(p.Dir, "content")
	l, err := Open(dir, Options{Hash: hash, Reserve: 1})
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("mine")
	a := hash(data)
	other := l.path(a) + ".other" // place makes the directory on its way
	if err := l.place(filepath.Join(dir, idFile), other); err != nil {
		t.Fatal(err)
	}
	if err := l.place(other, filepath.Join(dir, idFile)); err != nil {
		t.Fatal(err)
	}
	if err := l.Put(t.Context(), a, data); err != nil {
		t.Fatal(err)
	}
	p.Cut(powercut.LoseAll, 1)
	if l, err = Open(dir, Options{Hash: hash, Reserve: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Get(t.Context(), a); err != nil {
		t.Error(err)
	}
}
