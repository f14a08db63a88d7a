package form

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/yizhan-exchange/yizhan/exchange"
)

func codes(faults []*Fault) string {
	var out []string
	for _, f := range faults {
		out = append(out, strings.TrimPrefix(f.Code, "files.name."))
	}
	return strings.Join(out, " ")
}

func TestAFileNameIsOnlyAName(t *testing.T) {
	for _, k := range []struct{ name, want string }{
		{"关于增设急救站的请示.ofd", ""},
		{"a b (1) - v2.final.pdf", ""},
		{".profile", ""},
		{"二〇二六..草案.docx", ""},
		{"ᠮᠣᠩᠭᠣᠯ\u180e.pdf", ""},
		{"", "empty"},
		{".", "relative"},
		{"..", "relative"},
		{"../etc/passwd", "separator"},
		{`..\boot.ini`, "separator"},
		{"a／b", "separator"},
		{"a\u2215b", "separator"},
		{"a\x00.pdf", "nul"},
		{"a\nb", "control"},
		{"a\x7fb", "control"},
		{"a\u0085b", "control"},
		{"a\u2028b", "control"},
		{"a\u202efdp.exe", "bidi"},
		{"a\u2066b", "bidi"},
		{"a\u200fb", "bidi"},
		{"a\u200bb", "invisible"},
		{"\ufeffa", "invisible"},
		{"a\ue000b", "invisible"},
		{"a:b", "character"},
		{"what?.pdf", "character"},
		{"CON", "reserved"},
		{"nul.txt", "reserved"},
		{"com7.tar.gz", "reserved"},
		{"COM0", ""},
		{"console.txt", ""},
		{" a", "edge"},
		{"a ", "edge"},
		{"a.", "edge"},
		{"\xff\xfe", "encoding"},
		{strings.Repeat("长", 85), ""},
		{strings.Repeat("长", 86), "long"},
		{"a/b:c\x00d\u202ee", "separator character nul bidi"},
	} {
		if got := codes(CheckName(k.name)); got != k.want {
			t.Errorf("%q: %q, want %q", k.name, got, k.want)
		}
	}
}

func TestAFaultNamesTheCharacterWithoutPrintingIt(t *testing.T) {
	f := CheckName("机密名单\u202e.pdf")[0]
	if !strings.Contains(f.Message, "U+202E at position 5") || !strings.Contains(f.Chinese, "第 5 个字符 U+202E") {
		t.Errorf("%s / %s", f.Message, f.Chinese)
	}
	if strings.Contains(f.Message+f.Chinese+f.Remedy, "名单") || strings.Contains(f.Message, "\u202e") {
		t.Errorf("the name is repeated: %s", f.Message)
	}
}

func TestFilesAreCountedAndMeasured(t *testing.T) {
	many := make([]exchange.File, 65)
	for i := range many {
		many[i] = exchange.File{Name: fmt.Sprintf("%d.pdf", i), Size: 1}
	}
	for _, k := range []struct {
		name   string
		files  []exchange.File
		limits Limits
		want   []string
	}{
		{"64 files", many[:64], Limits{}, nil},
		{"65 files", many, Limits{}, []string{"files: files.many"}},
		{"empty", []exchange.File{{Name: "a", Size: 0}}, Limits{}, []string{"files[0].size: files.size.empty"}},
		{"negative", []exchange.File{{Name: "a", Size: -1}}, Limits{}, []string{"files[0].size: files.size.negative"}},
		{"just fits", []exchange.File{{Name: "a", Size: 1000}}, Limits{Content: 1000}, nil},
		{"too large", []exchange.File{{Name: "a", Size: 1000}, {Name: "b", Size: 1}}, Limits{Content: 1000}, []string{"files: files.size.total"}},
		{"overflowing", []exchange.File{{Name: "a", Size: 1 << 62}, {Name: "b", Size: 1 << 62}}, Limits{}, []string{"files: files.size.total"}},
		{"same name", []exchange.File{{Name: "É.pdf", Size: 1}, {Name: "E\u0301.PDF", Size: 1}}, Limits{}, []string{"files[1].name: files.name.duplicate"}},
	} {
		var r Report
		CheckFiles(&r, k.files, k.limits.WithDefaults())
		if got := fields(r.Problems); !slices.Equal(got, k.want) {
			t.Errorf("%s: %q, want %q", k.name, got, k.want)
		}
	}
}

func fields(problems exchange.Problems) (out []string) {
	for _, p := range problems {
		out = append(out, p.Field+": "+p.Code)
	}
	return out
}

func to(role exchange.Role, units ...exchange.Unit) (out []Addressee) {
	for _, u := range units {
		out = append(out, Addressee{Party: Party{Unit: exchange.UnitInfo{Unit: u}}, Role: role})
	}
	return out
}

func TestRecipientsAreJudgedOneByOne(t *testing.T) {
	from := Party{Unit: exchange.UnitInfo{Unit: "wjw@320582"}}
	many := make([]exchange.Unit, 513)
	for i := range many {
		many[i] = exchange.Unit(fmt.Sprintf("u%d@320500", i))
	}
	for _, k := range []struct {
		name string
		to   []Addressee
		want []string
	}{
		{"one", to(exchange.Main, "wjw@320500"), nil},
		{"none", nil, []string{"to: recipients.none"}},
		{"only a copy", to(exchange.Copy, "wjw@320500"), []string{"to: recipients.main"}},
		{"itself", to(exchange.Main, "wjw@320582"), []string{"to[0]: recipients.self"}},
		{"twice", to(exchange.Main, "a@320500", "b@320500", "a@320500"), []string{"to[2]: recipients.duplicate"}},
		{"malformed", to(exchange.Main, "wjw", "WJW@320500"), []string{"to[0]: recipients.form", "to[1]: recipients.form"}},
		{"512", to(exchange.Main, many[:512]...), nil},
		{"513", to(exchange.Main, many...), []string{"to: recipients.many"}},
		{"no role", append(to(exchange.Main, "a@320500"), to(7, "b@320500")...), []string{"to[1]: recipients.role"}},
	} {
		var r Report
		CheckRecipients(&r, from, k.to, Limits{}.WithDefaults())
		if got := fields(r.Problems); !slices.Equal(got, k.want) {
			t.Errorf("%s: %q, want %q", k.name, got, k.want)
		}
	}
}

func TestSuggestionsAreNearAndFew(t *testing.T) {
	units := []Candidate{
		{"wjw@320582", []string{"昆山市卫生健康委员会"}}, {"jyj@320582", []string{"昆山市教育局"}},
		{"wjw@320500", []string{"苏州市卫生健康委员会"}}, {"bgs@320500", []string{"苏州市人民政府办公室"}},
	}
	for _, k := range []struct {
		input string
		want  []string
	}{
		{"wjw@320528", []string{"wjw@320582", "wjw@320500"}},
		{"卫生健康", []string{"wjw@320582", "wjw@320500"}},
		{"昆山市卫健康委员会", []string{"wjw@320582", "wjw@320500"}},
		{"苏州市人民政府办公厅", []string{"bgs@320500"}},
		{"", nil},
		{"x", nil},
		{strings.Repeat("卫", 1000), nil},
	} {
		if got := Suggest(k.input, units); !slices.Equal(got, k.want) {
			t.Errorf("%q: %q, want %q", k.input, got, k.want)
		}
	}
}

func TestSizesAreWrittenForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 4 << 30: "4 GiB", 256 << 10: "256 KiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

func TestLimitsNeverExceedTheDomainRoot(t *testing.T) {
	got := Limits{Recipients: 1 << 20, Files: 3, Content: -1}.WithDefaults()
	if want := (Limits{exchange.MaxRecipients, 3, exchange.MaxContent}); got != want {
		t.Errorf("%+v", got)
	}
}

func TestEveryCodeOfTheCatalogueIsUsedAndWorded(t *testing.T) {
	c, err := Problems()
	if err != nil {
		t.Fatal(err)
	}
	var source []byte
	for _, name := range []string{"filename.go", "files.go", "recipients.go", "text.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, b...)
	}
	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`Fault\("([a-z.]+)"(\+class)?`).FindAllStringSubmatch(string(source), -1) {
		if m[2] == "" {
			used[m[1]] = true
		}
	}
	for _, class := range []string{"nul", "control", "bidi", "invisible", "separator", "character"} {
		used["files.name."+class] = true
	}
	for code := range used {
		if _, ok := c[code]; !ok {
			t.Errorf("%s is not worded", code)
		}
	}
	for _, code := range c.Codes() {
		if !used[code] {
			t.Errorf("%s is worded and never used", code)
		}
	}
}

func FuzzCheckName(f *testing.F) {
	for _, s := range []string{"a.pdf", "..", "a/b", "a\u202eb", "CON", "\xff", "请示.ofd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if len(CheckName(name)) > 0 {
			return
		}
		if name == "" || len(name) > MaxName || strings.ContainsAny(name, `/\:`+"\x00") || name == ".." {
			t.Errorf("%q was accepted", name)
		}
		for _, r := range name {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
				t.Errorf("%q was accepted with %U", name, r)
			}
		}
	})
}
