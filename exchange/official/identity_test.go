package official

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/yizhan-exchange/yizhan/exchange"
)

const (
	vectorUSCC       = "12100000400002195R"
	vectorIdentifier = "1.2.156.10.12100000400002195R-000-2016-0A-00056-X"
	vectorIDCard     = "11010519491231002X"
)

func TestPublishedVectorsHold(t *testing.T) {
	if u, err := ParseUSCC(vectorUSCC); err != nil || u.Region() != "100000" {
		t.Error(u.Region(), err)
	}
	got, err := ParseIdentifier(vectorIdentifier)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Identifier{vectorUSCC, "000", 2016, "0A", 56}); got != want {
		t.Errorf("%+v", got)
	}
	if again, err := MakeIdentifier(got); err != nil || again != vectorIdentifier {
		t.Errorf("made %s, %v", again, err)
	}
	if !ValidIDCard(vectorIDCard) {
		t.Error("the citizen's number of GB 11643 is refused")
	}
}

func TestCreditCodesFailByTheirReason(t *testing.T) {
	for in, want := range map[string]string{
		vectorUSCC: "", "": "length", "12100000400002195": "length", "12100000400002195RR": "length",
		"12100000400002195r": "character", "1210000040000219IR": "character", "12100000400002195中"[:18]: "character",
		"12100000400002196R": "body", "12100000400002195T": "check", "11100000400002195R": "check",
	} {
		if _, err := ParseUSCC(in); codeOf(err, "uscc.") != want {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
}

func TestIdentifiersFailByTheirReason(t *testing.T) {
	edit := func(old, new string) string { return strings.Replace(vectorIdentifier, old, new, 1) }
	for in, want := range map[string]string{
		vectorIdentifier: "", "": "identifier.form", edit("1.2.156.10.", ""): "identifier.form",
		edit("-X", "-Y"): "identifier.check", edit("00056", "00057"): "identifier.check",
		edit("00056", "00000"): "identifier.serial", edit("0A", "0Q"): "identifier.type",
		edit("2016", "0016"): "identifier.year", edit("2195R", "2195T"): "uscc.check",
	} {
		if _, err := ParseIdentifier(in); codeOf(err, "") != want {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
	for _, id := range []Identifier{
		{}, {vectorUSCC, "0", 2026, "0A", 1}, {vectorUSCC, "000", 2026, "0a", 1}, {vectorUSCC, "000", 2026, "请示", 1},
		{vectorUSCC, "000", 10000, "0A", 1}, {vectorUSCC, "000", 2026, "0A", 100000},
	} {
		if s, err := MakeIdentifier(id); err == nil {
			t.Errorf("made %s of %+v", s, id)
		}
	}
}

// One wrong character, and two neighbours exchanged, are what clerks type.
func TestCheckCharactersFindOneWrongCharacter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, 17).Draw(t, "i")
		c := usccAlphabet[rapid.IntRange(0, 30).Draw(t, "c")]
		if s := vectorUSCC[:i] + string(c) + vectorUSCC[i+1:]; s != vectorUSCC {
			if _, err := ParseUSCC(s); err == nil {
				t.Fatalf("%s was accepted", s)
			}
		}
		id, _ := ParseIdentifier(vectorIdentifier)
		id.Year, id.Serial = rapid.IntRange(1900, 9999).Draw(t, "year"), rapid.IntRange(1, 99999).Draw(t, "serial")
		made, err := MakeIdentifier(id)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseIdentifier(made); err != nil || got != id {
			t.Fatalf("%s: %+v, %v", made, got, err)
		}
		j := rapid.IntRange(len(made)-7, len(made)-3).Draw(t, "j")
		d := byte('0' + rapid.IntRange(0, 9).Draw(t, "d"))
		if wrong := made[:j] + string(d) + made[j+1:]; wrong != made {
			if _, err := ParseIdentifier(wrong); err == nil {
				t.Fatalf("%s was accepted for %s", wrong, made)
			}
		}
	})
}

func TestParentsAreDerivedFromDivisionCodes(t *testing.T) {
	for in, want := range map[string]string{
		"320582": "320500", "320500": "320000", "320000": "",
		"110101": "110000", "110100": "110000", "500233": "500000", "500101": "500000", "310115": "310000", "120101": "120000",
		"429004": "420000", "419001": "410000", "441900": "440000", "442000": "440000", "440305": "440300",
	} {
		if got, ok := DivisionParent(in); !ok || got != want {
			t.Errorf("%s: %q %v, want %q", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "32058", "3205820", "020000", "320082", "441901", "442001", "32058x"} {
		if got, ok := DivisionParent(in); ok {
			t.Errorf("%s has the parent %s", in, got)
		}
	}
	for in, want := range map[string]exchange.Level{"320000": exchange.Province, "320500": exchange.City, "320582": exchange.County, "110101": exchange.County, "x": 0} {
		if got, _ := DivisionLevel(in); got != want {
			t.Errorf("%s is at level %s", in, got)
		}
	}
	if !DivisionAgrees(federation["320582"]) || DivisionAgrees(exchange.DomainInfo{Domain: "320582", Parent: "320100"}) {
		t.Error("the stated parent is not compared with the code")
	}
}

func TestCitizensNumbersNeedABirthdayThatExists(t *testing.T) {
	for _, in := range []string{"", "110105194912310021", "11010519491331002X", "01010519491231002X", "11010519491231002", "１1010519491231002X"} {
		if ValidIDCard(in) {
			t.Errorf("%q was accepted", in)
		}
	}
	if !ValidIDCard("11010519491231002x") {
		t.Error("a small x was refused")
	}
	if d, ok := BirthDate(vectorIDCard); !ok || d.String() != "1949-12-31" {
		t.Errorf("born %s", d)
	}
	for in, want := range map[string]bool{"13800138000": true, "12800138000": false, "1380013800": false, "138001380000": false, "23800138000": false} {
		if ValidMobile(in) != want {
			t.Errorf("%s: %v", in, !want)
		}
	}
}

func TestPersonalDataIsFoundInText(t *testing.T) {
	text := "联系人王某," + vectorIDCard + ",电话13800138000;编号913800138000不是电话。"
	found := FindPersonal(text)
	if len(found) != 2 || found[0].Kind != IDCard || found[1].Kind != Mobile {
		t.Fatalf("%+v", found)
	}
	if text[found[0].Start:found[0].End] != vectorIDCard || Mask(text[found[1].Start:found[1].End]) != "138****8000" {
		t.Errorf("%+v", found)
	}
}

func FuzzParseUSCC(f *testing.F) {
	f.Add(vectorUSCC)
	f.Fuzz(func(t *testing.T, s string) {
		if u, err := ParseUSCC(s); err == nil && (string(u) != s || len(u.Region()) != 6) {
			t.Errorf("%q was read as %s", s, u)
		}
	})
}

func FuzzParseIdentifier(f *testing.F) {
	f.Add(vectorIdentifier)
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := ParseIdentifier(s); err == nil && id.String() != s {
			t.Errorf("%q was read as %s", s, id)
		}
	})
}

func FuzzFindPersonal(f *testing.F) {
	f.Add("王某 13800138000 " + vectorIDCard)
	f.Fuzz(func(t *testing.T, s string) {
		last := 0
		for _, p := range FindPersonal(s) {
			if p.Start < last || p.End <= p.Start || p.End > len(s) {
				t.Errorf("%+v in %q", p, s)
			}
			last = p.End
		}
	})
}
