package official

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/yizhan-exchange/yizhan/exchange/calendar"
	"github.com/yizhan-exchange/yizhan/exchange/form"
)

var (
	chineseDate = regexp.MustCompile(`^([0-9]{1,4})年([0-9]{1,2})月([0-9]{1,2})日$`)
	isoDate     = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
)

// ParseDate reads a date of completion (成文日期, 条例 第九条(十二)). The standard
// form is 2026年3月9日, in Arabic numerals without zero padding (GB/T 9704-2012
// §7.3.5.4); 2026-03-09 is accepted as input, and Date.Chinese writes the
// standard form. The error is a *form.Fault.
func ParseDate(s string) (calendar.Date, error) {
	d, f := readDate(s)
	if f != nil {
		return calendar.Date{}, f
	}
	return d, nil
}

func readDate(s string) (calendar.Date, *form.Fault) {
	if isoDate.MatchString(s) {
		if s[0] == '0' {
			return calendar.Date{}, fault("document.date.year")
		}
		d, err := calendar.ParseDate(s)
		if err != nil || !d.Valid() {
			return d, fault("document.date.day")
		}
		return d, nil
	}
	m := chineseDate.FindStringSubmatch(s)
	if m == nil {
		return calendar.Date{}, dateForm(s)
	}
	if strings.HasPrefix(m[2], "0") || strings.HasPrefix(m[3], "0") {
		return calendar.Date{}, fault("document.date.padding")
	}
	if len(m[1]) != 4 || m[1][0] == '0' {
		return calendar.Date{}, fault("document.date.year")
	}
	d, ok := calendar.NewDate(atoi(m[1]), atoi(m[2]), atoi(m[3]))
	if !ok {
		return d, fault("document.date.day")
	}
	return d, nil
}

// dateForm names why text does not even look like a date.
func dateForm(s string) *form.Fault {
	switch {
	case strings.ContainsFunc(s, unicode.IsSpace):
		return fault("document.date.space")
	case strings.ContainsAny(s, "〇零一二三四五六七八九十"):
		return fault("document.date.numerals")
	case strings.ContainsAny(s, "０１２３４５６７８９"):
		return fault("document.date.numerals")
	}
	return fault("document.date.form")
}

// atoi converts what a pattern has already proved to be a few digits.
func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
