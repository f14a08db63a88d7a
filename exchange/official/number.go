package official

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/yizhan-exchange/yizhan/exchange/form"
)

// Number is a document number (发文字号, 条例 第九条(五)): the code of the issuing
// body, the year, and the serial within the year. GB/T 9704-2012 §7.2.5 writes
// it 国办发〔2012〕10号.
type Number struct {
	Agency string // 机关代字
	Year   int    // four digits; 0 in the ordinal form 第N号
	Serial int
}

// String returns the standard form.
func (n Number) String() string {
	if n.Year == 0 {
		return fmt.Sprintf("%s第%d号", n.Agency, n.Serial)
	}
	return fmt.Sprintf("%s〔%d〕%d号", n.Agency, n.Year, n.Serial)
}

const maxAgency = 20 // characters of 机关代字

// looseNumber admits the usual mistakes, so that each can be named.
var looseNumber = regexp.MustCompile(`^(.*?)([〔\[【（(［〖﹝「])([^〕\]】）)］〗﹞」]*)([〕\]】）)］〗﹞」])(第?)([0-9０-９]+)(号?)$`)

// ParseNumber reads a document number in the standard form. The error is a
// *form.Fault and names the first mistake; CheckNumber lists them all.
func ParseNumber(s string) (Number, error) {
	faults := CheckNumber(s)
	if len(faults) > 0 {
		return Number{}, first(faults)
	}
	n, _ := readNumber(s)
	return n, nil
}

// CheckNumber lists everything wrong with a document number.
func CheckNumber(s string) []*form.Fault {
	if s == "" {
		return []*form.Fault{fault("document.number.missing")}
	}
	var faults []*form.Fault
	if strings.ContainsFunc(s, unicode.IsSpace) {
		faults = append(faults, fault("document.number.space"))
		s = withoutSpace(s)
	}
	m := looseNumber.FindStringSubmatch(s)
	if m == nil {
		return append(faults, fault("document.number.form"))
	}
	if m[2] != "〔" || m[4] != "〕" {
		faults = append(faults, fault("document.number.brackets", m[2], m[4]))
	}
	faults = append(faults, checkAgency(m[1])...)
	if year, err := strconv.Atoi(m[3]); err != nil || len(m[3]) != 4 || year < 1900 {
		faults = append(faults, fault("document.number.year"))
	}
	return append(faults, checkSerial(m[5], m[6], m[7])...)
}

func checkAgency(agency string) []*form.Fault {
	if n := len([]rune(agency)); n == 0 || n > maxAgency {
		return []*form.Fault{fault("document.number.agency", maxAgency)}
	}
	for _, r := range agency {
		if !unicode.IsLetter(r) {
			return []*form.Fault{fault("document.number.agency", maxAgency)}
		}
	}
	return nil
}

func checkSerial(ordinal, serial, suffix string) []*form.Fault {
	var faults []*form.Fault
	if ordinal != "" {
		faults = append(faults, fault("document.number.ordinal"))
	}
	switch n, err := strconv.Atoi(serial); {
	case err != nil || n > 99999:
		faults = append(faults, fault("document.number.serial"))
	case n == 0 || serial[0] == '0':
		faults = append(faults, fault("document.number.zero"))
	}
	if suffix == "" {
		faults = append(faults, fault("document.number.suffix"))
	}
	return faults
}

// RepairNumber returns the standard form of a number whose mistakes are only
// of form (brackets, spaces, 第, leading zeros), for a client to offer. It is
// never applied silently: the number is part of what was signed.
func RepairNumber(s string) (string, bool) {
	n, ok := readNumber(withoutSpace(s))
	if !ok {
		return "", false
	}
	fixed := n.String()
	return fixed, len(CheckNumber(fixed)) == 0
}

func readNumber(s string) (Number, bool) {
	m := looseNumber.FindStringSubmatch(s)
	if m == nil {
		return Number{}, false
	}
	year, err := strconv.Atoi(halfWidth(m[3]))
	serial, err2 := strconv.Atoi(halfWidth(m[6]))
	return Number{Agency: m[1], Year: year, Serial: serial}, err == nil && err2 == nil
}

var ordinalNumber = regexp.MustCompile(`^(\p{Han}{0,20})第([1-9][0-9]{0,4})[号期]$`)

// ParseOrdinal reads the form 第N号 of orders and announcements, and 第N期 of
// minutes (GB/T 9704-2012 §10.2, §10.3).
func ParseOrdinal(s string) (Number, bool) {
	m := ordinalNumber.FindStringSubmatch(s)
	if m == nil {
		return Number{}, false
	}
	serial, err := strconv.Atoi(m[2])
	return Number{Agency: m[1], Serial: serial}, err == nil
}

func withoutSpace(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// halfWidth turns full-width digits into ASCII.
func halfWidth(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '０' && r <= '９' {
			return r - '０' + '0'
		}
		return r
	}, s)
}
