package official

import (
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange/form"
)

// USCC is a unified social credit code (统一社会信用代码, GB 32100-2015), 18
// characters that have passed both check digits.
type USCC string

const (
	usccAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY" // without I O S V Z
	bodyAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	usccLength   = 18
)

var (
	usccWeights = [17]int{1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28}
	bodyWeights = [8]int{3, 7, 9, 10, 5, 8, 4, 2}
)

// ParseUSCC reads a code and verifies the check character of the whole
// (GB 32100 §5.6) and that of the body code in it (GB 11714). The error is a
// *form.Fault.
func ParseUSCC(s string) (USCC, error) {
	if f := checkUSCC(s); f != nil {
		return "", f
	}
	return USCC(s), nil
}

func checkUSCC(s string) *form.Fault {
	if len(s) != usccLength {
		return fault("uscc.length")
	}
	for _, r := range s {
		if !strings.ContainsRune(usccAlphabet, r) {
			return fault("uscc.character")
		}
	}
	if bodyCheck(s[8:16]) != s[16] {
		return fault("uscc.body")
	}
	if usccCheck(s[:17]) != s[17] {
		return fault("uscc.check")
	}
	return nil
}

// Region returns the division code of the registrar, which says nothing about
// the level of the body.
func (u USCC) Region() string { return string(u[2:8]) }

// usccCheck is (31 − Σ wᵢcᵢ mod 31) mod 31.
func usccCheck(s string) byte {
	sum := 0
	for i, w := range usccWeights {
		sum += w * strings.IndexByte(usccAlphabet, s[i])
	}
	return usccAlphabet[(31-sum%31)%31]
}

// bodyCheck is 11 − Σ wᵢcᵢ mod 11, with 10 written X and 11 written 0.
func bodyCheck(s string) byte {
	sum := 0
	for i, w := range bodyWeights {
		sum += w * strings.IndexByte(bodyAlphabet, s[i])
	}
	switch c := 11 - sum%11; c {
	case 10:
		return 'X'
	case 11:
		return '0'
	default:
		return byte('0' + c)
	}
}
