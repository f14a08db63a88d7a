package official

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/form"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// Three levels and a neighbouring county, as a directory states them.
var federation = map[exchange.Domain]exchange.DomainInfo{
	"320000": {Domain: "320000", Name: "江苏省", Level: exchange.Province},
	"320500": {Domain: "320500", Name: "苏州市", Level: exchange.City, Parent: "320000"},
	"320582": {Domain: "320582", Name: "张家港市", Level: exchange.County, Parent: "320500"},
	"320583": {Domain: "320583", Name: "昆山市", Level: exchange.County, Parent: "320500"},
	"320100": {Domain: "320100", Name: "南京市", Level: exchange.City, Parent: "320000"},
}

func find(d exchange.Domain) (exchange.DomainInfo, bool) {
	info, ok := federation[d]
	return info, ok
}

// party makes a unit of the federation. A unit called bgs is a general office;
// wjw and jyj are departments of two lines.
func party(unit exchange.Unit) form.Party {
	lines := map[string]string{"wjw": "health", "jyj": "education"}
	return form.Party{
		Unit:   exchange.UnitInfo{Unit: unit, Line: lines[unit.Local()], Office: unit.Local() == "bgs"},
		Domain: federation[unit.Domain()],
	}
}

func mains(units ...exchange.Unit) (to []form.Addressee) {
	for _, u := range units {
		to = append(to, form.Addressee{Party: party(u)})
	}
	return to
}

func copies(units ...exchange.Unit) []form.Addressee {
	to := mains(units...)
	for i := range to {
		to[i].Role = exchange.Copy
	}
	return to
}

// request is a 请示 from a county to its city that passes.
func request() Draft {
	return Draft{
		From: party("wjw@320582"), To: mains("wjw@320500"), Type: "请示",
		Number: "张卫〔2026〕5号", Title: "关于增设急救站的请示", Signer: "王明", Date: "2026年3月9日",
		Files: []exchange.File{{Name: "正文.ofd", Size: 4096, Main: true}, {Name: "附件1.pdf", Size: 10}},
		Find:  find,
	}
}

func TestACorrectRequestHasNoProblems(t *testing.T) {
	found, problems := Read(request(), Limits{})
	if len(problems) > 0 {
		t.Fatalf("%+v", problems)
	}
	if found.Type.Code != "0B" || found.Number.Serial != 5 || found.Date.String() != "2026-03-09" {
		t.Errorf("%+v", found)
	}
	d := request()
	d.Date = "2026-03-09"
	found, _ = Read(d, Limits{})
	if h := found.Header(d); h.Date != "2026年3月9日" || h.Title != d.Title || h.Signer != "王明" || len(h.Files) != 2 {
		t.Errorf("%+v", h)
	}
}

func TestEachMistakeIsFoundAlone(t *testing.T) {
	for _, k := range []struct {
		name string
		edit func(*Draft)
		want string
	}{
		{"no title", func(d *Draft) { d.Title = " \t" }, "title document.title.missing"},
		{"a long title", func(d *Draft) { d.Title = strings.Repeat("题", 201) }, "title text.long"},
		{"a title with a control", func(d *Draft) { d.Title = "关于\u202e的请示" }, "title text.control"},
		{"a title of two lines", func(d *Draft) { d.Title = "关于\n的请示" }, "title text.control"},
		{"no type", func(d *Draft) { d.Type = "" }, "type document.type.missing"},
		{"a misspelt type", func(d *Draft) { d.Type = "请是" }, "type document.type.near"},
		{"an unknown type", func(d *Draft) { d.Type = "申请表单据" }, "type document.type.unknown"},
		{"a command upward", func(d *Draft) { d.Type = "命令" }, "to[0] document.type.direction"},
		{"a request downward", func(d *Draft) { d.From, d.To = party("wjw@320500"), mains("wjw@320582") }, "to[0] document.type.direction"},
		{"a request to a peer", func(d *Draft) { d.To = mains("wjw@320583") }, "to[0] document.type.letter"},
		{"a copy to a peer", func(d *Draft) { d.To = append(d.To, copies("wjw@320583")...) }, ""},
		{"a bill to another level", func(d *Draft) { d.Type = "议案" }, "to[0] document.type.outside"},
		{"a bill at one's own level", func(d *Draft) { d.Type, d.To = "议案", mains("rd@320582") }, ""},
		{"no number", func(d *Draft) { d.Number = "" }, "number document.number.missing"},
		{"no number on minutes", func(d *Draft) { d.Type, d.Number = "纪要", "" }, ""},
		{"an issue number on minutes", func(d *Draft) { d.Type, d.Number = "纪要", "第12期" }, ""},
		{"an order's own number", func(d *Draft) { d.Type, d.Number, d.To = "公告", "第5号", mains("wjw@320583") }, ""},
		{"an order's number on a request", func(d *Draft) { d.Number = "第5号" }, "number document.number.form"},
		{"wrong brackets", func(d *Draft) { d.Number = "张卫[2026]5号" }, "number document.number.brackets"},
		{"no signer upward", func(d *Draft) { d.Signer = "" }, "signer document.signer.missing"},
		{"no signer on a letter", func(d *Draft) { d.Type, d.Signer = "函", "" }, ""},
		{"no signer on an opinion upward", func(d *Draft) { d.Type, d.Signer = "意见", "" }, "signer document.signer.missing"},
		{"no date", func(d *Draft) { d.Date = "" }, ""},
		{"a padded date", func(d *Draft) { d.Date = "2026年03月09日" }, "date document.date.padding"},
		{"urgency", func(d *Draft) { d.Urgency = "特急" }, ""},
		{"unknown urgency", func(d *Draft) { d.Urgency = "火急" }, "urgency document.urgency.unknown"},
		{"a telegram's urgency", func(d *Draft) { d.Urgency = "平急" }, "urgency document.urgency.telegram"},
		{"a county classifies", func(d *Draft) { d.Secrecy, d.Copies = "秘密★1年", "000001" }, "secrecy document.secrecy.authority"},
		{"a county derives", func(d *Draft) { d.Secrecy, d.Copies, d.Derived = "秘密★1年", "000001", true }, ""},
		{"a work secret", func(d *Draft) { d.Secrecy = "工作秘密" }, ""},
		{"a work secret made public", func(d *Draft) { d.Secrecy, d.Disclosure = "工作秘密", "主动公开" }, "disclosure document.disclosure.secret"},
		{"no copy number", func(d *Draft) { d.Secrecy, d.Derived = "机密", true }, "copies document.copies.missing"},
		{"a short copy number", func(d *Draft) { d.Copies = "1" }, "copies document.copies.form"},
		{"copy number nought", func(d *Draft) { d.Copies = "000000" }, "copies document.copies.form"},
		{"unknown disclosure", func(d *Draft) { d.Disclosure = "公开" }, "disclosure document.disclosure.unknown"},
		{"disclosure", func(d *Draft) { d.Disclosure = "主动公开" }, ""},
		{"refused without a reason", func(d *Draft) { d.Disclosure = "不予公开" }, "disclosure_reason document.disclosure.reason"},
		{"refused with a reason", func(d *Draft) { d.Disclosure, d.DisclosureReason = "不予公开", "过程性信息" }, ""},
		{"no files", func(d *Draft) { d.Files = nil }, "files document.files.none"},
		{"no text", func(d *Draft) { d.Files[0].Main = false }, "files document.files.text"},
		{"two texts", func(d *Draft) { d.Files[1].Main = true }, "files document.files.texts"},
		{"an empty text", func(d *Draft) { d.Files[0].Size = 0 }, "files[0].size files.size.empty"},
		{"a path for a name", func(d *Draft) { d.Files[1].Name = "../x" }, "files[1].name files.name.separator"},
		{"no recipient", func(d *Draft) { d.To = nil }, "to recipients.none"},
		{"long remarks", func(d *Draft) { d.Remarks = strings.Repeat("注", 2001) }, "remarks text.long"},
	} {
		d := request()
		k.edit(&d)
		if got := strings.Join(fields(Check(d, Limits{})), "; "); got != k.want {
			t.Errorf("%s: %q, want %q", k.name, got, k.want)
		}
	}
}

func fields(problems exchange.Problems) (out []string) {
	for _, p := range problems {
		out = append(out, p.Field+" "+p.Code)
	}
	return out
}

func TestMoreFilesThanPermittedAreOneProblem(t *testing.T) {
	d := request()
	d.Files = nil
	for i := range 65 {
		d.Files = append(d.Files, exchange.File{Name: fmt.Sprintf("附件%d.pdf", i), Size: 1, Main: i == 0})
	}
	if got := fields(Check(d, Limits{})); !slices.Equal(got, []string{"files files.many"}) {
		t.Errorf("%q", got)
	}
	d.Files = d.Files[:64]
	if got := Check(d, Limits{Limits: form.Limits{Content: 63}}); len(got) != 1 || !strings.Contains(got[0].Message, "63 B") {
		t.Errorf("%+v", got)
	}
}

// wrong is a draft in which nearly everything is wrong.
func wrong() Draft {
	return Draft{
		From: party("wjw@320582"), To: slices.Concat(mains("wjw@320582", "jyj@320583", "bad", "jyj@320583")),
		Type: "请示", Number: "张卫（26） 第005号", Title: "", Signer: "", Date: "2026年02月30日",
		Urgency: "特提", Secrecy: "秘密★11年", Copies: "12", Disclosure: "不予公开",
		Files: []exchange.File{
			{Name: "..", Size: 1}, {Name: "a/\u202eb\x00", Size: 0}, {Name: "表.xlsx", Size: 3 << 30},
			{Name: "表.XLSX", Size: 2 << 30}, {Name: "con.txt ", Size: -1},
		},
		Remarks: "附注\x07", Find: find,
	}
}

func TestEverythingWrongIsSaidAtOnce(t *testing.T) {
	var b bytes.Buffer
	for _, p := range Check(wrong(), Limits{}) {
		fmt.Fprintf(&b, "%s %s\n  %s\n  %s\n  clause: %s\n  remedy: %s\n", p.Field, p.Code, p.Message, p.Chinese, p.Clause, p.Remedy)
	}
	golden(t, "wrong.golden", b.Bytes())
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; run with -rewrite and read the difference:\n%s", path, got)
	}
}

func TestProblemsDoNotRepeatWhatWasWritten(t *testing.T) {
	const mark = "甲乙丙丁"
	d := wrong()
	d.Number, d.Title, d.Signer = mark+"(26)5", strings.Repeat(mark, 100), mark+"\x00"
	d.Date, d.Copies, d.Secrecy, d.Urgency, d.Disclosure = mark, mark, mark, mark, mark
	d.DisclosureReason, d.Remarks, d.Type = mark+"\x00", mark+"\x00", mark
	for i := range d.Files {
		d.Files[i].Name = mark + "\x00"
	}
	for _, p := range Check(d, Limits{}) {
		if strings.Contains(fmt.Sprint(p), mark) {
			t.Errorf("%+v", p)
		}
	}
}

// quoted lists what a pattern captures in source files.
func quoted(t *testing.T, pattern string, names ...string) (out []string) {
	t.Helper()
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(b), -1) {
			out = append(out, m[1])
		}
	}
	return out
}

func TestEveryCodeOfTheCatalogueIsUsedAndWorded(t *testing.T) {
	c, err := Problems()
	if err != nil {
		t.Fatal(err)
	}
	used := quoted(t, `"((?:document|uscc|identifier)\.[a-z.]+)"`, "check.go", "number.go", "date.go", "secrecy.go", "uscc.go", "identifier.go")
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
	for name, text := range map[string]string{
		"a type twice":      `types: [{code: "01", name: a}, {code: "01", name: b}]`,
		"a type unnamed":    `types: [{code: "01"}]`,
		"unknown direction": `types: [{code: "01", name: a, direction: sideways}]`,
		"unknown numbering": `types: [{code: "01", name: a, numbering: roman}]`,
		"unknown grade":     `terms: {公开: 1}`,
		"unknown level":     `authority: {village: 秘密}`,
		"unknown key":       `kinds: []`,
		"nothing":           ``,
	} {
		if _, err := LoadTables([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAnotherTableJudgesByItsOwnWords(t *testing.T) {
	tab, err := LoadTables([]byte(`{version: "x", types: [{code: "99", name: 专报, direction: up, numbering: optional}]}`))
	if err != nil {
		t.Fatal(err)
	}
	d := request()
	d.Type, d.Number = "专报", ""
	if got := Check(d, Limits{Tables: tab}); len(got) > 0 {
		t.Errorf("%+v", got)
	}
	if got := fields(Check(d, Limits{})); !slices.Equal(got, []string{"type document.type.near"}) && !slices.Equal(got, []string{"type document.type.unknown"}) {
		t.Errorf("%q", got)
	}
}

func BenchmarkCheck(b *testing.B) {
	d := request()
	for b.Loop() {
		if len(Check(d, Limits{})) > 0 {
			b.Fatal("the draft does not pass")
		}
	}
}

func BenchmarkCheckNinetyRecipients(b *testing.B) {
	d := request()
	d.From, d.Type, d.To = party("bgs@320500"), "通知", nil
	for i := range 90 {
		d.To = append(d.To, mains(exchange.Unit(fmt.Sprintf("u%d@320582", i)))...)
	}
	for b.Loop() {
		if len(Check(d, Limits{})) > 0 {
			b.Fatal("the draft does not pass")
		}
	}
}
