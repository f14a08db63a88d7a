package founding

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// LoadFederation reads and checks federation.yaml. Policy directories in it are
// relative to the file.
func LoadFederation(path string) (Federation, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Federation{}, fmt.Errorf("declaration of a federation: %w", err)
	}
	f, err := ParseFederation(raw)
	if err != nil {
		var e *exchange.Error
		if errors.As(err, &e) {
			e.Message = path + ": " + e.Message
		}
		return Federation{}, err
	}
	for i := range f.Domains {
		if d := &f.Domains[i]; d.PolicyDir != "" && !filepath.IsAbs(d.PolicyDir) {
			if d.PolicyDir, err = filepath.Abs(filepath.Join(filepath.Dir(path), d.PolicyDir)); err != nil {
				return Federation{}, fmt.Errorf("policy of %s: %w", d.Domain, err)
			}
		}
	}
	return f, nil
}

// ParseFederation is LoadFederation for text. Unknown keys are errors.
func ParseFederation(raw []byte) (Federation, error) {
	var f Federation
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil && err != io.EOF {
		return Federation{}, exchange.Errorf(exchange.Invalid, op, "the declaration cannot be read: %w", err)
	}
	if err := d.Decode(new(yaml.Node)); err != io.EOF {
		return Federation{}, exchange.Errorf(exchange.Invalid, op, "the declaration is one YAML document, and more follows")
	}
	return f, f.Check()
}

const federationHead = `# A trial federation of Yizhan: domains, units and persons, and the processes that run them.
# 试验联邦：交换域、单位、人员及运行进程。Persons and credit codes are fictitious.
`

// Encode writes the declaration as text.
func (f Federation) Encode() ([]byte, error) {
	b := bytes.NewBufferString(federationHead)
	e := yaml.NewEncoder(b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(f), e.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
