package form

import (
	"bytes"
	"fmt"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Entry is the wording of one problem. {0}, {1} … stand for arguments.
type Entry struct {
	English string `yaml:"en"`
	Chinese string `yaml:"zh"`
	Clause  string `yaml:"clause"`
	Remedy  string `yaml:"remedy"` // Chinese / English
}

// Catalogue maps stable codes to wordings.
type Catalogue map[string]Entry

// LoadCatalogue reads a catalogue from YAML. Unknown keys and entries without
// both languages and a remedy are errors.
func LoadCatalogue(data []byte) (Catalogue, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	var c Catalogue
	if err := dec.Decode(&c); err != nil {
		return nil, fmt.Errorf("reading the catalogue of problems: %w", err)
	}
	for code, e := range c {
		if e.English == "" || e.Chinese == "" || e.Remedy == "" {
			return nil, fmt.Errorf("problem %s lacks a language or a remedy", code)
		}
	}
	return c, nil
}

// Codes lists the codes in order.
func (c Catalogue) Codes() []string {
	out := make([]string, 0, len(c))
	for code := range c {
		out = append(out, code)
	}
	sort.Strings(out)
	return out
}

// Fault words the problem with this code. A code that the catalogue lacks is a
// defect that its room's tests find; it is then shown bare rather than lost.
func (c Catalogue) Fault(code string, args ...any) *Fault {
	e, ok := c[code]
	if !ok {
		e = Entry{English: code, Chinese: code}
	}
	return &Fault{exchange.Problem{
		Code: code, Message: Fill(e.English, args), Chinese: Fill(e.Chinese, args),
		Clause: Fill(e.Clause, args), Remedy: Fill(e.Remedy, args),
	}}
}

// Fill puts arguments in the places {0}, {1} … of a text.
func Fill(text string, args []any) string {
	for i, a := range args {
		text = strings.ReplaceAll(text, fmt.Sprintf("{%d}", i), fmt.Sprint(a))
	}
	return text
}

// Fault is a problem as an error, not yet tied to a field. The parsers of the
// rooms return it.
type Fault struct{ exchange.Problem }

// Error implements error with the English sentence.
func (f *Fault) Error() string { return f.Message }

// Report collects the problems of one request in the order they are found.
type Report struct {
	Catalogue Catalogue
	Problems  exchange.Problems
}

// Add reports the problem with this code at a field.
func (r *Report) Add(field, code string, args ...any) {
	r.AddFaults(field, r.Catalogue.Fault(code, args...))
}

// AddFaults reports faults at a field.
func (r *Report) AddFaults(field string, faults ...*Fault) {
	for _, f := range faults {
		p := f.Problem
		p.Field = field
		r.Problems = append(r.Problems, p)
	}
}
