package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

const head = "# A node of Yizhan. Every key is described in the configuration reference;\n# what is left out has its default.\n"

// Save writes node.yaml at one moment, readable only by its owner. Paths below
// the file's directory are written relative to it, and values that are defaults
// are left out. n is not changed.
func (n *Node) Save(path string) error {
	b, err := n.encode(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("encoding %s: %w", path, err)
	}
	if err := replaceFile(path, b); err != nil {
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
	omitDefaults(&out)
	b := bytes.NewBufferString(head)
	e := yaml.NewEncoder(b)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(&out), e.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// omitDefaults empties what complete would fill in again.
func omitDefaults(n *Node) {
	visit(reflect.ValueOf(n).Elem(), func(f reflect.StructField, v reflect.Value) {
		text, ok := f.Tag.Lookup("default")
		if !ok || !strings.Contains(f.Tag.Get("yaml"), "omitempty") {
			return
		}
		def := reflect.New(v.Type()).Elem()
		setDefault(f, def, text)
		if reflect.DeepEqual(def.Interface(), v.Interface()) {
			v.SetZero()
		}
	})
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

// replaceFile writes a temporary file, syncs it and renames it.
func replaceFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".node-*.yaml") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone once renamed
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
