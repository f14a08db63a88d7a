package rules

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
)

// A rule that cannot fail guards nothing: each checker is shown a tree that
// breaks it, and a tree beside it that does not.

func tree(t *testing.T, files map[string]string) []*file {
	t.Helper()
	fs := fstest.MapFS{}
	for name, source := range files {
		fs[name] = &fstest.MapFile{Data: []byte(source)}
	}
	parsed, err := load(fs)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func importing(target string) string {
	return fmt.Sprintf("package p\n\nimport _ %q\n", target)
}

func TestForbiddenImportsAreFound(t *testing.T) {
	for _, c := range []struct {
		file, target string
		found        bool
	}{
		{"crypto/seal/a.go", module + "/crypto/sm", false},
		{"crypto/seal/a.go", module + "/exchange", true},
		{"crypto/seal/a_test.go", module + "/exchange", true},
		{"proto/yizhan/v1/a.pb.go", module + "/exchange", true},
		{"exchange/a.go", module + "/crypto", false},
		{"exchange/a.go", module + "/crypto/sm", true},
		{"exchange/ledger/a.go", module + "/proto/yizhan/v1", true},
		{"exchange/ledger/a.go", module + "/exchange/official", true},
		{"exchange/pipeline/a.go", module + "/policy", false},
		{"exchange/pipeline/a.go", module + "/exchange/ledger/ledgertest", true},
		{"exchange/pipeline/a_test.go", module + "/exchange/ledger/ledgertest", false},
		{"exchange/pipeline/a.go", module + "/node/store", true},
		{"exchange/audit/a.go", module + "/policy", true},
		{"policy/layer/a.go", module + "/policy/facts", false},
		{"policy/layer/a.go", module + "/crypto/sm", true},
		{"node/raftnode/a.go", module + "/node/store", false},
		{"node/store/a.go", module + "/node/raftnode", true},
		{"node/link/a.go", module + "/node/replica", true},
		{"node/link/a.go", module + "/policy", true},
		{"node/link/a.go", module + "/node", true},
		{"node/a.go", module + "/node/link", false},
		{"node/a.go", module + "/node/cmd/yizhan", true},
		{"node/cmd/yizhan/a.go", module + "/node", false},
		{"unplanned/a.go", module + "/crypto", true},
		{"exchange/pipeline/a.go", "github.com/open-policy-agent/opa/v1/ast", true},
		{"policy/layer/a.go", "github.com/open-policy-agent/opa/v1/ast", false},
		{"node/raftnode/a.go", "go.etcd.io/bbolt", true},
		{"node/raftnode/a.go", "testing", true},
		{"node/raftnode/a_test.go", "testing", false},
	} {
		found := checkImports(tree(t, map[string]string{c.file: importing(c.target)}))
		if (len(found) > 0) != c.found {
			t.Errorf("%s imports %s: found %q", c.file, c.target, found)
		}
	}
}

func TestImpurityIsFound(t *testing.T) {
	const head = "package p\n\nimport \"time\"\n\n"
	for source, found := range map[string]bool{
		head + "var d = time.Second\n":                               false,
		head + "func f() int64 { return time.Unix(1, 0).Unix() }\n":  false,
		head + "func f() time.Time { return time.Now() }\n":          true,
		head + "var now = time.Now\n":                                true,
		head + "func f() { go f(); time.Sleep(1) }\n":                true,
		"package p\n\nfunc f(c chan int) { select { case <-c: } }\n": true,
		importing("math/rand/v2"):                                    true,
		importing("crypto/rand"):                                     true,
		importing("os"):                                              true,
		importing(module + "/proto/yizhan/v1"):                       true,
		importing("strings"):                                         false,
	} {
		if got := checkPure(tree(t, map[string]string{"exchange/ledger/a.go": source})); (len(got) > 0) != found {
			t.Errorf("%q: found %q", source, got)
		}
		for _, elsewhere := range []string{"node/link/a.go", "exchange/ledger/a_test.go"} {
			if got := checkPure(tree(t, map[string]string{elsewhere: source})); len(got) > 0 {
				t.Errorf("%s is not pure, yet %q", elsewhere, got)
			}
		}
	}
}

func TestLintFindsWhatItIsFor(t *testing.T) {
	long := "package p\n" + strings.Repeat("\n// line\n", mostLines)
	for _, c := range []struct {
		find         func(*file) []string
		file, source string
		found        bool
	}{
		{unformatted, "a.go", "package  p\n", true},
		{unformatted, "a.go", "package p\n", false},
		{tooLong, "a.go", long, true},
		{tooLong, "a.go", "package p\n", false},
		{unreasoned, "a.go", "package p\n\n// TO" + "DO: fix\n", true},
		{unreasoned, "a.go", "package p\n\n// TO" + "DO: use the device's own counter once drivers have one\n", false},
		{silentSkips, "a_test.go", "package p\n\nfunc f(t T) { t.Skip() }\n", true},
		{silentSkips, "a_test.go", "package p\n\nfunc f(t T) { t.SkipNow() }\n", true},
		{silentSkips, "a_test.go", "package p\n\nfunc f(t T) { t.Skip(\"no openssl\") }\n", false},
		{silentSkips, "a_test.go", "package p\n\nfunc f(f F) { f.Fuzz(func(t T) { t.Skip() }) }\n", false},
		{loud, "a.go", "package p\n\nfunc f() { fmt.Println() }\n", true},
		{loud, "a.go", "package p\n\nfunc f() { os.Exit(1) }\n", true},
		{loud, "a.go", "package p\n\nfunc f() { println() }\n", true},
		{loud, "a.go", "package p\n\nfunc f() { fmt.Sprint() }\n", false},
		{loud, "node/cmd/yizhan/a.go", "package main\n\nfunc f() { os.Exit(1) }\n", false},
		{panics, "a.go", "package p\n\nfunc f() { panic(1) }\n", true},
		{panics, "a.go", "package p\n\nfunc f() {\n\tpanic(1) // the table is complete\n}\n", false},
		{panics, "a.go", "package p\n\n// f panics when x is negative.\nfunc f() { panic(1) }\n", false},
		{panics, "a.go", "package p\n\nfunc mustF() { panic(1) }\n", false},
		{inits, "a.go", "package p\n\nfunc init() {}\n", true},
		{inits, "a.go", "package p\n\nfunc (x T) init() {}\n", false},
		{undocumented, "a.go", "package p\n\nfunc F() {}\n", true},
		{undocumented, "a.go", "package p\n\ntype T int\n", true},
		{undocumented, "a.go", "package p\n\n// T counts.\ntype T int\n\n// F adds.\nfunc (t *T) F() {}\n", false},
		{undocumented, "a.go", "package p\n\nfunc (t *t) F() {}\n", false},
	} {
		f := tree(t, map[string]string{c.file: c.source})[0]
		if got := c.find(f); (len(got) > 0) != c.found {
			t.Errorf("%q: found %q", c.source, got)
		}
	}
}
