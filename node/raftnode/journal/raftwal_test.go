//go:build raftwal

package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/types"
)

// These tests hold that the defects which made us leave raft-wal v0.4.0 are
// there: they fail when a version has mended one.

// mortal is a meta store of a process that ends before it commits.
type mortal struct {
	*metadb.BoltMetaDB
	dead bool
}

func (m *mortal) CommitState(s types.PersistentState) error {
	if m.dead {
		return errors.New("the process has ended")
	}
	return m.BoltMetaDB.CommitState(s)
}

func openWAL(t *testing.T, dir string, m *mortal) *wal.WAL {
	t.Helper()
	w, err := wal.Open(dir, wal.WithMetaStore(m), wal.WithSegmentSize(4096), wal.WithLogger(hclog.NewNullLogger()))
	must(t, err)
	return w
}

func store(w *wal.WAL, from, n uint64) error {
	var logs []*raft.Log
	for i := from; i < from+n; i++ {
		logs = append(logs, &raft.Log{Index: i, Term: 1, Data: bytes.Repeat([]byte{'a' + byte(i%26)}, 200)})
	}
	return w.StoreLogs(logs)
}

// harmed writes three batches of four entries, lets harm at the segment, and
// opens the log again.
func harmed(t *testing.T, harm func(b []byte)) *wal.WAL {
	t.Helper()
	dir, m := t.TempDir(), &mortal{BoltMetaDB: &metadb.BoltMetaDB{}}
	w := openWAL(t, dir, m)
	for i := range uint64(3) {
		must(t, store(w, 1+4*i, 4))
	}
	must(t, errors.Join(w.Close(), m.Close()))
	found, err := filepath.Glob(filepath.Join(dir, "*.wal"))
	must(t, err)
	b, err := os.ReadFile(found[0])
	must(t, err)
	harm(b)
	must(t, os.WriteFile(found[0], b, 0o600))
	return openWAL(t, dir, &mortal{BoltMetaDB: &metadb.BoltMetaDB{}})
}

func TestRaftWALCannotAppendAfterACrashBetweenSealAndRotate(t *testing.T) {
	dir, m := t.TempDir(), &mortal{BoltMetaDB: &metadb.BoltMetaDB{}}
	w := openWAL(t, dir, m)
	m.dead = true
	last := uint64(0)
	for store(w, last+1, 1) == nil {
		last++
	}
	must(t, errors.Join(w.Close(), m.Close()))
	w = openWAL(t, dir, &mortal{BoltMetaDB: &metadb.BoltMetaDB{}})
	if got, _ := w.LastIndex(); got != last {
		t.Fatalf("last %d, not %d", got, last)
	}
	for range 3 {
		if err := store(w, last+1, 1); !errors.Is(err, wal.ErrSealed) {
			t.Errorf("mended: %v", err)
		}
	}
}

func TestRaftWALTakesAFlippedBitForTheEnd(t *testing.T) {
	w := harmed(t, func(b []byte) { b[bytes.Index(b, []byte("ffff"))-24] ^= 0 })
	if last, _ := w.LastIndex(); last != 12 {
		t.Fatalf("unharmed it has %d", last)
	}
	header := func(b []byte, entry byte) int { // of the frame of an entry
		at := bytes.Index(b, bytes.Repeat([]byte{entry}, 200))
		return at - at%8 - 8
	}
	w = harmed(t, func(b []byte) { b[header(b, 'a'+6)] ^= 0x40 }) // in the second batch
	if last, _ := w.LastIndex(); last >= 12 {
		t.Errorf("mended: it has %d", last)
	}
	w = harmed(t, func(b []byte) { b[bytes.Index(b, bytes.Repeat([]byte{'a' + 10}, 200))] ^= 1 }) // in the last batch
	if last, _ := w.LastIndex(); last >= 12 {
		t.Errorf("mended: it has %d", last)
	}
}

func TestRaftWALServesAFlippedBit(t *testing.T) {
	w := harmed(t, func(b []byte) { b[bytes.Index(b, bytes.Repeat([]byte{'a' + 2}, 200))] ^= 1 })
	var got raft.Log
	if err := w.GetLog(2, &got); err != nil || bytes.Equal(got.Data, bytes.Repeat([]byte{'a' + 2}, 200)) {
		t.Errorf("mended: %v", err)
	}
}

func TestRaftWALCannotReadASegmentWhoseTailWasCut(t *testing.T) {
	dir, m := t.TempDir(), &mortal{BoltMetaDB: &metadb.BoltMetaDB{}}
	w := openWAL(t, dir, m)
	must(t, store(w, 1, 6))
	must(t, w.DeleteRange(5, 6))
	must(t, errors.Join(w.Close(), m.Close()))
	w = openWAL(t, dir, &mortal{BoltMetaDB: &metadb.BoltMetaDB{}})
	if err := w.GetLog(1, new(raft.Log)); err == nil {
		t.Error("mended")
	}
}
