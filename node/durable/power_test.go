package durable_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/yizhan-exchange/yizhan/node/durable"
	"github.com/yizhan-exchange/yizhan/node/test/powercut"
)

// TestEveryCrashLeavesTheOldFileOrTheNew cuts the power before each call that
// making a directory and writing a file twice makes.
func TestEveryCrashLeavesTheOldFileOrTheNew(t *testing.T) {
	path := filepath.Join("a", "b", "c", "file")
	long := bytes.Repeat([]byte("long "), 2000)
	powercut.Everywhere(t, func(dir string) (written int) {
		path := filepath.Join(dir, path)
		if durable.MkdirAll(filepath.Dir(path), 0o700) != nil {
			return 0
		}
		for i, content := range [][]byte{long, []byte("short")} {
			if durable.WriteFile(path, ".new-*", content, 0o600) != nil {
				return i + 1
			}
		}
		return 3
	}, func(t *testing.T, dir string, written int) {
		got, err := os.ReadFile(filepath.Join(dir, path))
		switch {
		case os.IsNotExist(err) && written <= 1:
		case err == nil && bytes.Equal(got, long) && (written == 1 || written == 2):
		case err == nil && string(got) == "short" && written >= 2:
		default:
			t.Fatalf("after %d: %d bytes, %v", written, len(got), err)
		}
	})
}

// TestADirectoryThatAnEarlierProcessMadeIsSynced: it ended before it had synced
// the parent.
func TestADirectoryThatAnEarlierProcessMadeIsSynced(t *testing.T) {
	p := powercut.NewPlace(t)
	dir := filepath.Join(p.Dir, "a", "b")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p.Cut(powercut.LoseAll, 1)
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
}
