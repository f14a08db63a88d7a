// Package rules holds the rules of the house as tests: who may import whom,
// which rooms are pure, how large a file may grow, what lint refuses, and that
// the commands in the documents exist. The rules are tables, each line with its
// reason; a rule that the code has a good reason to break is changed here, in
// the open, and nowhere else.
package rules

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	module = "github.com/yizhan-exchange/yizhan"
	root   = "../.." // of the repository, from this package
)

// file is one parsed Go file of the tree.
type file struct {
	path   string // from the root of the repository
	source []byte
	lines  int
	syntax *ast.File
	set    *token.FileSet
}

// room is the directory of the file, "." for the root.
func (f *file) room() string { return path.Dir(f.path) }

// isTest reports whether the file is compiled into tests only: by its name, or
// because it belongs to a test kit.
func (f *file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") || isKit(f.room()) }

// isKit reports whether a package serves tests alone. Its name ends in "test",
// as net/http/httptest does, or it stands below a folder of that name.
func isKit(room string) bool {
	return strings.HasSuffix(room, "test") || strings.Contains(room, "test/")
}

func (f *file) generated() bool { return ast.IsGenerated(f.syntax) }

// at is the place of a node, as editors read it.
func (f *file) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, f.set.Position(n.Pos()).Line)
}

// imports calls fn with every import: inside the module as a room ("crypto/sm",
// "." for the root), otherwise as the library's path.
func (f *file) imports(fn func(spec *ast.ImportSpec, target string, own bool)) {
	for _, spec := range f.syntax.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // does not parse
		}
		if p == module {
			fn(spec, ".", true)
		} else if inside, own := strings.CutPrefix(p, module+"/"); own {
			fn(spec, inside, true)
		} else {
			fn(spec, p, false)
		}
	}
}

// load parses every Go file below the root, whatever its build tags. Folders
// that hold no source of ours are passed over, as the go command does.
func load(tree fs.FS) ([]*file, error) {
	var files []*file
	set := token.NewFileSet()
	err := fs.WalkDir(tree, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // gone while we walked
		case err != nil:
			return err
		case d.IsDir() && p != "." && skipped(d.Name()):
			return fs.SkipDir
		case d.IsDir() || path.Ext(p) != ".go":
			return nil
		}
		source, err := fs.ReadFile(tree, p)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(set, p, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, &file{p, source, strings.Count(string(source), "\n"), syntax, set})
		return nil
	})
	return files, err
}

func skipped(dir string) bool {
	return strings.HasPrefix(dir, ".") || strings.HasPrefix(dir, "_") || dir == "testdata" || dir == "vendor"
}

var repository = sync.OnceValues(func() ([]*file, error) { return load(os.DirFS(root)) })

// sources is the repository, parsed once for all tests.
func sources(t *testing.T) []*file {
	t.Helper()
	files, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 100 {
		t.Fatalf("%d Go files found: this is not the repository", len(files))
	}
	return files
}

// report fails the test with everything that was found.
func report(t *testing.T, found []string) {
	t.Helper()
	sort.Strings(found)
	for _, f := range found {
		t.Error(f)
	}
}

// within reports whether a room matches a pattern: a room, or a room and
// everything below it ("crypto/...").
func within(room, pattern string) bool {
	above, subtree := strings.CutSuffix(pattern, "/...")
	return room == above || subtree && strings.HasPrefix(room, above+"/")
}

func withinAny(room string, patterns []string) bool {
	for _, p := range patterns {
		if within(room, p) {
			return true
		}
	}
	return false
}
