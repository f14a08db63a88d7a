package casework

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/yizhan-exchange/yizhan/exchange/calendar"
	"github.com/yizhan-exchange/yizhan/exchange/form"
)

//go:embed data/tables.yaml
var tablesYAML []byte

// Kind is a kind of case.
type Kind struct {
	Code   string        `yaml:"code"` // "4"; it stands in Manifest.Type
	Name   string        `yaml:"name"` // 上报件
	Alias  []string      `yaml:"alias"`
	Limit  calendar.Term `yaml:"limit"`  // statutory, from 受理; unset when the law sets none
	Extend calendar.Term `yaml:"extend"` // what the head of the body may add once
	Clause string        `yaml:"clause"`
	Record bool          `yaml:"record"` // 备案: checked, registered and kept; no decision is awaited
}

// Entry is one line of a code table.
type Entry struct {
	Code   string `yaml:"code"`
	Name   string `yaml:"name"`
	Reason bool   `yaml:"reason"` // it does not stand without a reason
	Early  bool   `yaml:"early"`  // a conclusion that needs no acceptance
}

// HandlingTime is a handling time that an office publishes.
type HandlingTime struct {
	Matter string        `yaml:"matter"`
	Until  calendar.Term `yaml:"until"`
}

// Tables are the versioned code tables of cases. They are not changed after
// they are loaded and may be shared.
type Tables struct {
	Version     string        `yaml:"version"`
	Kinds       []Kind        `yaml:"kinds"`
	Results     []Entry       `yaml:"results"`     // 环节结果
	Procedures  []Entry       `yaml:"procedures"`  // 特别程序
	Conclusions []Entry       `yaml:"conclusions"` // 办结结果
	Notice      calendar.Term `yaml:"notice"`      // to tell what is missing (行政许可法 第三十二条)
	Delivery    calendar.Term `yaml:"delivery"`    // to deliver the decision (第四十四条)
	Cards       struct {
		Yellow int `yaml:"yellow"` // working days before the end
	} `yaml:"cards"`
	Handling []HandlingTime `yaml:"handling"`
}

// Builtin returns the tables that come with the program.
func Builtin() (*Tables, error) { return builtin() }

var builtin = sync.OnceValues(func() (*Tables, error) { return LoadTables(tablesYAML) })

// tables is Builtin for Check. A test proves that it loads; without it no kind
// is known, so nothing passes by accident.
func tables() *Tables {
	if t, err := builtin(); err == nil {
		return t
	}
	return &Tables{}
}

// LoadTables reads tables in the form of data/tables.yaml.
func LoadTables(data []byte) (*Tables, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	t := &Tables{}
	if err := dec.Decode(t); err != nil {
		return nil, fmt.Errorf("reading the tables of cases: %w", err)
	}
	return t, t.check()
}

func (t *Tables) check() error {
	seen := map[string]bool{}
	for _, k := range t.Kinds {
		for _, term := range []calendar.Term{k.Limit, k.Extend} {
			if !term.IsZero() && !term.Valid() {
				return fmt.Errorf("the table of kinds has an impossible term under %q", k.Code)
			}
		}
		if !k.Extend.IsZero() && k.Extend.Unit != k.Limit.Unit {
			return fmt.Errorf("the table of kinds extends %q in another unit than its limit", k.Code)
		}
		for _, word := range append([]string{k.Code, k.Name}, k.Alias...) {
			if word == "" || seen[word] {
				return fmt.Errorf("the table of kinds lists %q twice or leaves it out", word)
			}
			seen[word] = true
		}
	}
	for name, table := range map[string][]Entry{"results": t.Results, "procedures": t.Procedures, "conclusions": t.Conclusions} {
		if err := checkEntries(name, table); err != nil {
			return err
		}
	}
	if !t.Notice.Valid() || !t.Delivery.Valid() || t.Cards.Yellow < 0 {
		return fmt.Errorf("the tables of cases lack the terms of notice, delivery or cards")
	}
	return nil
}

func checkEntries(name string, table []Entry) error {
	seen := map[string]bool{}
	for _, e := range table {
		if e.Code == "" || e.Name == "" || seen[e.Code] {
			return fmt.Errorf("the table of %s lists %q twice or leaves it out", name, e.Code)
		}
		seen[e.Code] = true
	}
	return nil
}

// ParseKind finds a kind by its code or Chinese name in the built-in table.
func ParseKind(s string) (Kind, bool) { return tables().ParseKind(s) }

// ParseKind finds a kind by its code or Chinese name.
func (t *Tables) ParseKind(s string) (Kind, bool) {
	for _, k := range t.Kinds {
		if k.Code == s || k.Name == s || slices.Contains(k.Alias, s) {
			return k, true
		}
	}
	return Kind{}, false
}

// SuggestKinds returns the names of kinds near to a misspelt one, best first.
func (t *Tables) SuggestKinds(s string) []string {
	candidates := make([]form.Candidate, len(t.Kinds))
	for i, k := range t.Kinds {
		candidates[i] = form.Candidate{Name: k.Name, Alias: k.Alias}
	}
	return form.Suggest(s, candidates)
}

// Lookup finds a line of a code table by its code or name.
func Lookup(table []Entry, s string) (Entry, bool) {
	for _, e := range table {
		if e.Code == s || e.Name == s {
			return e, true
		}
	}
	return Entry{}, false
}
