package form

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Lengths of texts, in characters.
const (
	MaxTitle   = 200  // 标题
	MaxShort   = 64   // a name or number
	MaxRemarks = 2000 // 附注, reasons
)

// CheckLine reports what is wrong with one line of text that must be there:
// blank, longer than most characters, or holding characters that hide others.
func CheckLine(r *Report, field, text string, most int) {
	if strings.TrimSpace(text) == "" {
		r.AddFaults(field, problems().Fault("text.missing"))
		return
	}
	checkText(r, field, text, most, false)
}

// CheckNote is CheckLine for text that may be absent and may have several
// lines.
func CheckNote(r *Report, field, text string, most int) {
	checkText(r, field, text, most, true)
}

func checkText(r *Report, field, text string, most int, lines bool) {
	if !utf8.ValidString(text) {
		r.AddFaults(field, problems().Fault("text.encoding"))
		return
	}
	if n := utf8.RuneCountInString(text); n > most {
		r.AddFaults(field, problems().Fault("text.long", n, most))
	}
	for _, c := range text {
		newline := c == '\n' || c == '\r' || c == '\t'
		if lines && newline {
			continue
		}
		if unicode.IsControl(c) || Bidi(c) || c == '\u2028' || c == '\u2029' {
			r.AddFaults(field, problems().Fault("text.control", CodePoint(c)))
			return
		}
	}
}
