package failpoint_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/node/failpoint"
)

var (
	declared = regexp.MustCompile(`(?m)^\t(\w+) +Name = "([\w.]+)"`)
	used     = regexp.MustCompile(`failpoint\.Hit\(failpoint\.(\w+)\)`)
)

// TestEveryNameIsListedAndMarksOneMoment reads the sources.
func TestEveryNameIsListedAndMarksOneMoment(t *testing.T) {
	text, err := os.ReadFile("failpoint.go")
	if err != nil {
		t.Fatal(err)
	}
	marks := map[string]int{}
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range used.FindAllStringSubmatch(string(b), -1) {
			marks[m[1]]++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	listed := map[failpoint.Name]bool{}
	for _, n := range failpoint.Names() {
		listed[n] = true
	}
	found := declared.FindAllStringSubmatch(string(text), -1)
	for _, m := range found {
		if marks[m[1]] != 1 || !listed[failpoint.Name(m[2])] {
			t.Errorf("%s marks %d moments, listed: %v", m[1], marks[m[1]], listed[failpoint.Name(m[2])])
		}
	}
	if len(found) != len(listed) || len(found) < 20 {
		t.Errorf("%d declared, %d listed", len(found), len(listed))
	}
}
