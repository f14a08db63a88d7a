package casework

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/form"
)

// MaxDepth is how deep the fields of a case may be nested; the outer object
// counts.
const MaxDepth = 16

// CheckFields reports what is wrong with the fields of a case, nil when they
// are one JSON object (RFC 8259) of at most exchange.MaxFieldsSize bytes whose
// objects name no key twice. Two readers of a repeated key may see different
// values, so what was signed would be unclear.
func CheckFields(b []byte) *form.Fault {
	switch {
	case len(b) > exchange.MaxFieldsSize:
		return fault("case.fields.size", form.Bytes(exchange.MaxFieldsSize))
	case !utf8.Valid(b):
		return fault("case.fields.encoding")
	case tooDeep(b):
		return fault("case.fields.depth", MaxDepth)
	case !json.Valid(b):
		return fault("case.fields.syntax")
	case bytes.TrimLeft(b, " \t\r\n")[0] != '{':
		return fault("case.fields.object")
	}
	return checkKeys(b)
}

// tooDeep counts brackets outside strings, before anything recurses.
func tooDeep(b []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// scope is one open object or array. keys is nil in an array; named says that
// the next token of an object is a value.
type scope struct {
	keys  map[string]bool
	named bool
}

// checkKeys walks syntactically valid JSON and refuses repeated keys.
func checkKeys(b []byte) *form.Fault {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var open []*scope
	for {
		tok, err := dec.Token()
		if err != nil { // the end: the syntax is known to be valid
			return nil
		}
		if name, ok := keyToken(open, tok); ok {
			in := open[len(open)-1]
			if in.keys[name] {
				return fault("case.fields.duplicate", len(open))
			}
			in.keys[name], in.named = true, true
			continue
		}
		open = step(open, tok)
	}
}

// keyToken reports whether tok is the name of a member of the innermost object.
func keyToken(open []*scope, tok json.Token) (string, bool) {
	name, ok := tok.(string)
	if !ok || len(open) == 0 {
		return "", false
	}
	in := open[len(open)-1]
	return name, in.keys != nil && !in.named
}

// step follows brackets and notes that a value has been read.
func step(open []*scope, tok json.Token) []*scope {
	switch tok {
	case json.Delim('{'):
		return append(open, &scope{keys: map[string]bool{}})
	case json.Delim('['):
		return append(open, &scope{})
	case json.Delim('}'), json.Delim(']'):
		open = open[:len(open)-1]
	}
	if len(open) > 0 {
		open[len(open)-1].named = false
	}
	return open
}
