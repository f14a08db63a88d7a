package config

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/form"
)

// reader fills a Go value from YAML nodes, goes on after a mistake, and
// remembers the line of each key for the checks that follow.
type reader struct {
	problems exchange.Problems
	lines    map[string]int
}

func newReader() *reader { return &reader{lines: map[string]int{}} }

// read fills the configuration. Defaults come first, so that a zero which is
// written stays one.
func (r *reader) read(n *yaml.Node, v *Node) {
	complete(reflect.ValueOf(v).Elem())
	r.value(n, reflect.ValueOf(v).Elem(), "")
}

// problem adds one, with the line of the key or of the nearest one around it.
func (r *reader) problem(key, code, message, chinese, remedy string) {
	if line := r.line(key); line > 0 {
		message = fmt.Sprintf("line %d: %s", line, message)
	}
	r.problems.Add(key, "config."+code, message, chinese, "", remedy)
}

func (r *reader) line(key string) int {
	for {
		if line, ok := r.lines[key]; ok {
			return line
		}
		i := strings.LastIndexAny(key, ".[")
		if i < 0 {
			return 0
		}
		key = key[:i]
	}
}

func (r *reader) value(n *yaml.Node, v reflect.Value, key string) {
	r.lines[key] = n.Line
	switch {
	case n.Kind == yaml.AliasNode:
		r.problem(key, "alias", "anchors and aliases are not used here", "不支持 YAML 锚点和别名", "write the value out")
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		// as if the key were not there
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		complete(v.Elem())
		r.value(n, v.Elem(), key)
	case v.Kind() == reflect.Struct:
		r.mapping(n, v, key)
	case v.Kind() == reflect.Slice:
		r.sequence(n, v, key)
	default:
		r.scalar(n, v, key)
	}
}

func (r *reader) mapping(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.MappingNode {
		r.problem(key, "mapping", "keys and values are expected here", "此处应为键值", "see the configuration reference")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, line := n.Content[i].Value, n.Content[i].Line
		path := join(key, name)
		field, ok := fieldOf(v, name)
		switch {
		case !ok:
			r.lines[path] = line
			r.unknown(v.Type(), path, name)
		case seen[name]:
			r.lines[path] = line
			r.problem(path, "twice", name+" is given twice", "配置项重复", "remove one of them")
		default:
			r.value(n.Content[i+1], field, path)
		}
		seen[name] = true
	}
}

func (r *reader) unknown(t reflect.Type, path, name string) {
	var known []form.Candidate
	for i := range t.NumField() {
		known = append(known, form.Candidate{Name: keyOf(t.Field(i))})
	}
	remedy := "see the configuration reference"
	if near := form.Suggest(name, known); len(near) > 0 {
		remedy = "did you mean " + strings.Join(near, " or ") + "?"
	}
	r.problem(path, "unknown_key", "unknown key "+name, "未知的配置项", remedy)
}

func (r *reader) sequence(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.SequenceNode {
		r.problem(key, "list", "a list is expected here", "此处应为列表", "begin each item with a dash")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		complete(v.Index(i))
		r.value(item, v.Index(i), fmt.Sprintf("%s[%d]", key, i))
	}
}

func (r *reader) scalar(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.ScalarNode {
		r.problem(key, "scalar", "one value is expected here", "此处应为单个值", "see the configuration reference")
		return
	}
	err := n.Decode(v.Addr().Interface())
	switch v.Interface().(type) {
	case Duration, Size:
	default:
		if err != nil {
			err = fmt.Errorf("not a %s", kindName(v.Kind()))
		}
	}
	if err != nil {
		what, remedy, _ := strings.Cut(err.Error(), "; ")
		r.problem(key, "value", fmt.Sprintf("%q is %s", n.Value, what), "取值格式不正确", remedy)
	}
}

func kindName(k reflect.Kind) string {
	switch k {
	case reflect.Int, reflect.Int64:
		return "whole number"
	case reflect.Bool:
		return "true or false"
	}
	return "text"
}

func fieldOf(v reflect.Value, name string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if keyOf(v.Type().Field(i)) == name {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func keyOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}
