package ledger

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// txn is one command's view: what is stored, overlaid by its own mutations.
// The first broken invariant sticks in err and stops the group.
type txn struct {
	r      Reader
	sum    func(parts ...[]byte) crypto.Digest
	index  uint64
	was    exchange.Time // of the ledger before this command
	now    exchange.Time
	self   Self
	muts   []Mutation
	over   map[place]int // position in muts
	events []Event
	err    error
	again  bool // what was held is processed again: it is not held a second time

	// What a command of many rows would decode again and again.
	suffixes  map[place]uint32 // next unused suffix under a prefix
	manifests map[exchange.ID]*exchange.Manifest
	hops      map[exchange.Domain]hop
	carried   map[exchange.ID]bool // by rows that are queued, looked through once
	crowded   bool                 // too many are queued to look
}

// place is a row's table and key.
type place struct {
	table Table
	key   string
}

type hop struct {
	peer exchange.Domain
	ok   bool
}

func (t *txn) get(table Table, key []byte) []byte {
	if i, ok := t.over[place{table, string(key)}]; ok {
		return t.muts[i].Value
	}
	return t.r.Get(table, key)
}

// changed reports whether this command has written or deleted the row.
func (t *txn) changed(table Table, key []byte) bool {
	_, own := t.over[place{table, string(key)}]
	return own
}

func (t *txn) has(table Table, key []byte) bool { return t.get(table, key) != nil }

func (t *txn) put(table Table, key, value []byte) {
	if value == nil {
		value = []byte{}
	}
	t.set(Mutation{table, key, value})
}

func (t *txn) delete(table Table, key []byte) { t.set(Mutation{table, key, nil}) }

func (t *txn) set(m Mutation) {
	k := place{m.Table, string(m.Key)}
	if i, ok := t.over[k]; ok {
		t.muts[i].Value = m.Value
		return
	}
	t.over[k] = len(t.muts)
	t.muts = append(t.muts, m)
}

// scan calls fn for the rows under prefix, this command's own included, in
// order of key. fn may change rows.
func (t *txn) scan(table Table, prefix []byte, fn func(key, value []byte)) {
	var rows []Mutation
	t.r.Scan(table, prefix, nil, func(k, v []byte) bool {
		if _, own := t.over[place{table, string(k)}]; !own {
			rows = append(rows, Mutation{table, bytes.Clone(k), v})
		}
		return true
	})
	for _, m := range t.muts {
		if m.Table == table && m.Value != nil && bytes.HasPrefix(m.Key, prefix) {
			rows = append(rows, m)
		}
	}
	slices.SortFunc(rows, func(a, b Mutation) int { return bytes.Compare(a.Key, b.Key) })
	for _, m := range rows {
		fn(m.Key, m.Value)
	}
}

func (t *txn) fail(format string, args ...any) {
	if t.err == nil {
		t.err = fmt.Errorf("ledger: invariant broken: "+format, args...)
	}
}

// load decodes a row. A row that cannot be decoded breaks an invariant.
func load[T any](t *txn, table Table, key []byte) (T, bool) {
	var zero T
	raw := t.get(table, key)
	if raw == nil {
		return zero, false
	}
	v, err := exchange.DecodeStored[T](raw)
	if err != nil {
		t.fail("table %d: %v", table, err)
		return zero, false
	}
	return v, true
}

func save(t *txn, table Table, key []byte, v any) { t.put(table, key, exchange.Encode(v)) }

// next takes the first unused 4-byte suffix under prefix, counting also this
// command's own rows. The caller writes the row.
func (t *txn) next(table Table, prefix []byte) uint32 {
	at := place{table, string(prefix)}
	n, known := t.suffixes[at]
	if !known {
		t.r.ScanBack(table, prefix, nil, func(k, _ []byte) bool {
			n = binary.BigEndian.Uint32(k[len(k)-4:]) + 1
			return false
		})
		for t.has(table, sequenceKey(prefix, n)) {
			n++
		}
	}
	if t.suffixes == nil {
		t.suffixes = map[place]uint32{}
	}
	t.suffixes[at] = n + 1
	return n
}

// Get decodes a row of any reader. It is for queries, outside Apply.
func Get[T any](r Reader, table Table, key []byte) (T, bool, error) {
	var zero T
	raw := r.Get(table, key)
	if raw == nil {
		return zero, false, nil
	}
	v, err := exchange.DecodeStored[T](raw)
	return v, err == nil, err
}
