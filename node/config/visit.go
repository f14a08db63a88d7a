package config

import (
	"fmt"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// complete gives every field in v that has a default its default. Lists and
// sections that may be left out stay as they are.
func complete(v reflect.Value) {
	visit(v, func(f reflect.StructField, v reflect.Value) {
		if text, ok := f.Tag.Lookup("default"); ok {
			setDefault(f, v, text)
		}
	})
}

// Complete gives every field that is zero and has a default its default. It is
// for a configuration that a program makes: call it before a zero is meant.
func (n *Node) Complete() {
	visit(reflect.ValueOf(n).Elem(), func(f reflect.StructField, v reflect.Value) {
		if text, ok := f.Tag.Lookup("default"); ok && v.IsZero() {
			setDefault(f, v, text)
		}
	})
}

func setDefault(f reflect.StructField, v reflect.Value, text string) {
	if err := yaml.Unmarshal([]byte(text), v.Addr().Interface()); err != nil { // the tag is a constant, read by every test
		panic(fmt.Sprintf("default of %s: %v", f.Name, err))
	}
}

// eachPath calls fn with every file or directory name of the configuration.
func (n *Node) eachPath(fn func(*string)) {
	visit(reflect.ValueOf(n).Elem(), func(f reflect.StructField, v reflect.Value) {
		if f.Tag.Get("path") != "" {
			fn(v.Addr().Interface().(*string))
		}
	})
}

// visit calls fn with every field that holds a value itself, through sections
// and lists.
func visit(v reflect.Value, fn func(reflect.StructField, reflect.Value)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			visit(v.Elem(), fn)
		}
	case reflect.Slice:
		for i := range v.Len() {
			visit(v.Index(i), fn)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fn(v.Type().Field(i), v.Field(i))
			visit(v.Field(i), fn)
		}
	}
}
