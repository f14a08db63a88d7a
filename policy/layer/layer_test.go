package layer_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy/baseline"
	"github.com/yizhan-exchange/yizhan/policy/layer"
)

func file(path, text string) exchange.PolicyFile {
	return exchange.PolicyFile{Path: path, Data: []byte(text)}
}

const head = "package yizhan.layer\n\nallow := true\n"

func TestCheckNamesFileAndLine(t *testing.T) {
	list := layer.Check([]exchange.PolicyFile{file("rules/a.rego", head+"\nx if {\n")})
	if len(list) == 0 || !strings.HasPrefix(list[0].Field, "rules/a.rego:") || list[0].Code != "syntax" {
		t.Fatalf("%+v", list)
	}
	list = layer.Check([]exchange.PolicyFile{file("a.rego", head+"\nx if nosuch(1)\n")})
	if len(list) != 1 || list[0].Field != "a.rego:5" || list[0].Code != "builtin.forbidden" {
		t.Fatalf("%+v", list)
	}
}

func TestCheckFindsWhatIsWrongWithFiles(t *testing.T) {
	deep := strings.Repeat("[", layer.MaxDepth+1) + strings.Repeat("]", layer.MaxDepth+1)
	ok := file("ok.rego", head)
	for name, c := range map[string]struct {
		files []exchange.PolicyFile
		code  string
	}{
		"twice":       {[]exchange.PolicyFile{ok, ok}, "file.duplicate"},
		"kind":        {[]exchange.PolicyFile{ok, file("a.txt", "x")}, "file.kind"},
		"large":       {[]exchange.PolicyFile{file("a.rego", strings.Repeat(" ", layer.MaxFile+1))}, "file.size"},
		"many":        {make([]exchange.PolicyFile, layer.MaxFiles+1), "bundle.size"},
		"deep":        {[]exchange.PolicyFile{ok, file("a.json", `{"a": `+deep+`}`)}, "file.form"},
		"deep rule":   {[]exchange.PolicyFile{file("a.rego", head+"x := "+deep)}, "file.form"},
		"not UTF-8":   {[]exchange.PolicyFile{file("a.rego", head+"# \xff")}, "file.form"},
		"not JSON":    {[]exchange.PolicyFile{ok, file("a.json", "{")}, "data.syntax"},
		"no object":   {[]exchange.PolicyFile{ok, file("a.json", "[1]")}, "data.syntax"},
		"two values":  {[]exchange.PolicyFile{ok, file("a.json", "{} {}")}, "data.syntax"},
		"reserved":    {[]exchange.PolicyFile{ok, file("a.json", `{"yizhan": {"layer": {"allow": true}}}`)}, "data.key"},
		"clash":       {[]exchange.PolicyFile{ok, file("a.json", `{"a": 1}`), file("b.json", `{"a": 2}`)}, "data.key"},
		"number":      {[]exchange.PolicyFile{ok, file("a.json", `{"a": [{"b": 1e400000000}]}`)}, "number.form"},
		"empty":       {[]exchange.PolicyFile{ok, file("a.rego", "")}, "syntax"},
		"test allows": {[]exchange.PolicyFile{ok, file("a_test.rego", head)}, "entry.test"},
		"unused":      {[]exchange.PolicyFile{file("a.rego", head+"x if { y := 1 }")}, "compile"},
		"recursion":   {[]exchange.PolicyFile{file("a.rego", head+"x if y\ny if x")}, "compile"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, p := range layer.Check(c.files) {
				if p.Code == c.code {
					return
				}
			}
			t.Fatalf("no %s in %+v", c.code, layer.Check(c.files))
		})
	}
}

func TestShippedPoliciesPass(t *testing.T) {
	for name, files := range map[string][]exchange.PolicyFile{
		"province": baseline.Province(), "city": baseline.City(), "county": baseline.County(),
	} {
		if list := layer.Check(files); len(list) > 0 {
			t.Errorf("%s: %+v", name, list)
		}
	}
}

func TestShippedReasonsCiteAClause(t *testing.T) {
	for _, files := range [][]exchange.PolicyFile{baseline.Province(), baseline.City(), baseline.County()} {
		for _, f := range files {
			if codes, clauses := bytes.Count(f.Data, []byte(`"code":`)), bytes.Count(f.Data, []byte(`"clause":`)); codes != clauses && !strings.HasSuffix(f.Path, "_test.rego") {
				t.Errorf("%s: %d reasons, %d clauses", f.Path, codes, clauses)
			}
		}
	}
}

func TestLoadDirReadsPolicyFilesInOrder(t *testing.T) {
	fsys := fstest.MapFS{
		"b.rego": {Data: []byte("b")}, "a/data.json": {Data: []byte("{}")}, "a/x_test.rego": {Data: []byte("x")},
		"README.md": {Data: []byte("no")}, ".git/a.rego": {Data: []byte("no")}, ".a.rego": {Data: []byte("no")},
	}
	files, err := layer.LoadDir(fsys)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	if got := strings.Join(paths, " "); got != "a/data.json a/x_test.rego b.rego" {
		t.Fatal(got)
	}
}

func TestLoadDirIsBounded(t *testing.T) {
	many, large, total := fstest.MapFS{}, fstest.MapFS{}, fstest.MapFS{}
	for i := range layer.MaxFiles + 1 {
		many[fmt.Sprintf("%d.rego", i)] = &fstest.MapFile{}
	}
	large["a.rego"] = &fstest.MapFile{Data: make([]byte, layer.MaxFile+1)}
	for i := range layer.MaxTotal/layer.MaxFile + 1 {
		total[fmt.Sprintf("%d.json", i)] = &fstest.MapFile{Data: make([]byte, layer.MaxFile)}
	}
	for name, fsys := range map[string]fstest.MapFS{"many": many, "large": large, "total": total} {
		if _, err := layer.LoadDir(fsys); exchange.CodeOf(err) != exchange.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRunTestsTellsFailuresApart(t *testing.T) {
	results, err := layer.RunTests(t.Context(), []exchange.PolicyFile{
		file("a.rego", head+"deny contains {\"code\": \"a\", \"zh\": \"拒\", \"en\": \"a\"} if input.kind == \"query\""),
		file("a_test.rego", "package yizhan.layer\n\ntest_good if allow\n\ntest_bad if count(deny) == 7\n\ntest_error if sum([x | some x in data.mixed]) == 1\n"),
		file("data.json", `{"mixed": ["a"]}`),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 3 || results[0].Name != "test_bad" || results[0].Pass || results[1].Err == nil || !results[2].Pass || results[2].At != "a_test.rego:3" {
		t.Fatalf("%+v", results)
	}
}

func TestRunTestsNeedsABundleThatPasses(t *testing.T) {
	if _, err := layer.RunTests(t.Context(), []exchange.PolicyFile{file("a.rego", "x")}, nil); exchange.CodeOf(err) != exchange.Invalid {
		t.Fatal(err)
	}
}

// A name that OPA no longer has would silently leave the allow-list.
func TestEveryAllowedBuiltInExists(t *testing.T) {
	if n := len(layer.BuiltIns()); n != 28 {
		t.Fatalf("%d built-ins, not 28: %v", n, layer.BuiltIns())
	}
}
