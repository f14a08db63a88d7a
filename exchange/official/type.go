package official

import (
	"fmt"
	"slices"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange/form"
)

// Type is a type of document (文种, 条例 第八条).
type Type struct {
	Code       string      `yaml:"code"` // "0B"
	Name       string      `yaml:"name"` // "请示"
	Alias      []string    `yaml:"alias"`
	Direction  Direction   `yaml:"direction"`   // where it normally goes
	Refuse     []Direction `yaml:"refuse"`      // where its main recipients may not stand
	Numbering  Numbering   `yaml:"numbering"`   // whether it carries a 发文字号
	Directive  bool        `yaml:"directive"`   // binds the recipient (第十六条(二))
	Important  bool        `yaml:"important"`   // copied to the superior when it goes down (第十六条(一))
	SameDomain bool        `yaml:"same_domain"` // stays within its level: 议案
}

// Codes of the types that rules speak of by name.
const (
	codeReport  = "0A" // 报告
	codeRequest = "0B" // 请示
	codeLetter  = "0E" // 函
)

// Numbering says whether a type of document carries a 发文字号.
type Numbering string

// Numberings.
const (
	NumberRequired Numbering = "required" // 机关代字〔YYYY〕N号
	NumberOrdinal  Numbering = "ordinal"  // that, or 第N号
	NumberOptional Numbering = "optional" // that, 第N号, or none
)

// UnmarshalText implements encoding.TextUnmarshaler.
func (n *Numbering) UnmarshalText(b []byte) error {
	switch v := Numbering(b); v {
	case NumberRequired, NumberOrdinal, NumberOptional:
		*n = v
		return nil
	}
	return fmt.Errorf("unknown numbering %q", b)
}

// ParseType finds a type by its Chinese name or its code in the built-in
// table.
func ParseType(s string) (Type, bool) { return tables().ParseType(s) }

// ParseType finds a type by its Chinese name or its code.
func (t *Tables) ParseType(s string) (Type, bool) {
	for _, k := range t.Types {
		if k.Name == s || strings.EqualFold(k.Code, s) || slices.Contains(k.Alias, s) {
			return k, true
		}
	}
	return Type{}, false
}

// SuggestTypes returns the names of types near to a misspelt one, best first.
func (t *Tables) SuggestTypes(s string) []string {
	candidates := make([]form.Candidate, len(t.Types))
	for i, k := range t.Types {
		candidates[i] = form.Candidate{Name: k.Name, Alias: k.Alias}
	}
	return form.Suggest(s, candidates)
}
