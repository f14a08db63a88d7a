package official

import (
	"regexp"
	"slices"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Exceptions to the derivation of parents from division codes (GB/T 2260).
var (
	municipalities = []string{"11", "12", "31", "50"} // 直辖市: prefectures 01, 02 are placeholders
	noCounties     = []string{"4419", "4420"}         // 东莞市, 中山市
)

// provinceRun is the prefecture part of counties that a province administers
// itself (省直辖县级行政区划).
const provinceRun = "90"

var divisionForm = regexp.MustCompile(`^[1-9][0-9]{5}$`)

// DivisionParent derives the superior of a division code PPCCXX; "" stands for
// the nation. It is a check on what the directory states, never its source:
// codes are retired and bodies are moved. ok is false for text that is no code
// and for codes that cannot exist.
func DivisionParent(code string) (parent string, ok bool) {
	if !divisionForm.MatchString(code) {
		return "", false
	}
	province, city, county := code[:2], code[2:4], code[4:]
	switch {
	case city == "00" && county == "00":
		return "", true
	case city == "00":
		return "", false
	case county == "00" || city == provinceRun:
		return province + "0000", true
	case slices.Contains(municipalities, province) && (city == "01" || city == "02"):
		return province + "0000", true
	case slices.Contains(noCounties, province+city):
		return "", false
	}
	return province + city + "00", true
}

// DivisionLevel derives the level of a division code: province, city or county.
func DivisionLevel(code string) (exchange.Level, bool) {
	parent, ok := DivisionParent(code)
	switch {
	case !ok:
		return 0, false
	case parent == "":
		return exchange.Province, true
	case code[4:] == "00":
		return exchange.City, true
	}
	return exchange.County, true
}

// DivisionAgrees reports whether the parent that the directory states is the
// one that the code suggests, for the general line of domains. A domain that
// is no division, or has another parent by decision, is for a person to look
// at.
func DivisionAgrees(d exchange.DomainInfo) bool {
	parent, ok := DivisionParent(d.Domain.Division())
	return ok && (parent == "" || parent == d.Parent.Division())
}
