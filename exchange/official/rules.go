package official

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/form"
)

//go:embed data/rules.yaml
var rulesYAML []byte

// Severity says what a finding does to a document.
type Severity string

// Severities.
const (
	Refuse Severity = "refuse" // it does not go
	Warn   Severity = "warn"   // it goes, and the sender is told
)

// Rule is one line of the table of routing rules (行文规则). Rules that no
// machine can judge are in the table too, with what handles them.
type Rule struct {
	ID       string   `yaml:"id"`      // "R1"; "R1.unknown" is a part of it with its own wording
	Article  string   `yaml:"article"` // "条例 第十四条"
	Severity Severity `yaml:"severity"`
	Handled  string   `yaml:"handled"` // facts, title, field, directory, signature or person
	English  string   `yaml:"en"`
	Chinese  string   `yaml:"zh"`
	Remedy   string   `yaml:"remedy"` // Chinese / English
}

// Rules returns the table of routing rules in their order.
func Rules() ([]Rule, error) {
	rules, err := loadRules()
	return slices.Clone(rules), err
}

var loadRules = sync.OnceValues(func() ([]Rule, error) { return parseRules(rulesYAML) })

func parseRules(data []byte) ([]Rule, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	var raw struct {
		Version string
		Rules   []Rule
	}
	if err := dec.Decode(&raw); err != nil {
		return nil, fmt.Errorf("reading the routing rules: %w", err)
	}
	for _, r := range raw.Rules {
		known := r.Severity == Refuse || r.Severity == Warn
		if !known || r.ID == "" || r.Article == "" || r.English == "" || r.Chinese == "" || r.Remedy == "" {
			return nil, fmt.Errorf("routing rule %q is incomplete", r.ID)
		}
	}
	return raw.Rules, nil
}

// Finding is one routing rule that a document breaks.
type Finding struct {
	Rule     string // "R1"
	Code     string // "R1", or "R1.unknown" for a part of it
	Field    string // "to[1]", "to", "title"
	Article  string
	Severity Severity
	English  string
	Chinese  string
	Remedy   string
}

// Reason returns the finding as the reason of a decision.
func (f Finding) Reason(layer string) exchange.Reason {
	return exchange.Reason{
		Code: f.Rule, Layer: layer, Chinese: f.Chinese, English: f.English,
		Clause: f.Article, Remedy: f.Remedy,
	}
}

// Refused reports whether any of the findings refuses the document.
func Refused(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == Refuse })
}

// finding words a rule by its entry in the table. An entry that is missing is
// a defect that a test finds; it refuses, so nothing passes by accident.
func finding(id, field string, args ...any) Finding {
	rules, _ := loadRules()
	name, _, _ := strings.Cut(id, ".")
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.ID == id })
	if i < 0 {
		return Finding{Rule: name, Code: id, Field: field, Severity: Refuse, English: id, Chinese: id}
	}
	r := rules[i]
	return Finding{
		Rule: name, Code: id, Field: field, Article: r.Article, Severity: r.Severity,
		English: form.Fill(r.English, args), Chinese: form.Fill(r.Chinese, args),
		Remedy: form.Fill(r.Remedy, args),
	}
}
