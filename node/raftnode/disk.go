package raftnode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/raft"

	"github.com/yizhan-exchange/yizhan/node/raftnode/journal"
)

// disk is the log of one group and Raft's few stable values beside it, as Raft
// uses them: raft.LogStore, raft.MonotonicLogStore and raft.StableStore.
//
// Raft panics when it cannot read an entry that it committed or keep a new
// term. That would end the process, which may host other groups: once running,
// such a failure stops this group and ends the goroutine of Raft that met it,
// whose deferred calls let the group shut down. A log that cannot be written
// stops the group as well: a sync that failed once is not to be believed when
// it succeeds the next time.
type disk struct {
	log     *journal.Log
	full    *shortage
	fail    func(error)
	running atomic.Bool

	last, max atomic.Int64
	slow      atomic.Int64 // appends in a row that were slow
	stall     time.Duration
	since     atomic.Int64 // start of the append under way, Unix nanoseconds; 0 when idle
}

var (
	_ raft.MonotonicLogStore = (*disk)(nil)
	_ raft.LogStore          = (*disk)(nil)
	_ raft.StableStore       = (*disk)(nil)
)

// openDisk opens the log and reads all of it.
func openDisk(dir string, segment int, full *shortage, fail func(error)) (*disk, error) {
	log, err := journal.Open(filepath.Join(dir, "log"), journal.Options{Segment: segment})
	if damage := new(journal.DamageError); errors.As(err, &damage) {
		return nil, fmt.Errorf("%w; nothing is served from it: look at the drive, then remove this replica from the domain and join it again with empty directories", err)
	}
	if err != nil {
		return nil, err
	}
	return &disk{log: log, full: full, fail: fail, stall: defaultStall}, nil
}

// Close closes the log.
func (d *disk) Close() error { return d.log.Close() }

// abandon ends the calling goroutine of Raft after stopping the group.
func (d *disk) abandon(err error) {
	d.fail(err)
	runtime.Goexit()
}

// FirstIndex implements raft.LogStore.
func (d *disk) FirstIndex() (uint64, error) { return d.log.First(), nil }

// LastIndex implements raft.LogStore.
func (d *disk) LastIndex() (uint64, error) { return d.log.Last(), nil }

// IsMonotonic implements raft.MonotonicLogStore: there are no gaps.
func (d *disk) IsMonotonic() bool { return true }

// GetLog implements raft.LogStore. An entry that is damaged is not served.
func (d *disk) GetLog(index uint64, entry *raft.Log) error {
	b, err := d.log.Read(index)
	if errors.Is(err, journal.ErrNotFound) {
		return raft.ErrLogNotFound
	}
	if err == nil {
		err = decodeLog(b, index, entry)
	}
	if err != nil && d.running.Load() && d.has(index) {
		d.abandon(fmt.Errorf("raftnode: log index %d cannot be read: %w", index, err))
	}
	return err
}

// has reports whether the log should contain an entry; others are asked for
// whenever a follower is behind.
func (d *disk) has(index uint64) bool {
	last := d.log.Last()
	return last == 0 || d.log.First() <= index && index <= last
}

// termKey is where Raft keeps its term; its only stable write that it panics
// without.
const termKey = "CurrentTerm"

// Set implements raft.StableStore.
func (d *disk) Set(key, value []byte) error { return d.log.Set(string(key), value) }

// Get implements raft.StableStore. A value that was never set is empty.
func (d *disk) Get(key []byte) ([]byte, error) { return d.log.Get(string(key)) }

// SetUint64 implements raft.StableStore.
func (d *disk) SetUint64(key []byte, value uint64) error {
	keep := func() error { return d.Set(key, binary.BigEndian.AppendUint64(nil, value)) }
	if !d.running.Load() || string(key) != termKey {
		return keep()
	}
	err := d.full.outlast(keep)
	if err != nil {
		d.abandon(fmt.Errorf("raftnode: term %d cannot be kept: %w", value, err))
	}
	return err
}

// GetUint64 implements raft.StableStore: 0 for a value that was never set.
func (d *disk) GetUint64(key []byte) (uint64, error) {
	b, err := d.Get(key)
	if err != nil || len(b) == 0 {
		return 0, err
	}
	if len(b) != 8 {
		return 0, fmt.Errorf("raftnode: the stable value %s is not a number", key)
	}
	return binary.BigEndian.Uint64(b), nil
}

// StoreLog implements raft.LogStore.
func (d *disk) StoreLog(e *raft.Log) error { return d.StoreLogs([]*raft.Log{e}) }

// StoreLogs implements raft.LogStore. It measures how long appends take, most
// of which is the disk: a leader whose disk stalls still sends heartbeats and
// so blocks elections (hashicorp/raft #503, #612, #666). Raft calls it from
// one goroutine.
func (d *disk) StoreLogs(entries []*raft.Log) error {
	if len(entries) == 0 {
		return nil
	}
	encoded := make([][]byte, len(entries))
	for i, e := range entries {
		if e.Index != entries[0].Index+uint64(i) {
			return fmt.Errorf("raftnode: log index %d does not follow", e.Index)
		}
		encoded[i] = encodeLog(e)
	}
	start := time.Now()
	d.since.Store(start.UnixNano())
	err := d.log.Append(entries[0].Index, encoded)
	d.since.Store(0)
	took := int64(time.Since(start))
	d.last.Store(took)
	if took > d.max.Load() {
		d.max.Store(took)
	}
	if took > int64(d.stall/2) {
		d.slow.Add(1)
	} else {
		d.slow.Store(0)
	}
	return d.written(err)
}

// DeleteRange implements raft.LogStore for the head and the tail of the log.
func (d *disk) DeleteRange(from, to uint64) error {
	first, last := d.log.First(), d.log.Last()
	switch {
	case last == 0 || from > to || to < first || from > last:
		return nil
	case from <= first:
		return d.written(d.log.CutHead(to + 1))
	case to >= last:
		return d.written(d.log.CutTail(from - 1))
	}
	return fmt.Errorf("raftnode: the log has %d to %d; %d to %d is in the middle of it", first, last, from, to)
}

// written stops the group when the log cannot be written for another reason
// than want of room, which Raft is told: it stops leading, and tries again.
func (d *disk) written(err error) error {
	switch {
	case err == nil:
		d.full.over()
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		d.full.met(err)
	case !errors.Is(err, journal.ErrClosed) && d.running.Load():
		d.fail(fmt.Errorf("raftnode: the log cannot be written: %w; look at the drive, then start this replica again", err))
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
