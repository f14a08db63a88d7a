package casework

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/form"
)

func party(unit exchange.Unit) form.Party {
	return form.Party{Unit: exchange.UnitInfo{Unit: unit}, Domain: exchange.DomainInfo{Domain: unit.Domain()}}
}

// filing is a filing from a county to its city that passes.
func filing() Draft {
	return Draft{
		From: party("wjw@320582"), To: []form.Addressee{{Party: party("wjw@320500")}}, Kind: "上报件",
		Title: "医疗机构设置审批", CaseNo: "320582-2026-000017", Fields: []byte(`{"name":"x","beds":[1,2]}`), Share: "有条件",
		Files: []exchange.File{{Name: "申请表.pdf", Size: 4096}},
	}
}

func TestACorrectFilingHasNoProblems(t *testing.T) {
	found, problems := Read(filing(), Limits{})
	if len(problems) > 0 {
		t.Fatalf("%+v", problems)
	}
	if found.Kind.Code != "4" || found.Share != exchange.ShareConditional {
		t.Errorf("%+v", found)
	}
	if h := found.Header(filing()); h.CaseNo != "320582-2026-000017" || len(h.Fields) == 0 {
		t.Errorf("%+v", h)
	}
}

func TestEachMistakeIsFoundAlone(t *testing.T) {
	for _, k := range []struct {
		name string
		edit func(*Draft)
		want string
	}{
		{"no title", func(d *Draft) { d.Title = "" }, "title text.missing"},
		{"no case number", func(d *Draft) { d.CaseNo = "" }, ""},
		{"a long case number", func(d *Draft) { d.CaseNo = strings.Repeat("1", 65) }, "case_no text.long"},
		{"a misspelt kind", func(d *Draft) { d.Kind = "上报见" }, "kind case.kind.near"},
		{"an unknown kind", func(d *Draft) { d.Kind = "" }, "kind case.kind.unknown"},
		{"for the record", func(d *Draft) { d.Kind = "备案" }, ""},
		{"two main recipients", func(d *Draft) { d.To = append(d.To, form.Addressee{Party: party("a@320500")}) }, "to case.to.main"},
		{"a copy", func(d *Draft) {
			d.To = append(d.To, form.Addressee{Party: party("a@320500"), Role: exchange.Copy})
		}, ""},
		{"urgency", func(d *Draft) { d.Urgency = "火急" }, "urgency case.urgency.unknown"},
		{"share class unset", func(d *Draft) { d.Share = "" }, ""},
		{"share class unknown", func(d *Draft) { d.Share = "部分" }, "share case.share.unknown"},
		{"refused without a basis", func(d *Draft) { d.Share = "不予" }, "legal_basis case.share.basis"},
		{"refused with a basis", func(d *Draft) { d.Share, d.LegalBasis = "不予", "精神卫生法 第二十三条" }, ""},
		{"a state secret", func(d *Draft) { d.Secrecy = "秘密★1年" }, "secrecy case.secrecy.shared"},
		{"a work secret", func(d *Draft) { d.Secrecy = "工作秘密" }, "secrecy case.secrecy.shared"},
		{"a malformed mark", func(d *Draft) { d.Secrecy = "秘" }, "secrecy case.secrecy.form"},
		{"fields only", func(d *Draft) { d.Files = nil }, ""},
		{"files only", func(d *Draft) { d.Fields = nil }, ""},
		{"neither", func(d *Draft) { d.Fields, d.Files = nil, nil }, "fields case.empty"},
		{"a name with a path", func(d *Draft) { d.Files[0].Name = `a\b` }, "files[0].name files.name.separator"},
	} {
		d := filing()
		k.edit(&d)
		var got []string
		for _, p := range Check(d, Limits{}) {
			got = append(got, p.Field+" "+p.Code)
		}
		if strings.Join(got, "; ") != k.want {
			t.Errorf("%s: %q, want %q", k.name, got, k.want)
		}
	}
}

func nested(depth int) string {
	return `{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + "}"
}

var fieldCases = []struct{ name, in, want string }{
	{"empty object", `{}`, ""},
	{"nested", `{"a":{"a":[{"a":1},{"a":2}]},"b":null}`, ""},
	{"a value that looks like the key", `{"a":"a","b":"a"}`, ""},
	{"strings in an array", `{"a":["a","a"],"b":1}`, ""},
	{"braces in a string", `{"a":"{{{{{{{{{{{{{{{{{{{{\"{"}`, ""},
	{"white space", " \n{}\t", ""},
	{"twice", `{"a":1,"a":2}`, "duplicate"},
	{"twice within", `{"x":[{"a":1,"b":{"c":1},"a":2}]}`, "duplicate"},
	{"twice by escape", `{"a":1,"\u0061":2}`, "duplicate"},
	{"empty key twice", `{"":1,"":2}`, "duplicate"},
	{"array", `[]`, "object"},
	{"null", `null`, "object"},
	{"string", `"{}"`, "object"},
	{"blank", ` `, "syntax"},
	{"trailing comma", `{"a":1,}`, "syntax"},
	{"two objects", `{}{}`, "syntax"},
	{"comment", `{/**/}`, "syntax"},
	{"not UTF-8", "{\"a\":\"\xff\"}", "encoding"},
	{"as deep as permitted", nested(MaxDepth), ""},
	{"deeper", nested(MaxDepth + 1), "depth"},
	{"unclosed and deep", strings.Repeat("[", 100_000), "depth"},
	{"as large as permitted", `{"a":"` + strings.Repeat("x", exchange.MaxFieldsSize-8) + `"}`, ""},
	{"larger", `{"a":"` + strings.Repeat("x", exchange.MaxFieldsSize-7) + `"}`, "size"},
}

func TestFieldsAreOneObjectWithoutRepeatedKeys(t *testing.T) {
	for _, k := range fieldCases {
		got := ""
		if f := CheckFields([]byte(k.in)); f != nil {
			got = strings.TrimPrefix(f.Code, "case.fields.")
		}
		if got != k.want {
			t.Errorf("%s: %q, want %q", k.name, got, k.want)
		}
	}
}

func FuzzCheckFields(f *testing.F) {
	for _, k := range fieldCases {
		if len(k.in) < 200 {
			f.Add([]byte(k.in))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if CheckFields(b) != nil {
			return
		}
		var object map[string]any
		if err := json.Unmarshal(b, &object); err != nil || object == nil {
			t.Errorf("%q was accepted: %v", b, err)
		}
		if got, want := members(object), strings.Count(stripStrings(b), ":"); got != want {
			t.Errorf("%q has %d members and %d colons", b, got, want)
		}
	})
}

// members counts the members of all objects in v. A key that stood twice has
// been lost by then, while its colon is still in the text.
func members(v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		n = len(v)
		for _, w := range v {
			n += members(w)
		}
	case []any:
		for _, w := range v {
			n += members(w)
		}
	}
	return n
}

func stripStrings(b []byte) string {
	return regexp.MustCompile(`"(\\.|[^"\\])*"`).ReplaceAllString(string(b), "")
}

func TestEveryCodeOfTheCatalogueIsUsedAndWorded(t *testing.T) {
	c, err := Problems()
	if err != nil {
		t.Fatal(err)
	}
	var used []string
	for _, name := range []string{"check.go", "fields.go", "next.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"(case\.[a-z.]+)"`).FindAllStringSubmatch(string(b), -1) {
			used = append(used, m[1])
		}
	}
	for _, code := range used {
		if _, ok := c[code]; !ok {
			t.Errorf("%s is not worded", code)
		}
	}
	for _, code := range c.Codes() {
		if !slices.Contains(used, code) {
			t.Errorf("%s is worded and never used", code)
		}
	}
}

func TestTablesThatContradictThemselvesAreRefused(t *testing.T) {
	const tail = "\nnotice: {count: 5, unit: working_day}\ndelivery: {count: 10, unit: working_day}"
	for name, text := range map[string]string{
		"a kind twice":    `kinds: [{code: "1", name: a}, {code: "1", name: b}]` + tail,
		"an entry twice":  `results: [{code: "1", name: a}, {code: "1", name: b}]` + tail,
		"unknown unit":    `notice: {count: 5, unit: fortnight}`,
		"negative limit":  `kinds: [{code: "1", name: a, limit: {count: -1, unit: day}}]` + tail,
		"mixed extension": `kinds: [{code: "1", name: a, limit: {count: 1, unit: day}, extend: {count: 1, unit: month}}]` + tail,
		"no notice":       `version: "1"`,
		"unknown key":     `holidays: []` + tail,
	} {
		if _, err := LoadTables([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := LoadTables([]byte(tail)); err != nil {
		t.Errorf("the rest alone: %v", err)
	}
}

func BenchmarkCheck(b *testing.B) {
	d := filing()
	d.Fields = []byte(`{"rows":[` + strings.Repeat(`{"name":"x","n":1},`, 200) + `{}]}`)
	b.SetBytes(int64(len(d.Fields)))
	for b.Loop() {
		if p := Check(d, Limits{}); len(p) > 0 {
			b.Fatal(fmt.Sprint(p))
		}
	}
}
