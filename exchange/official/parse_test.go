package official

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/form"
)

func codes(faults []*form.Fault, prefix string) string {
	var out []string
	for _, f := range faults {
		out = append(out, strings.TrimPrefix(f.Code, prefix))
	}
	return strings.Join(out, " ")
}

// codeOf returns the code of a parser's error without its prefix, "" for none.
func codeOf(err error, prefix string) string {
	var f *form.Fault
	if !errors.As(err, &f) {
		return ""
	}
	return strings.TrimPrefix(f.Code, prefix)
}

func TestNumbersNameEveryMistake(t *testing.T) {
	for _, k := range []struct{ in, want, repaired string }{
		{"国办发〔2012〕10号", "", "国办发〔2012〕10号"},
		{"苏政发〔2026〕1号", "", "苏政发〔2026〕1号"},
		{"苏政发(2026)5号", "brackets", "苏政发〔2026〕5号"},
		{"苏政发（2026）5号", "brackets", "苏政发〔2026〕5号"},
		{"苏政发[2026]5号", "brackets", "苏政发〔2026〕5号"},
		{"苏政发【2026】5号", "brackets", "苏政发〔2026〕5号"},
		{"苏政发〔2026)5号", "brackets", "苏政发〔2026〕5号"},
		{"苏政发〔2026〕第5号", "ordinal", "苏政发〔2026〕5号"},
		{"苏政发〔2026〕05号", "zero", "苏政发〔2026〕5号"},
		{"苏政发〔2026〕0号", "zero", ""},
		{"苏政发〔26〕5号", "year", ""},
		{"苏政发〔２０２６〕５号", "year serial", "苏政发〔2026〕5号"},
		{"苏政发〔二〇二六〕5号", "year", ""},
		{"苏政发〔2026〕5", "suffix", "苏政发〔2026〕5号"},
		{"苏政发 〔2026〕 5号", "space", "苏政发〔2026〕5号"},
		{"苏政发（26） 第005号", "space brackets year ordinal zero", ""},
		{"〔2026〕5号", "agency", ""},
		{"苏-政〔2026〕5号", "agency", ""},
		{"苏政发〔2026〕123456号", "serial", ""},
		{"苏政发2026年5号", "form", ""},
		{"", "missing", ""},
	} {
		if got := codes(CheckNumber(k.in), "document.number."); got != k.want {
			t.Errorf("%s: %q, want %q", k.in, got, k.want)
		}
		if got, _ := RepairNumber(k.in); got != k.repaired && k.repaired != "" {
			t.Errorf("%s is repaired to %s", k.in, got)
		}
		if _, ok := RepairNumber(k.in); ok != (k.repaired != "") {
			t.Errorf("%s: repaired %v", k.in, ok)
		}
	}
}

func TestWrongBracketsAreShownWithTheRightOnes(t *testing.T) {
	_, err := ParseNumber("苏政发【2026】5号")
	var f *form.Fault
	if !errors.As(err, &f) || !strings.Contains(f.Chinese, "【】") || !strings.Contains(f.Remedy, "U+3014") {
		t.Errorf("%v", err)
	}
}

func TestOrdersAreNumberedByThemselves(t *testing.T) {
	for in, want := range map[string]int{"第5号": 5, "国务院令第809号": 809, "第12期": 12, "第05号": 0, "5号": 0, "第0号": 0} {
		if n, ok := ParseOrdinal(in); ok != (want > 0) || n.Serial != want {
			t.Errorf("%s: %+v %v", in, n, ok)
		}
	}
}

func TestDatesAreArabicAndUnpadded(t *testing.T) {
	for _, k := range []struct{ in, want, code string }{
		{"2026年3月9日", "2026年3月9日", ""},
		{"2026-03-09", "2026年3月9日", ""},
		{"2024年2月29日", "2024年2月29日", ""},
		{"2026年2月29日", "", "day"},
		{"2026-02-29", "", "day"},
		{"2026年13月1日", "", "day"},
		{"2026年03月09日", "", "padding"},
		{"2026年3月09日", "", "padding"},
		{"26年3月9日", "", "year"},
		{"二〇二六年三月九日", "", "numerals"},
		{"２０２６年３月９日", "", "numerals"},
		{"2026年3月 9日", "", "space"},
		{"2026/3/9", "", "form"},
		{"2026-3-9", "", "form"},
		{"0000-01-01", "", "year"},
	} {
		d, err := ParseDate(k.in)
		if got := codeOf(err, "document.date."); got != k.code {
			t.Errorf("%s: %q, want %q", k.in, got, k.code)
		}
		if err == nil && d.Chinese() != k.want {
			t.Errorf("%s became %s", k.in, d.Chinese())
		}
	}
}

func TestSecrecyMarksKeepTheirTerms(t *testing.T) {
	for _, k := range []struct {
		in   string
		want Secrecy
		code string
	}{
		{"", Secrecy{}, ""},
		{"秘密★1年", Secrecy{Grade: exchange.Secret, Years: 1}, ""},
		{"秘密★10年", Secrecy{Grade: exchange.Secret, Years: 10}, ""},
		{"秘密", Secrecy{Grade: exchange.Secret, Years: 10}, ""},
		{"机密★", Secrecy{Grade: exchange.Confidential, Years: 20}, ""},
		{"绝密", Secrecy{Grade: exchange.TopSecret, Years: 30}, ""},
		{"工作秘密", Secrecy{Work: true}, ""},
		{"秘密★11年", Secrecy{}, "term"},
		{"机密★21年", Secrecy{}, "term"},
		{"绝密★31年", Secrecy{}, "term"},
		{"绝密★300年", Secrecy{}, "term"},
		{"秘密★0年", Secrecy{}, "term"},
		{"秘密★01年", Secrecy{}, "term"},
		{"秘密*1年", Secrecy{}, "star"},
		{"秘密☆1年", Secrecy{}, "star"},
		{"秘密1年", Secrecy{}, "star"},
		{"秘密★6个月", Secrecy{}, "unit"},
		{"绝密★长期", Secrecy{}, "unit"},
		{"秘密★1", Secrecy{}, "form"},
		{"秘密★1年★", Secrecy{}, "form"},
		{"公开", Secrecy{}, "form"},
		{" 秘密★1年", Secrecy{}, "form"},
		{"秘 密★1年", Secrecy{}, "form"},
	} {
		got, err := ParseSecrecy(k.in)
		if code := codeOf(err, "document.secrecy."); got != k.want || code != k.code {
			t.Errorf("%s: %+v %q, want %q", k.in, got, code, k.code)
		}
	}
}

func TestTypesAreFoundByNameCodeAndAlias(t *testing.T) {
	for in, want := range map[string]string{"请示": "0B", "0B": "0B", "0b": "0B", "令": "03", "命令(令)": "03", "会议纪要": "0F", "其他": "0Z", "请是": "", "": ""} {
		if got, ok := ParseType(in); got.Code != want || ok != (want != "") {
			t.Errorf("%q: %s %v", in, got.Code, ok)
		}
	}
	tab, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	if len(tab.Types) != 16 || len(tab.Elements) != 18 || tab.Version == "" {
		t.Errorf("%d types and %d elements in version %q", len(tab.Types), len(tab.Elements), tab.Version)
	}
	if got := tab.SuggestTypes("请是"); len(got) == 0 || got[0] != "请示" {
		t.Errorf("请是 suggests %q", got)
	}
}

func TestNumbersRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := Number{
			Agency: rapid.StringMatching(`[一-龥]{1,20}`).Draw(t, "agency"),
			Year:   rapid.IntRange(1949, 2999).Draw(t, "year"), Serial: rapid.IntRange(1, 99999).Draw(t, "serial"),
		}
		if got, err := ParseNumber(n.String()); err != nil || got != n {
			t.Fatalf("%s: %+v, %v", n, got, err)
		}
	})
}

func TestSecrecyMarksRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Secrecy{Grade: exchange.Grade(rapid.IntRange(1, 3).Draw(t, "grade"))}
		s.Years = uint8(rapid.IntRange(1, int(10*s.Grade)).Draw(t, "years"))
		if got, err := ParseSecrecy(s.String()); err != nil || got != s {
			t.Fatalf("%s: %+v, %v", s, got, err)
		}
	})
}

func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"国办发〔2012〕10号", "苏政发（26） 第005号", "〔〕号", "(1)1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := ParseNumber(s); err == nil && n.String() != s {
			t.Errorf("%q was read as %s", s, n)
		}
		if fixed, ok := RepairNumber(s); ok && len(CheckNumber(fixed)) > 0 {
			t.Errorf("%q was repaired to %q", s, fixed)
		}
	})
}

func FuzzParseDocumentDate(f *testing.F) {
	for _, s := range []string{"2026年3月9日", "2026-03-09", "二〇二六年三月九日", "年月日", "0226年3月9日", "0226-03-09"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseDate(s); err == nil && d.Chinese() != s && d.String() != s {
			t.Errorf("%q was read as %s", s, d)
		}
	})
}

func FuzzParseSecrecy(f *testing.F) {
	for _, s := range []string{"秘密★1年", "机密", "绝密★长期", "工作秘密", "秘密★99999999999年"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseSecrecy(s)
		if err != nil {
			return
		}
		again, err := ParseSecrecy(m.String())
		if err != nil || again != m || !strings.HasPrefix(m.String(), strings.TrimSuffix(s, "★")) {
			t.Errorf("%q was read as %s", s, m)
		}
	})
}
