package raftnode

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
)

// disk is the log of one group and Raft's few stable values beside it, as Raft
// uses them: raft.LogStore, raft.MonotonicLogStore and raft.StableStore.
//
// Raft panics when it cannot read an entry that it committed or keep a new
// term. That would end the process, which may host other groups: once running,
// such a failure stops this group and ends the goroutine of Raft that met it,
// whose deferred calls let the group shut down.
type disk struct {
	*wal.WAL
	meta    *metadb.BoltMetaDB
	full    *shortage
	fail    func(error)
	running atomic.Bool

	last, max atomic.Int64
	since     atomic.Int64 // start of the append under way, Unix nanoseconds; 0 when idle
}

var (
	_ raft.MonotonicLogStore = (*disk)(nil)
	_ raft.LogStore          = (*disk)(nil)
	_ raft.StableStore       = (*disk)(nil)
)

// openDisk opens the write-ahead log with a meta database of our own:
// wal.Close leaves its meta database open and locked, so the next open in this
// process would hang.
func openDisk(dir string, segment int, full *shortage, fail func(error), logger hclog.Logger) (*disk, error) {
	dir = filepath.Join(dir, "log")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	d := &disk{meta: &metadb.BoltMetaDB{}, full: full, fail: fail}
	var err error
	d.WAL, err = wal.Open(dir, wal.WithMetaStore(d.meta), wal.WithLogger(logger), wal.WithSegmentSize(segment))
	if err != nil {
		return nil, errors.Join(err, d.meta.Close())
	}
	return d, nil
}

// Close closes the log and its meta database.
func (d *disk) Close() error { return errors.Join(d.WAL.Close(), d.meta.Close()) }

// abandon ends the calling goroutine of Raft after stopping the group.
func (d *disk) abandon(err error) {
	d.fail(err)
	runtime.Goexit()
}

// GetLog implements raft.LogStore.
func (d *disk) GetLog(index uint64, entry *raft.Log) error {
	err := d.WAL.GetLog(index, entry)
	if err != nil && d.running.Load() && d.has(index) {
		d.abandon(fmt.Errorf("raftnode: log index %d cannot be read: %w", index, err))
	}
	return err
}

// has reports whether the log should contain an entry; others are asked for
// whenever a follower is behind.
func (d *disk) has(index uint64) bool {
	first, err := d.FirstIndex()
	last, errLast := d.LastIndex()
	return err != nil || errLast != nil || first <= index && index <= last
}

// termKey is where Raft keeps its term; its only stable write that it panics
// without.
const termKey = "CurrentTerm"

// SetUint64 implements raft.StableStore.
func (d *disk) SetUint64(key []byte, value uint64) error {
	keep := func() error { return d.WAL.SetUint64(key, value) }
	if !d.running.Load() || string(key) != termKey {
		return keep()
	}
	err := d.full.outlast(keep)
	if err != nil {
		d.abandon(fmt.Errorf("raftnode: term %d cannot be kept: %w", value, err))
	}
	return err
}

// StoreLog implements raft.LogStore.
func (d *disk) StoreLog(e *raft.Log) error { return d.StoreLogs([]*raft.Log{e}) }

// StoreLogs implements raft.LogStore. It measures how long appends take, most
// of which is the disk: a leader whose disk stalls still sends heartbeats and
// so blocks elections (hashicorp/raft #503, #612, #666). Raft calls it from
// one goroutine.
func (d *disk) StoreLogs(entries []*raft.Log) error {
	start := time.Now()
	d.since.Store(start.UnixNano())
	err := d.WAL.StoreLogs(entries)
	d.since.Store(0)
	took := int64(time.Since(start))
	d.last.Store(took)
	if took > d.max.Load() {
		d.max.Store(took)
	}
	return err
}

// Latency says how long writes take.
type Latency struct {
	Last    time.Duration
	Max     time.Duration // since the last Status
	Pending time.Duration // how long the write under way has taken so far; 0 when idle
}

func (d *disk) latency() Latency {
	out := Latency{Last: time.Duration(d.last.Load()), Max: time.Duration(d.max.Swap(0))}
	if since := d.since.Load(); since != 0 {
		out.Pending = time.Since(time.Unix(0, since))
	}
	return out
}
