package config

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"

	"github.com/yizhan-exchange/yizhan/exchange"
)

const (
	op      = "config.load"
	maxFile = 1 << 20
)

// Load reads, completes and checks node.yaml. Everything wrong with it is in
// the Problems of one *exchange.Error, each with its key, its line and what to
// do. A missing file is NotFound, anything else Invalid.
func Load(path string) (*Node, error) {
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, missing(path)
	case err != nil:
		return nil, exchange.Errorf(exchange.Invalid, op, "reading the node's configuration: %w", err)
	}
	n, err := Parse(b)
	if err != nil {
		var e *exchange.Error
		if errors.As(err, &e) {
			e.Message = path + ": " + e.Message
		}
		return nil, err
	}
	n.eachPath(func(p *string) { *p = resolve(filepath.Dir(path), *p) })
	return n, nil
}

func missing(path string) error {
	e := exchange.Errorf(exchange.NotFound, op, "there is no node configuration at %s", path)
	var p exchange.Problems
	p.Add("config", "config.missing", "no such file", "未找到节点配置文件", "", "give --config FILE, or make a trial federation with yizhan init")
	e.Problems = p
	return e
}

// Parse is Load for text. Paths stay as they are written.
func Parse(b []byte) (*Node, error) {
	if len(b) > maxFile {
		return nil, exchange.Errorf(exchange.Invalid, op, "a node's configuration is at most 1 MiB")
	}
	root, err := document(b)
	if err != nil {
		return nil, err
	}
	var n Node
	r := newReader()
	r.read(root, &n)
	if len(r.problems) == 0 {
		n.check(r)
	}
	if len(r.problems) > 0 {
		return nil, &exchange.Error{Code: exchange.Invalid, Op: op, Message: "the configuration cannot be used", Problems: r.problems}
	}
	return &n, nil
}

// document parses exactly one YAML document.
func document(b []byte) (*yaml.Node, error) {
	var doc, more yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(b))
	err := d.Decode(&doc)
	if err == nil {
		if err = d.Decode(&more); err == nil {
			return nil, exchange.Errorf(exchange.Invalid, op, "the configuration is one YAML document, and more follows at line %d", more.Line)
		}
	}
	switch {
	case err != io.EOF:
		return nil, exchange.Errorf(exchange.Invalid, op, "not YAML: %w; check indentation, colons and quotes", err)
	case len(doc.Content) == 0:
		return nil, exchange.Errorf(exchange.Invalid, op, "the configuration is empty")
	}
	return doc.Content[0], nil
}

func resolve(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
