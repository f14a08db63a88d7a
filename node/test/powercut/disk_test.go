package powercut

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func syncPath(t testing.TB, path string) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	must(t, f.Sync(), f.Close())
}

func TestWhatWasNotSyncedIsGone(t *testing.T) {
	p := NewPlace(t)
	in := func(name string) string { return filepath.Join(p.Dir, name) }
	must(t, os.Mkdir(in("kept"), 0o700), os.Mkdir(in("lost"), 0o700))
	for _, name := range []string{"kept/synced", "kept/unsynced", "kept/unnamed", "lost/synced"} {
		must(t, os.WriteFile(in(name), []byte(name), 0o600))
	}
	for _, name := range []string{"kept/synced", "lost/synced", "kept/unnamed"} {
		syncPath(t, in(name))
	}
	must(t, os.Rename(in("kept/unnamed"), in("kept/renamed")))
	syncPath(t, in("lost"))
	syncPath(t, in("kept"))
	must(t, os.Remove(in("lost/synced")), os.Mkdir(in("late"), 0o700))
	must(t, os.Rename(in("kept/renamed"), in("kept/again")))
	p.Disk.syncDir(p.Disk.root) // both directories are named from here on, and "late"
	must(t, os.Mkdir(in("later"), 0o700))
	p.Cut(LoseAll, 1)
	for name, want := range map[string]string{"kept/synced": "kept/synced", "kept/unsynced": "", "kept/renamed": "kept/unnamed", "lost/synced": "lost/synced"} {
		if got, err := os.ReadFile(in(name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"kept/unnamed", "kept/again", "later"} {
		if _, err := os.Stat(in(name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(in("late")); err != nil {
		t.Error(err)
	}
}

func TestADirectoryThatItsParentDoesNotKnowIsGone(t *testing.T) {
	p := NewPlace(t)
	name := filepath.Join(p.Dir, "data", "file")
	must(t, os.Mkdir(filepath.Dir(name), 0o700), os.WriteFile(name, []byte("x"), 0o600))
	syncPath(t, name)
	syncPath(t, filepath.Dir(name))
	p.Cut(LoseAll, 1)
	if left, err := os.ReadDir(p.Dir); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestPartsOfWritesAreLeft sees that every kind of loss happens, by sectors,
// and the same for the same seed.
func TestPartsOfWritesAreLeft(t *testing.T) {
	left := func(loss Loss, seed uint64) string {
		d := NewDisk()
		e := d.newEntry(false, 0o600)
		d.rename(set{d.root, "f", e})
		d.syncDir(d.root)
		for i := range 4 {
			d.change(e, write{offset: int64(i) * 2 * sector, data: bytes.Repeat([]byte{'1' + byte(i)}, 2*sector)})
		}
		after := d.Cut(loss, seed).root.names["f"].data
		b := make([]byte, after.size)
		after.read(b, 0)
		out := ""
		for i := 0; i < len(b); i += sector {
			if whole := bytes.Count(b[i:i+sector], b[i:i+1]); whole != sector {
				t.Fatalf("seed %d: a sector in parts", seed)
			}
			out += string(b[i] | '0')
		}
		return out
	}
	seen := map[Loss]map[string]bool{LoseAll: {}, LosePrefix: {}, LoseSome: {}}
	for loss, seen := range seen {
		for seed := range uint64(40) {
			got := left(loss, seed)
			if got != left(loss, seed) {
				t.Fatalf("seed %d means two things", seed)
			}
			seen[got] = true
		}
	}
	if len(seen[LoseAll]) != 1 || len(seen[LosePrefix]) != 5 || len(seen[LoseSome]) < 15 {
		t.Errorf("%v", seen)
	}
}
