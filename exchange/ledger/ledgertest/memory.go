// Package ledgertest holds an ordered table set in memory, for tests and for
// simulation of everything above the Raft log.
package ledgertest

import (
	"bytes"
	"slices"
	"sort"

	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// Memory is a ledger.Reader over sorted keys. It is not safe for concurrent
// use.
type Memory struct {
	tables [ledger.TableEnd][]row
}

type row struct{ key, value []byte }

var _ ledger.Reader = (*Memory)(nil)

func (m *Memory) find(t ledger.Table, key []byte) (int, bool) {
	rows := m.tables[t]
	i := sort.Search(len(rows), func(i int) bool { return bytes.Compare(rows[i].key, key) >= 0 })
	return i, i < len(rows) && bytes.Equal(rows[i].key, key)
}

// Get implements ledger.Reader.
func (m *Memory) Get(t ledger.Table, key []byte) []byte {
	if i, ok := m.find(t, key); ok {
		return m.tables[t][i].value
	}
	return nil
}

// Scan implements ledger.Reader.
func (m *Memory) Scan(t ledger.Table, prefix, from []byte, fn func(k, v []byte) bool) {
	if bytes.Compare(from, prefix) < 0 {
		from = prefix
	}
	i, _ := m.find(t, from)
	for ; i < len(m.tables[t]); i++ {
		r := m.tables[t][i]
		if !bytes.HasPrefix(r.key, prefix) || !fn(r.key, r.value) {
			return
		}
	}
}

// ScanBack implements ledger.Reader.
func (m *Memory) ScanBack(t ledger.Table, prefix, before []byte, fn func(k, v []byte) bool) {
	end := len(m.tables[t])
	if before != nil {
		end, _ = m.find(t, before)
	} else {
		end = sort.Search(end, func(i int) bool {
			k := m.tables[t][i].key
			return bytes.Compare(k, prefix) > 0 && !bytes.HasPrefix(k, prefix)
		})
	}
	for i := end - 1; i >= 0; i-- {
		r := m.tables[t][i]
		if !bytes.HasPrefix(r.key, prefix) || !fn(r.key, r.value) {
			return
		}
	}
}

// Put applies mutations.
func (m *Memory) Put(mutations ...ledger.Mutation) {
	for _, u := range mutations {
		i, found := m.find(u.Table, u.Key)
		rows := m.tables[u.Table]
		switch {
		case u.Value == nil && found:
			m.tables[u.Table] = slices.Delete(rows, i, i+1)
		case u.Value == nil:
		case found:
			rows[i].value = bytes.Clone(u.Value)
		default:
			m.tables[u.Table] = slices.Insert(rows, i, row{bytes.Clone(u.Key), bytes.Clone(u.Value)})
		}
	}
}

// Rows counts the rows of a table.
func (m *Memory) Rows(t ledger.Table) int { return len(m.tables[t]) }

// Clone copies the rows; the copy does not see later changes.
func (m *Memory) Clone() *Memory {
	out := &Memory{}
	for t, rows := range m.tables {
		out.tables[t] = slices.Clone(rows)
	}
	return out
}
