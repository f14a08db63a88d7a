package rules

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	mostLines  = 800 // of a file that people write
	manyLines  = 450 // worth a look
	leastWords = 20  // characters of the reason for leaving something undone
)

// lint is one rule: what it finds in a file.
type lint struct {
	name string
	find func(*file) []string
}

var lints = []lint{
	{"gofmt", unformatted},
	{"a file has at most 800 lines", tooLong},
	{"a TODO has a reason", unreasoned},
	{"a skipped test says why", silentSkips},
	{"libraries do not print, exit or log to a global", loud},
	{"a panic in a library names the invariant", panics},
	{"no init: it cannot fail and cannot be tested", inits},
	{"exported names are documented", undocumented},
}

func TestLint(t *testing.T) {
	files := sources(t)
	for _, l := range lints {
		t.Run(strings.ReplaceAll(l.name, " ", "_"), func(t *testing.T) {
			var found []string
			for _, f := range files {
				if !f.generated() {
					found = append(found, l.find(f)...)
				}
			}
			report(t, found)
		})
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	said := map[string]bool{}
	for _, f := range sources(t) {
		if !f.generated() {
			said[f.room()] = said[f.room()] || f.syntax.Doc != nil
		}
	}
	for room, ok := range said {
		if !ok {
			t.Errorf("%s has no package comment", room)
		}
	}
}

func unformatted(f *file) []string {
	formatted, err := format.Source(f.source)
	if err != nil || !bytes.Equal(formatted, f.source) {
		return []string{f.path + ": run gofmt"}
	}
	return nil
}

func tooLong(f *file) []string {
	if f.lines > mostLines {
		return []string{fmt.Sprintf("%s: %d lines; split it", f.path, f.lines)}
	}
	return nil
}

func TestLongFilesAreListed(t *testing.T) {
	for _, f := range sources(t) {
		if f.lines > manyLines && !f.generated() {
			t.Logf("%s: %d lines", f.path, f.lines)
		}
	}
}

var todo = regexp.MustCompile(`\b(?:TO` + `DO|FIX` + `ME|XX` + `X)\b(.*)`)

func unreasoned(f *file) (found []string) {
	for _, group := range f.syntax.Comments {
		for _, c := range group.List {
			if m := todo.FindStringSubmatch(c.Text); m != nil && len(strings.TrimSpace(m[1])) < leastWords {
				found = append(found, f.at(c)+": say what is missing and why it may be")
			}
		}
	}
	return found
}

// silentSkips finds Skip without a message. Inside a fuzz target it only means
// that the input is of no interest.
func silentSkips(f *file) (found []string) {
	if !f.isTest() {
		return nil
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		call, sel := method(n)
		if sel == nil {
			return true
		}
		if sel.Sel.Name == "Fuzz" {
			return false
		}
		if sel.Sel.Name == "SkipNow" || sel.Sel.Name == "Skip" && len(call.Args) == 0 {
			found = append(found, f.at(n)+": skip with a message")
		}
		return true
	})
	return found
}

// method is a call of a function with a dot before its name, or nil.
func method(n ast.Node) (*ast.CallExpr, *ast.SelectorExpr) {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil, nil
	}
	sel, _ := call.Fun.(*ast.SelectorExpr)
	return call, sel
}

// silent are calls that only a command may make.
var silent = map[string][]string{
	"fmt": {"Print", "Printf", "Println"},
	"os":  {"Exit"},
	"log": {"Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Panicln", "Print", "Printf", "Println"},
}

func loud(f *file) (found []string) {
	if f.isTest() || within(f.room(), "node/cmd/...") {
		return nil
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		call, sel := method(n)
		if sel != nil {
			for name, calls := range silent {
				if of(sel, name) && slices.Contains(calls, sel.Sel.Name) {
					found = append(found, fmt.Sprintf("%s: %s.%s in a library", f.at(n), name, sel.Sel.Name))
				}
			}
		} else if call != nil && (named(call.Fun, "print") || named(call.Fun, "println")) {
			found = append(found, f.at(n)+": print in a library")
		}
		return true
	})
	return found
}

func named(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// panics finds panics without a comment in or above their function. Functions
// named must… say by their name that their argument cannot be wrong.
func panics(f *file) (found []string) {
	if f.isTest() {
		return nil
	}
	for _, d := range f.syntax.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || strings.HasPrefix(strings.ToLower(fn.Name.Name), "must") || explained(f, fn) {
			continue
		}
		ast.Inspect(fn, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && named(call.Fun, "panic") {
				found = append(found, f.at(n)+": say what makes this impossible, or return an error")
			}
			return true
		})
	}
	return found
}

func explained(f *file, fn *ast.FuncDecl) bool {
	if fn.Doc != nil && strings.Contains(fn.Doc.Text(), "panic") {
		return true
	}
	return slices.ContainsFunc(f.syntax.Comments, func(c *ast.CommentGroup) bool {
		return fn.Pos() < c.Pos() && c.Pos() < fn.End()
	})
}

func inits(f *file) (found []string) {
	for _, d := range f.syntax.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" && !f.isTest() {
			found = append(found, f.at(fn)+": build it where it is used")
		}
	}
	return found
}

// undocumented finds exported functions, methods and types without a comment.
// Methods of unexported types are not part of what a reader sees.
func undocumented(f *file) (found []string) {
	if f.isTest() || f.syntax.Name.Name == "main" {
		return nil
	}
	for _, d := range f.syntax.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && d.Name.IsExported() && visible(d.Recv) {
				found = append(found, fmt.Sprintf("%s: %s has no comment", f.at(d), d.Name.Name))
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if ts, ok := s.(*ast.TypeSpec); ok && ts.Name.IsExported() && d.Doc == nil && ts.Doc == nil && ts.Comment == nil {
					found = append(found, fmt.Sprintf("%s: %s has no comment", f.at(ts), ts.Name.Name))
				}
			}
		}
	}
	return found
}

func visible(recv *ast.FieldList) bool {
	if recv == nil {
		return true
	}
	t := recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}
