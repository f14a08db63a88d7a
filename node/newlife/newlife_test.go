package newlife_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/node/newlife"
)

func TestAMarkIsReadBackUntilItIsCleared(t *testing.T) {
	dir := t.TempDir()
	if _, found, err := newlife.Read(dir); found || err != nil {
		t.Fatalf("an empty directory has a mark: %v %v", found, err)
	}
	at := time.Date(2026, 11, 30, 5, 0, 0, 0, time.UTC)
	var tokens [2][16]byte
	for n := range tokens {
		if err := newlife.Mark(dir, newlife.Life{Reason: newlife.Restored, At: at, Index: 7}); err != nil {
			t.Fatal(err)
		}
		l, found, err := newlife.Read(dir)
		if err != nil || !found || l.Reason != newlife.Restored || !l.At.Equal(at) || l.Index != 7 {
			t.Fatalf("got %+v %v %v", l, found, err)
		}
		tokens[n] = l.Token
	}
	if tokens[0] == tokens[1] {
		t.Fatal("two marks have one token: the second life would be taken for the first")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Fatalf("temporary files are left: %v", left)
	}
	for range 2 {
		if err := newlife.Clear(dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, found, _ := newlife.Read(dir); found {
		t.Fatal("the mark is still there")
	}
}

func TestAMarkThatCannotBeReadIsNoAbsence(t *testing.T) {
	for _, content := range []string{"", "{", `{"reason":"restored"}`, "\x00"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, newlife.FileName), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := newlife.Read(dir); err == nil {
			t.Errorf("%q was taken for no mark", content)
		}
	}
}

func TestAReasonIsOneThatIsKnown(t *testing.T) {
	if newlife.Mark(t.TempDir(), newlife.Life{Reason: "whim"}) == nil {
		t.Fatal("a life began for no reason")
	}
}
