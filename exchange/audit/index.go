package audit

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// index is index.json: what the file claims and what else is in it. It is not
// signed; it finds damage and what was left out, and proves nothing.
type index struct {
	Format     string       `json:"format"`
	Exchange   exchange.ID  `json:"exchange"`
	Content    Content      `json:"content"`
	Deliveries []claim      `json:"deliveries"`
	Entries    []indexEntry `json:"entries"`
}

// claim is the state that the file says a delivery has; "" when no receipt
// speaks of it.
type claim struct {
	Index uint16        `json:"index"`
	To    exchange.Unit `json:"to"`
	State string        `json:"state"`
}

type indexEntry struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	SM3  string `json:"sm3"`
}

func (x *index) add(name string, size int, digest crypto.Digest) {
	x.Entries = append(x.Entries, indexEntry{name, int64(size), digest.String()})
}

func (x *index) encode() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(x); err != nil {
		panic(err) // strings and numbers always encode
	}
	return b.Bytes()
}

func decodeIndex(b []byte) (x index, ok bool) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(&x) != nil {
		return index{}, false
	}
	_, err := d.Token()
	_, known := ParseContent(string(x.Content))
	sorted := slices.IsSortedFunc(x.Entries, func(a, b indexEntry) int { return strings.Compare(a.Name, b.Name) })
	return x, err == io.EOF && known && x.Content != "" && x.Format == Format && sorted
}
