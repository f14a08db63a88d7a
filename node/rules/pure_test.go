package rules

import (
	"fmt"
	"go/ast"
	"slices"
	"testing"
)

// pure are the rooms in which the same arguments give the same answer, for
// ever and on every replica: no clock, no randomness, no goroutine, no input or
// output. What they need of these is handed to them.
var pure = []string{
	"crypto",             // types alone
	"crypto/merkle",      // roots are compared between replicas
	"exchange",           // encodings are signed
	"exchange/ledger",    // Apply
	"exchange/route",     // Apply asks it
	"exchange/official",  // refusals must be the same wherever they are asked for
	"exchange/casework",  // as official; legal clocks are given the time
	"exchange/calendar",  // as official
	"exchange/form",      // as official
	"exchange/directory", // who is who depends on statements alone
	"policy/facts",       // a replay must find the same facts
	"policy/kernel",      // and the same judgement
}

// impure are packages that a pure room has no use for. testing/fs-like
// interfaces (io, io/fs, embed) are values and allowed.
var impure = []string{
	"crypto/rand", "math/rand", "math/rand/v2", "os", "os/exec", "net", "net/http", "syscall", "unsafe",
	"go.etcd.io/bbolt", "github.com/hashicorp/raft", "google.golang.org/grpc", "runtime",
}

// clock are the names in package time that look at the clock or wait for it.
var clock = []string{
	"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Sleep",
	"Local", "LoadLocation", // differ from machine to machine
}

func TestPureRoomsArePure(t *testing.T) {
	report(t, checkPure(sources(t)))
}

func checkPure(files []*file) (found []string) {
	for _, f := range files {
		if f.isTest() || !slices.Contains(pure, f.room()) {
			continue
		}
		say := func(n ast.Node, what string) {
			found = append(found, fmt.Sprintf("%s: %s is pure and %s", f.at(n), f.room(), what))
		}
		f.imports(func(spec *ast.ImportSpec, target string, own bool) {
			if slices.Contains(impure, target) || own && within(target, "proto/...") {
				say(spec, "imports "+target)
			}
		})
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				say(n, "starts a goroutine")
			case *ast.SelectStmt:
				say(n, "waits in a select")
			case *ast.SelectorExpr:
				if of(n, "time") && slices.Contains(clock, n.Sel.Name) {
					say(n, "uses time."+n.Sel.Name)
				}
			}
			return true
		})
	}
	return found
}

// of reports whether a selector is of the package with that name. No room
// shadows or renames the packages asked for here.
func of(n *ast.SelectorExpr, name string) bool {
	x, ok := n.X.(*ast.Ident)
	return ok && x.Name == name
}
