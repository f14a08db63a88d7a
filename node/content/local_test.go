package content_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/content"
	"github.com/yizhan-exchange/yizhan/node/content/contenttest"
)

func hash(t testing.TB) content.Hash {
	t.Helper()
	p, err := sm.New("emmansun")
	if err != nil {
		t.Fatal(err)
	}
	return p.Sum
}

func open(t testing.TB, dir string, reserve uint64) *content.Local {
	t.Helper()
	l, err := content.Open(dir, content.Options{Hash: hash(t), Reserve: reserve})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func chunkPath(dir string, a crypto.Digest) string {
	n := a.String()
	return filepath.Join(dir, "chunks", n[:2], n)
}

func flip(t testing.TB, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestLocalConforms(t *testing.T) {
	contenttest.Run(t, func(t *testing.T) contenttest.Opened {
		dir := t.TempDir()
		return contenttest.Opened{Store: open(t, dir, 1), Hash: hash(t), Damage: func(a crypto.Digest) { flip(t, chunkPath(dir, a)) }}
	})
}

func TestMemoryConforms(t *testing.T) {
	contenttest.Run(t, func(t *testing.T) contenttest.Opened {
		m := contenttest.NewMemory("a", hash(t))
		return contenttest.Opened{Store: m, Hash: hash(t), Damage: m.Damage}
	})
}

func TestLocalSurvivesARestartAndRemovesLeftovers(t *testing.T) {
	dir, c := t.TempDir(), contenttest.Chunk(hash(t), 1)
	l := open(t, dir, 1)
	if err := l.Put(t.Context(), c.Address, c.Data); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "tmp", "chunk-interrupted")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir, 1)
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("the leftover is there")
	}
	got, err := again.Get(t.Context(), c.Address)
	if err != nil || !bytes.Equal(got, c.Data) || again.ID() != l.ID() {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if open(t, t.TempDir(), 1).ID() == l.ID() {
		t.Fatal("two stores have one identity")
	}
}

func TestLocalRefusesToEatTheReserve(t *testing.T) {
	l, c := open(t, t.TempDir(), 1<<60), contenttest.Chunk(hash(t), 1)
	err := l.Put(t.Context(), c.Address, c.Data)
	if exchange.CodeOf(err) != exchange.Exhausted || !strings.Contains(err.Error(), "disk full") {
		t.Fatal(err)
	}
	if _, err := l.Get(t.Context(), c.Address); exchange.CodeOf(err) != exchange.NotFound {
		t.Fatal(err)
	}
}

func TestLocalSurvivesAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("no privilege to mount: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	l := open(t, dir, 1)
	var kept []content.Chunk
	for i := range 10 {
		data := bytes.Repeat([]byte{byte(i)}, 700_000)
		c := content.Chunk{Address: hash(t)(data), Data: data}
		err := l.Put(t.Context(), c.Address, c.Data)
		if err == nil {
			kept = append(kept, c)
			continue
		}
		if exchange.CodeOf(err) != exchange.Exhausted {
			t.Fatal(err)
		}
	}
	if len(kept) == 0 || len(kept) > 5 {
		t.Fatalf("kept %d", len(kept))
	}
	for _, c := range kept {
		if _, err := l.Get(t.Context(), c.Address); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Delete(t.Context(), kept[0].Address); err != nil {
		t.Fatal(err)
	}
	if err := l.Put(t.Context(), kept[0].Address, kept[0].Data); err != nil {
		t.Fatalf("after making room: %v", err)
	}
}
