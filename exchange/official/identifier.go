package official

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange/form"
)

// identifierOID is the arc under which document identifiers stand.
const identifierOID = "1.2.156.10."

// Identifier is a document identifier (公文标识, GB/T 33477-2016): one name for
// one document, whoever keeps it.
type Identifier struct {
	USCC    USCC
	Section string // internal section, three characters, "000" if none
	Year    int
	Type    string // code of the type, "0A"
	Serial  int    // 1 to 99999
}

var identifierForm = regexp.MustCompile(`^1\.2\.156\.10\.([0-9A-Z]{18})-([0-9A-Z]{3})-([0-9]{4})-([0-9A-Z]{2})-([0-9]{5})-([0-9A-Z])$`)

// ParseIdentifier reads an identifier and verifies its check character, the
// credit code in it and that the type is in the built-in table. The error is a
// *form.Fault.
func ParseIdentifier(s string) (Identifier, error) {
	m := identifierForm.FindStringSubmatch(s)
	if m == nil {
		return Identifier{}, fault("identifier.form")
	}
	id := Identifier{USCC: USCC(m[1]), Section: m[2], Year: atoi(m[3]), Type: m[4], Serial: atoi(m[5])}
	if f := id.check(); f != nil {
		return Identifier{}, f
	}
	if mod3736(id.payload()) != m[6][0] {
		return Identifier{}, fault("identifier.check")
	}
	return id, nil
}

// MakeIdentifier writes an identifier with its check character. The error is a
// *form.Fault that names the part which cannot stand in one.
func MakeIdentifier(id Identifier) (string, error) {
	if f := id.check(); f != nil {
		return "", f
	}
	return id.String(), nil
}

// String writes the identifier as it stands, without checking its parts.
func (id Identifier) String() string {
	return fmt.Sprintf("%s%s-%s-%04d-%s-%05d-%c", identifierOID,
		id.USCC, id.Section, id.Year, id.Type, id.Serial, mod3736(id.payload()))
}

var sectionForm = regexp.MustCompile(`^[0-9A-Z]{3}$`)

func (id Identifier) check() *form.Fault {
	t, known := ParseType(id.Type)
	switch {
	case checkUSCC(string(id.USCC)) != nil:
		return checkUSCC(string(id.USCC))
	case !sectionForm.MatchString(id.Section):
		return fault("identifier.section")
	case id.Year < 1900 || id.Year > 9999:
		return fault("identifier.year")
	case !known || t.Code != id.Type:
		return fault("identifier.type")
	case id.Serial < 1 || id.Serial > 99999:
		return fault("identifier.serial")
	}
	return nil
}

// payload is what the check character covers: everything but the OID and the
// separators.
func (id Identifier) payload() string {
	return fmt.Sprintf("%s%s%04d%s%05d", id.USCC, id.Section, id.Year, id.Type, id.Serial)
}

// mod3736 is the check character of ISO 7064 MOD 37,36 (hybrid). Characters
// outside 0-9A-Z count as 0; callers have checked them.
func mod3736(s string) byte {
	p := 36
	for i := range len(s) {
		p = (p + max(0, strings.IndexByte(bodyAlphabet, s[i]))) % 36
		if p == 0 {
			p = 36
		}
		p = p * 2 % 37
	}
	return bodyAlphabet[(37-p)%36]
}
