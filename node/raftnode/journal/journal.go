// Package journal is the log of one replica on disk: entries by index, and
// Raft's few stable values. What Append and Set returned from without an error
// survives a loss of power; whatever was damaged afterwards is found, when the
// log is opened and again when an entry is read, and is never taken for the end
// of the log. DESIGN.md has the format and why it is not a library's.
package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"

	"github.com/yizhan-exchange/yizhan/node/durable"
	"github.com/yizhan-exchange/yizhan/node/failpoint"
)

var (
	// ErrNotFound is returned for an entry that the log does not have.
	ErrNotFound = errors.New("journal: no such entry")
	// ErrNoRoom is in the error of an Append that wanted room and left nothing
	// behind: not even a crash brings the entries back.
	ErrNoRoom = errors.New("no room on the disk")
	// ErrClosed is returned by every method after Close.
	ErrClosed = errors.New("journal: closed")
)

// DamageError says that something which was durable is not there any more, or
// is not what was written.
type DamageError struct {
	Index  uint64 // of the first entry concerned, 0 when none is known
	Path   string
	Offset int64
	Why    string
}

// Error implements error.
func (e *DamageError) Error() string {
	if e.Index == 0 {
		return fmt.Sprintf("the log is damaged: %s: %s", e.Path, e.Why)
	}
	return fmt.Sprintf("the log is damaged at index %d: %s at byte %d: %s", e.Index, e.Path, e.Offset, e.Why)
}

// Options of Open.
type Options struct {
	Segment int // bytes of a file, allocated at once
}

// Log is safe for concurrent use; appending and cutting exclude each other, and
// reading waits for neither's disk.
type Log struct {
	dir     string
	options Options

	write sync.Mutex // held while anything changes on disk
	mu    sync.RWMutex
	// segments ascend and leave no gap. Only the last may be open.
	segments []*segment
	meta     meta
	closed   bool
	broken   error // a sync failed: what the drive has is not known
}

// Open opens or creates the log in dir and reads all of it. A log that lost
// something that it had acknowledged is a *DamageError.
func Open(dir string, o Options) (*Log, error) {
	l := &Log{dir: dir, options: o}
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := l.loadMeta(); err != nil {
		return nil, err
	}
	err := l.openSegments()
	if err == nil {
		err = l.sweep()
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Log) openSegments() error {
	for _, info := range l.meta.Segments {
		if n := len(l.segments); n > 0 && l.segments[n-1].last()+1 != info.Base {
			return &DamageError{Index: l.segments[n-1].last() + 1, Path: l.path(info), Why: "segments leave a gap"}
		}
		s, err := l.openSegment(info)
		if err != nil {
			return err
		}
		l.segments = append(l.segments, s)
	}
	return nil
}

// First returns the first index, 0 when the log is empty.
func (l *Log) First() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.lastLocked() == 0 {
		return 0
	}
	return max(l.segments[0].Base, l.meta.First)
}

// Last returns the last index, 0 when the log is empty.
func (l *Log) Last() uint64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.lastLocked()
}

func (l *Log) lastLocked() uint64 {
	if len(l.segments) == 0 {
		return 0
	}
	last := l.segments[len(l.segments)-1].last()
	if last < max(l.segments[0].Base, l.meta.First) {
		return 0
	}
	return last
}

// Read returns an entry as it was appended. ErrNotFound when the log does not
// have it, a *DamageError when it is not what was written.
func (l *Log) Read(index uint64) ([]byte, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return nil, ErrClosed
	}
	if index < l.meta.First {
		return nil, ErrNotFound
	}
	i, found := slices.BinarySearchFunc(l.segments, index, func(s *segment, index uint64) int {
		if s.Base > index {
			return 1
		} else if s.last() < index {
			return -1
		}
		return 0
	})
	if !found {
		return nil, ErrNotFound
	}
	return l.segments[i].read(index)
}

// Append adds entries of consecutive indexes from first on, durably: all or
// none. first follows Last; in an empty log it may be any. After a failure for
// want of room the log is as before. After any other the log takes no more.
func (l *Log) Append(first uint64, entries [][]byte) error {
	l.write.Lock()
	defer l.write.Unlock()
	if err := l.usable(); err != nil || len(entries) == 0 {
		return err
	}
	last := l.Last()
	if last != 0 && first != last+1 {
		return fmt.Errorf("journal: index %d does not follow %d", first, last)
	}
	s, err := l.room(first)
	if err != nil {
		if noRoom(err) {
			err = errors.Join(ErrNoRoom, err)
		}
		return l.judge(err)
	}
	end, spans, err := s.append(entries)
	if err != nil && noRoom(err) && !s.dirty {
		err = errors.Join(ErrNoRoom, err)
	}
	if err != nil {
		return l.judge(err)
	}
	l.mu.Lock()
	s.end, s.spans = end, append(s.spans, spans...)
	l.mu.Unlock()
	return nil
}

// room returns the segment that takes the next entry. An empty log begins
// where it is told to.
func (l *Log) room(first uint64) (*segment, error) {
	next, keep := l.meta.clone(), l.segments
	if l.Last() == 0 {
		if len(keep) == 1 && keep[0].Max == 0 && keep[0].Base == first && next.First <= first {
			return keep[0], nil
		}
		next.First, next.Segments, keep = first, nil, nil
	} else if s := keep[len(keep)-1]; s.Max == 0 {
		if len(s.spans) == 0 || s.end*sectorSize < int64(l.options.Segment) {
			return s, nil
		}
		next.Segments[len(keep)-1].Max = s.last()
	}
	made, err := l.createSegment(first)
	if err != nil {
		return nil, err
	}
	next.NextID++
	next.Segments = append(next.Segments, made.listed)
	if err := l.adopt(next, append(slices.Clone(keep), made)); err != nil {
		return nil, errors.Join(err, made.file.Close())
	}
	return made, failpoint.Hit(failpoint.SegmentListed)
}

// adopt makes a list durable, its segments current, and removes the files of
// the others. Caller holds write.
func (l *Log) adopt(next meta, segments []*segment) error {
	if err := l.keepMeta(next); err != nil {
		return err
	}
	l.mu.Lock()
	before := l.segments
	l.meta, l.segments = next, segments
	for i, s := range segments {
		if s.Max = next.Segments[i].Max; s.Max != 0 {
			s.spans = s.spans[:s.Max-s.Base+1]
		}
	}
	l.mu.Unlock()
	return l.drop(slices.DeleteFunc(slices.Clone(before), func(s *segment) bool { return slices.Contains(segments, s) }))
}

// drop removes segments that are in no list any more. What cannot be removed is
// when the log is opened.
func (l *Log) drop(gone []*segment) error {
	if len(gone) == 0 {
		return nil
	}
	if err := failpoint.Hit(failpoint.SegmentDropped); err != nil {
		return err
	}
	for _, s := range gone {
		_ = errors.Join(s.file.Close(), os.Remove(s.path))
	}
	return nil
}

// CutHead forgets every entry before first.
func (l *Log) CutHead(first uint64) error {
	l.write.Lock()
	defer l.write.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	next := l.meta.clone()
	next.First = max(next.First, first)
	n := 0
	for n < len(l.segments) && len(l.segments[n].spans) > 0 && l.segments[n].last() < first {
		n++
	}
	next.Segments = next.Segments[n:]
	return l.judge(l.adopt(next, slices.Clone(l.segments[n:])))
}

// CutTail forgets every entry after last.
func (l *Log) CutTail(last uint64) error {
	l.write.Lock()
	defer l.write.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	next := l.meta.clone()
	n := len(l.segments)
	for n > 0 && l.segments[n-1].Base > last {
		n--
	}
	next.Segments = next.Segments[:n]
	if n > 0 && l.segments[n-1].last() > last {
		next.Segments[n-1].Max = last
	}
	return l.judge(l.adopt(next, slices.Clone(l.segments[:n])))
}

// Get returns a stable value, nil when it was never set.
func (l *Log) Get(key string) ([]byte, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return nil, ErrClosed
	}
	return bytes.Clone(l.meta.Values[key]), nil
}

// Set keeps a stable value, durably.
func (l *Log) Set(key string, value []byte) error {
	l.write.Lock()
	defer l.write.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	next := l.meta.clone()
	next.Values[key] = bytes.Clone(value)
	return l.judge(l.adopt(next, l.segments))
}

func (l *Log) usable() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return ErrClosed
	}
	return l.broken
}

// judge keeps the log from going on after a failure that leaves open what the
// drive has. Want of room does not.
func (l *Log) judge(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("journal: %w", err)
	if !noRoom(err) {
		l.mu.Lock()
		l.broken = err
		l.mu.Unlock()
	}
	return err
}

func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// Close closes the files. Closing twice is harmless.
func (l *Log) Close() error {
	l.write.Lock()
	defer l.write.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	var errs []error
	for _, s := range l.segments {
		errs = append(errs, s.file.Close())
	}
	l.segments = nil
	return errors.Join(errs...)
}
