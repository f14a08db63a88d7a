package config

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/yizhan-exchange/yizhan/node/durable"
)

const head = "# A node of Yizhan. Every key is described in the configuration reference;\n# what is left out has its default.\n"

// Save writes node.yaml at one moment, readable only by its owner. Paths below
// the file's directory are written relative to it, and values that are defaults
// are left out; a zero that is not the default is kept, see Complete. n is not
// changed.
func (n *Node) Save(path string) error {
	b, err := n.encode(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("encoding %s: %w", path, err)
	}
	if err := durable.WriteFile(path, ".node-*.yaml", b, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// Text returns what Save would write into a directory.
func (n *Node) Text(dir string) ([]byte, error) { return n.encode(dir) }

func (n *Node) encode(dir string) ([]byte, error) {
	plain, err := yaml.Marshal(n)
	if err != nil {
		return nil, err
	}
	var out Node
	if err := yaml.Unmarshal(plain, &out); err != nil {
		return nil, err
	}
	out.eachPath(func(p *string) { *p = relative(dir, *p) })
	tree, err := treeOf(reflect.ValueOf(&out).Elem())
	if err != nil {
		return nil, err
	}
	b := bytes.NewBufferString(head)
	e := yaml.NewEncoder(b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(tree), e.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// treeOf is the YAML of a value without what complete would fill in again. A
// zero that is not the default is written: left out, it would be read as the
// default.
func treeOf(v reflect.Value) (*yaml.Node, error) {
	switch v.Kind() {
	case reflect.Pointer:
		return treeOf(v.Elem())
	case reflect.Struct:
		return mappingOf(v)
	case reflect.Slice:
		return sequenceOf(v)
	}
	n := &yaml.Node{}
	return n, n.Encode(v.Interface())
}

func mappingOf(v reflect.Value) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if strings.Contains(options, "omitempty") && absent(f, v.Field(i)) {
			continue
		}
		value, err := treeOf(v.Field(i))
		if err != nil {
			return nil, err
		}
		if strings.Contains(options, "omitempty") && v.Field(i).Kind() == reflect.Struct && len(value.Content) == 0 {
			continue
		}
		if strings.Contains(options, "flow") {
			value.Style = yaml.FlowStyle
		}
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, value)
	}
	return n, nil
}

func sequenceOf(v reflect.Value) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range v.Len() {
		item, err := treeOf(v.Index(i))
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, item)
	}
	return n, nil
}

// absent reports whether leaving the field out means the same.
func absent(f reflect.StructField, v reflect.Value) bool {
	text, ok := f.Tag.Lookup("default")
	if !ok {
		return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0
	}
	def := reflect.New(v.Type()).Elem()
	setDefault(f, def, text)
	return reflect.DeepEqual(def.Interface(), v.Interface())
}

func relative(dir, path string) string {
	if path == "" || !filepath.IsAbs(path) && !strings.HasPrefix(path, dir+string(filepath.Separator)) {
		return path
	}
	rel, err := filepath.Rel(dir, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return path
	}
	return rel
}
