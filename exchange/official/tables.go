package official

import (
	"bytes"
	_ "embed"
	"fmt"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/yizhan-exchange/yizhan/exchange"
)

//go:embed data/tables.yaml
var tablesYAML []byte

// Tables are the versioned code tables of documents. They are not changed
// after they are loaded and may be shared.
type Tables struct {
	Version   string
	Elements  []Element                         // in the order of the article
	Types     []Type                            // in order of code
	Terms     map[exchange.Grade]uint8          // longest term of secrecy, in years
	Authority map[exchange.Level]exchange.Grade // highest grade that a level classifies of itself
}

// Element is one of the eighteen elements of a document (公文要素, 条例 第九条).
type Element struct {
	Name   string `yaml:"name"`   // 份号
	Clause string `yaml:"clause"` // 第九条(一)
	Kept   string `yaml:"kept"`   // the field of the draft, or "text"
}

// Builtin returns the tables that come with the program.
func Builtin() (*Tables, error) { return builtin() }

var builtin = sync.OnceValues(func() (*Tables, error) { return LoadTables(tablesYAML) })

// tables is Builtin for the package's own functions. A test proves that it
// loads; without it every lookup fails, so nothing passes by accident.
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
	var raw struct {
		Version   string
		Types     []Type
		Elements  []Element
		Terms     map[string]uint8
		Authority map[string]string
	}
	if err := dec.Decode(&raw); err != nil {
		return nil, fmt.Errorf("reading the tables of documents: %w", err)
	}
	t := &Tables{Version: raw.Version, Types: raw.Types, Elements: raw.Elements}
	if err := checkTypes(raw.Types); err != nil {
		return nil, err
	}
	if err := t.setTerms(raw.Terms); err != nil {
		return nil, err
	}
	return t, t.setAuthority(raw.Authority)
}

func checkTypes(types []Type) error {
	seen := map[string]bool{}
	for _, t := range types {
		for _, word := range append([]string{t.Code, t.Name}, t.Alias...) {
			if word == "" || seen[word] {
				return fmt.Errorf("the table of types lists %q twice or leaves it out", word)
			}
			seen[word] = true
		}
	}
	return nil
}

func (t *Tables) setTerms(raw map[string]uint8) error {
	t.Terms = map[exchange.Grade]uint8{}
	for name, years := range raw {
		g, ok := exchange.ParseGrade(name)
		if !ok || g == exchange.Unclassified || years == 0 {
			return fmt.Errorf("the table of terms has no grade %q", name)
		}
		t.Terms[g] = years
	}
	return nil
}

func (t *Tables) setAuthority(raw map[string]string) error {
	t.Authority = map[exchange.Level]exchange.Grade{}
	for name, mark := range raw {
		level, ok := exchange.ParseLevel(name)
		grade, known := exchange.ParseGrade(mark)
		if !ok || !known {
			return fmt.Errorf("the table of authority has no level %q or grade %q", name, mark)
		}
		t.Authority[level] = grade
	}
	return nil
}
