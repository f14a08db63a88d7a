package official

import (
	"fmt"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/form"
)

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

func lines(problems exchange.Problems) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&b, "%s: %s: %s | %s | %s | %s\n", p.Field, p.Code, p.Message, p.Chinese, p.Clause, p.Remedy)
	}
	return b.String()
}

func TestACorrectRequestHasNoProblems(t *testing.T) {
	if got := Check(request(), Limits{}); len(got) > 0 {
		t.Fatal(lines(got))
	}
}
