package layer_test

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy/baseline"
	"github.com/yizhan-exchange/yizhan/policy/layer"
)

// FuzzCheck gives arbitrary text as a module and as data. Nothing panics, what
// passes Check compiles, and neither takes long.
func FuzzCheck(f *testing.F) {
	for _, files := range [][]exchange.PolicyFile{baseline.Province(), baseline.City(), baseline.County()} {
		for _, x := range files {
			f.Add(string(x.Data), `{"a": [1]}`)
		}
	}
	f.Add("package yizhan.layer\nallow if data.a[_] == 1", `{"a": {"b": 1e9}}`)
	f.Fuzz(func(t *testing.T, module, data string) {
		if len(module)+len(data) > 8<<10 {
			t.Skip("bounded")
		}
		files := []exchange.PolicyFile{file("a.rego", module), file("a.json", data)}
		start := time.Now()
		list := layer.Check(files)
		if _, err := layer.Compile(exchange.PolicyBundle{Issuer: "320000", Files: files}); len(list) == 0 && err != nil {
			t.Fatalf("passes the check but does not compile: %v", err)
		} else if len(list) > 0 && err == nil {
			t.Fatalf("compiles in spite of %+v", list)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Fatalf("took %v", took)
		}
		for _, p := range list {
			if p.Code == "check.failed" {
				t.Fatal(p.Message)
			}
		}
	})
}

// FuzzLoadDir gives arbitrary names and contents.
func FuzzLoadDir(f *testing.F) {
	f.Add("a.rego", []byte("package yizhan.layer"), "b/c.json", []byte("{}"))
	f.Add("../x.rego", []byte{0}, ".a/b.rego", []byte("x"))
	f.Fuzz(func(t *testing.T, name1 string, data1 []byte, name2 string, data2 []byte) {
		files, err := layer.LoadDir(fstest.MapFS{name1: {Data: data1}, name2: {Data: data2}})
		if err != nil && exchange.CodeOf(err) != exchange.Invalid {
			t.Fatal(err)
		}
		if len(files) > 2 {
			t.Fatalf("%d files of two", len(files))
		}
	})
}
