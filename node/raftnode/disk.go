package raftnode

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
)

// disk is the log of one group and Raft's few stable values beside it.
type disk struct {
	meta *metadb.BoltMetaDB
	wal  *wal.WAL
	log  *timedLog
}

// openDisk opens the write-ahead log with a meta database of our own:
// wal.Close leaves its meta database open and locked, so the next open in this
// process would hang.
func openDisk(dir string, segment int, logger hclog.Logger) (*disk, error) {
	dir = filepath.Join(dir, "log")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	d := &disk{meta: &metadb.BoltMetaDB{}}
	w, err := wal.Open(dir, wal.WithMetaStore(d.meta), wal.WithLogger(logger), wal.WithSegmentSize(segment))
	if err != nil {
		return nil, errors.Join(err, d.meta.Close())
	}
	d.wal, d.log = w, &timedLog{WAL: w}
	return d, nil
}

func (d *disk) close() error { return errors.Join(d.wal.Close(), d.meta.Close()) }

// timedLog measures how long appends take, most of which is the disk: a
// leader whose disk stalls still sends heartbeats and so blocks elections
// (hashicorp/raft #503, #612, #666).
type timedLog struct {
	*wal.WAL
	last, max atomic.Int64
	since     atomic.Int64 // start of the append under way, Unix nanoseconds; 0 when idle
}

// StoreLog implements raft.LogStore.
func (l *timedLog) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

// StoreLogs implements raft.LogStore. Raft calls it from one goroutine.
func (l *timedLog) StoreLogs(entries []*raft.Log) error {
	start := time.Now()
	l.since.Store(start.UnixNano())
	err := l.WAL.StoreLogs(entries)
	l.since.Store(0)
	took := int64(time.Since(start))
	l.last.Store(took)
	if took > l.max.Load() {
		l.max.Store(took)
	}
	return err
}

// Latency says how long writes take.
type Latency struct {
	Last    time.Duration
	Max     time.Duration // since the last Status
	Pending time.Duration // how long the write under way has taken so far; 0 when idle
}

func (l *timedLog) latency() Latency {
	out := Latency{Last: time.Duration(l.last.Load()), Max: time.Duration(l.max.Swap(0))}
	if since := l.since.Load(); since != 0 {
		out.Pending = time.Since(time.Unix(0, since))
	}
	return out
}
