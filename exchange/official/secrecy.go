package official

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/form"
)

// WorkSecret is the mark of a work secret (工作秘密): not a state secret, yet
// protected.
const WorkSecret = "工作秘密"

// Secrecy is a mark of secrecy and its term (密级和保密期限, 条例 第九条(二)).
type Secrecy struct {
	Grade exchange.Grade
	Years uint8 // 0 only when unclassified
	Work  bool  // 工作秘密
}

// String returns the mark: 秘密★1年, 工作秘密, or "".
func (s Secrecy) String() string {
	switch {
	case s.Work:
		return WorkSecret
	case s.Grade == exchange.Unclassified:
		return ""
	}
	return s.Grade.String() + "★" + strconv.Itoa(int(s.Years)) + "年"
}

// Protected reports whether the document must stay out of sharing and
// disclosure.
func (s Secrecy) Protected() bool { return s.Work || s.Grade != exchange.Unclassified }

var secrecyMark = regexp.MustCompile(`^(秘密|机密|绝密)(?:([^0-9年]*)([0-9]+)年?)?(★)?$`)

// ParseSecrecy reads a mark of secrecy against the built-in table. "" is
// unclassified; a grade without a term has the longest term of its grade
// (保守国家秘密法 第二十条). The error is a *form.Fault.
func ParseSecrecy(s string) (Secrecy, error) {
	v, f := tables().readSecrecy(s)
	if f != nil {
		return Secrecy{}, f
	}
	return v, nil
}

func (t *Tables) readSecrecy(s string) (Secrecy, *form.Fault) {
	switch s {
	case "":
		return Secrecy{}, nil
	case WorkSecret:
		return Secrecy{Work: true}, nil
	}
	m := secrecyMark.FindStringSubmatch(s)
	if m == nil {
		return Secrecy{}, secrecyForm(s)
	}
	grade, _ := exchange.ParseGrade(m[1])
	most := t.Terms[grade]
	switch {
	case m[3] == "":
		return Secrecy{Grade: grade, Years: most}, nil
	case m[2] != "★":
		return Secrecy{}, fault("document.secrecy.star")
	case m[4] != "" || !strings.HasSuffix(s, "年"):
		return Secrecy{}, fault("document.secrecy.form")
	}
	years, err := strconv.Atoi(m[3])
	if err != nil || years < 1 || years > int(most) || m[3][0] == '0' {
		return Secrecy{}, fault("document.secrecy.term", m[1], most)
	}
	return Secrecy{Grade: grade, Years: uint8(years)}, nil
}

// secrecyForm names why text is no mark at all.
func secrecyForm(s string) *form.Fault {
	if strings.Contains(s, "月") || strings.Contains(s, "日") || strings.Contains(s, "长期") {
		return fault("document.secrecy.unit")
	}
	return fault("document.secrecy.form")
}
