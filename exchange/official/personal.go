package official

import (
	"regexp"
	"strings"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange/calendar"
)

var (
	idWeights  = [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	idCardForm = regexp.MustCompile(`^[1-9][0-9]{16}[0-9Xx]$`)
	mobileForm = regexp.MustCompile(`^1[3-9][0-9]{9}$`)
)

// idChecks are the check characters for Σ mod 11 = 0 … 10.
const idChecks = "10X98765432"

// ValidIDCard reports whether s is a citizen's number (公民身份号码, GB
// 11643-1999): its check character holds and the birth date exists.
func ValidIDCard(s string) bool {
	if !idCardForm.MatchString(s) {
		return false
	}
	if _, ok := calendar.NewDate(atoi(s[6:10]), atoi(s[10:12]), atoi(s[12:14])); !ok {
		return false
	}
	sum := 0
	for i, w := range idWeights {
		sum += w * int(s[i]-'0')
	}
	return idChecks[sum%11] == strings.ToUpper(s[17:])[0]
}

// ValidMobile reports whether s is a mobile number of the mainland.
func ValidMobile(s string) bool { return mobileForm.MatchString(s) }

// PersonalKind says what a piece of personal data is.
type PersonalKind string

// Kinds of personal data that can be recognised by form.
const (
	IDCard PersonalKind = "id_card" // 公民身份号码
	Mobile PersonalKind = "mobile"  // 手机号码
)

// Personal is a piece of personal data in a text, as byte offsets.
type Personal struct {
	Kind       PersonalKind
	Start, End int
}

// FindPersonal finds citizens' numbers and mobile numbers in a text, in order,
// for masking. A number inside a longer run of digits is not one.
func FindPersonal(text string) []Personal {
	var out []Personal
	for start := 0; start < len(text); {
		end := start
		for end < len(text) && numeral(text[end]) {
			end++
		}
		switch run := text[start:end]; {
		case ValidIDCard(run):
			out = append(out, Personal{IDCard, start, end})
		case ValidMobile(run):
			out = append(out, Personal{Mobile, start, end})
		}
		start = max(end, start+1)
	}
	return out
}

func numeral(c byte) bool { return c >= '0' && c <= '9' || c == 'X' || c == 'x' }

// Mask replaces the middle of a piece of personal data by stars, byte for byte.
func Mask(s string) string {
	if len(s) < 8 {
		return strings.Repeat("*", len(s))
	}
	return s[:3] + strings.Repeat("*", len(s)-7) + s[len(s)-4:]
}

// BirthDate returns the birth date in a valid citizen's number.
func BirthDate(id string) (calendar.Date, bool) {
	if !ValidIDCard(id) {
		return calendar.Date{}, false
	}
	return calendar.Date{Year: atoi(id[6:10]), Month: time.Month(atoi(id[10:12])), Day: atoi(id[12:14])}, true
}
