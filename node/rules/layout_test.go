package rules

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// topLevel is everything that may stand at the top of the repository, besides
// names that begin with a dot and build output that git ignores.
var topLevel = []string{
	"LICENSE", "README.md", "go.mod", "go.sum",
	"crypto", "deploy", "exchange", "node", "policy", "proto",
}

var buildOutput = []string{"yizhan", "dist"}

func TestTopLevelIsFixed(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(topLevel, e.Name()) && !slices.Contains(buildOutput, e.Name()) {
			t.Errorf("%s: everything has a room; see README.md", e.Name())
		}
	}
	for _, name := range topLevel {
		if !slices.Contains(names, name) {
			t.Errorf("%s is missing", name)
		}
	}
}
