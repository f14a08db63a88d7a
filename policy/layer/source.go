package layer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Package is the one package every module of a bundle is in.
const Package = "yizhan.layer"

var packageRef = ast.MustParseRef("data." + Package)

// module is one parsed file.
type module struct {
	path string
	test bool
	*ast.Module
}

// source is a bundle taken apart: what parsed, and what did not.
type source struct {
	modules  []module
	data     map[string]any
	problems exchange.Problems
}

func (s *source) add(at, code, english, chinese string) {
	s.problems.Add(at, code, english, chinese, "", "")
}

// parse reads all files and reports everything wrong with each.
func parse(files []exchange.PolicyFile) *source {
	s := &source{data: map[string]any{}}
	if !s.bounded(files) {
		return s
	}
	seen := map[string]bool{}
	for _, f := range files {
		switch {
		case seen[f.Path]:
			s.add(f.Path, "file.duplicate", "the path occurs twice", "文件路径重复")
		case !shallow(f.Data):
			s.add(f.Path, "file.form", "not UTF-8, or brackets nested too deeply", "不是 UTF-8，或括号嵌套过深")
		case isModule(f.Path):
			s.module(f)
		case isData(f.Path):
			s.dataFile(f)
		default:
			s.add(f.Path, "file.kind", "neither a .rego module nor a .json data file", "既非 .rego 规则也非 .json 数据")
		}
		seen[f.Path] = true
	}
	return s
}

func (s *source) bounded(files []exchange.PolicyFile) bool {
	total := 0
	for _, f := range files {
		total += len(f.Data)
		if len(f.Data) > MaxFile {
			s.add(f.Path, "file.size", fmt.Sprintf("larger than %d bytes", MaxFile), "文件过大")
		}
	}
	if len(files) > MaxFiles || total > MaxTotal {
		s.add("", "bundle.size", fmt.Sprintf("a bundle has at most %d files and %d bytes", MaxFiles, MaxTotal), "规则包过大")
	}
	return len(s.problems) == 0
}

// shallow refuses deep nesting before a parser recurses into it. It counts
// brackets wherever they stand, which is strict for text full of them.
func shallow(data []byte) bool {
	depth, most := 0, 0
	for _, c := range data {
		switch c {
		case '{', '[', '(':
			depth++
			most = max(most, depth)
		case '}', ']', ')':
			depth = max(0, depth-1)
		}
	}
	return most <= MaxDepth && utf8.Valid(data)
}

func (s *source) module(f exchange.PolicyFile) {
	caps := capabilities()
	if isTest(f.Path) {
		caps = testCapabilities()
	}
	m, err := ast.ParseModuleWithOpts(f.Path, string(f.Data), ast.ParserOptions{Capabilities: caps, RegoVersion: ast.RegoV1})
	if err != nil {
		s.opaErrors(f.Path, "syntax", err)
		return
	}
	if m == nil {
		s.add(f.Path, "syntax", "the module is empty", "规则文件为空")
		return
	}
	s.modules = append(s.modules, module{path: f.Path, test: isTest(f.Path), Module: m})
}

// opaErrors turns the parser's or compiler's list into problems.
func (s *source) opaErrors(file, code string, err error) {
	var list ast.Errors
	if !errors.As(err, &list) {
		s.add(file, code, err.Error(), "规则无法解析")
		return
	}
	for _, e := range list {
		at := file
		if e.Location != nil {
			at = where(e.Location)
		}
		s.add(at, errorCode(code, e), e.Message, "规则无法解析或编译")
	}
}

func errorCode(code string, e *ast.Error) string {
	if strings.HasPrefix(e.Message, "undefined function") {
		return "builtin.forbidden"
	}
	return code
}

func where(l *ast.Location) string {
	if l == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d", l.File, l.Row)
}

// dataFile merges one JSON object into the layer's data. Top-level keys of
// different files must differ, and "yizhan" is the rules' own.
func (s *source) dataFile(f exchange.PolicyFile) {
	d := json.NewDecoder(bytes.NewReader(f.Data))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		s.add(f.Path, "data.syntax", "not a JSON object: "+err.Error(), "数据文件不是 JSON 对象")
		return
	}
	if _, err := d.Token(); err != io.EOF {
		s.add(f.Path, "data.syntax", "text after the JSON object", "JSON 对象之后有多余内容")
	}
	if !plainNumbers(v) {
		s.add(f.Path, "number.form", numberForm, "数字过长或带指数")
		return
	}
	for k, x := range v {
		if _, taken := s.data[k]; taken || k == "yizhan" {
			s.add(f.Path, "data.key", "top-level key "+k+" is reserved or used by another file", "顶层键重复或为保留字")
			continue
		}
		s.data[k] = x
	}
}

const numberForm = "numbers have at most 15 characters and no exponent"

func plainNumber(n string) bool { return len(n) <= 15 && !strings.ContainsAny(n, "eE") }

func plainNumbers(v any) bool {
	switch v := v.(type) {
	case json.Number:
		return plainNumber(string(v))
	case map[string]any:
		for _, x := range v {
			if !plainNumbers(x) {
				return false
			}
		}
	case []any:
		for _, x := range v {
			if !plainNumbers(x) {
				return false
			}
		}
	}
	return true
}
