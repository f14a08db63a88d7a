package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/yizhan-exchange/yizhan/node/durable"
	"github.com/yizhan-exchange/yizhan/node/failpoint"
)

// segment is one file of the log.
type segment struct {
	listed
	file  *os.File
	path  string
	spans []span // of the entries from Base on
	end   int64  // the number of the first sector after the last batch
	dirty bool   // something may be after end that was never acknowledged
}

// last is the index of the last entry, Base-1 when there is none.
func (s *segment) last() uint64 { return s.Base + uint64(len(s.spans)) - 1 }

func (l *Log) path(s listed) string {
	return filepath.Join(l.dir, fmt.Sprintf("%016x-%08x%s", s.Base, s.ID, segmentSuffix))
}

// createSegment makes the file of a segment that is in no list yet, durably.
func (l *Log) createSegment(base uint64) (s *segment, err error) {
	s = &segment{listed: listed{ID: l.meta.NextID, Base: base}, end: 1}
	s.path = l.path(s.listed)
	if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err // a leftover of an attempt that failed
	}
	if s.file, err = os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, err
	}
	if err := l.prepare(s); err != nil {
		return nil, errors.Join(err, s.file.Close(), os.Remove(s.path))
	}
	return s, nil
}

// prepare allocates a new segment, writes its first sector, and syncs it and
// its name.
func (l *Log) prepare(s *segment) error {
	// Room that is taken beforehand is there when it is needed. Where it cannot
	// be had, each append finds out for itself.
	_ = unix.Fallocate(int(s.file.Fd()), 0, 0, int64(l.options.Segment))
	b, _ := pack(s.ID, 0, s.Base, kindHead, nil)
	if _, err := s.file.WriteAt(b, 0); err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.SegmentMade); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	if err := durable.SyncDir(l.dir); err != nil {
		return err
	}
	return failpoint.Hit(failpoint.SegmentSynced)
}

// append writes one batch, syncs it, and returns what the segment is then. What
// fails leaves no entry behind.
func (s *segment) append(entries [][]byte) (end int64, spans []span, err error) {
	if err := failpoint.Hit(failpoint.AppendBegins); err != nil {
		return 0, nil, err
	}
	if err := s.clean(); err != nil {
		return 0, nil, err
	}
	b, spans := pack(s.ID, s.end, s.last()+1, kindEntries, entries)
	s.dirty = true
	_, err = s.file.WriteAt(b, s.end*sectorSize)
	if err == nil {
		err = failpoint.Hit(failpoint.AppendWritten)
	}
	if err == nil && !mutantAckBeforeSync {
		err = s.file.Sync()
	}
	if err == nil {
		err = failpoint.Hit(failpoint.AppendSynced)
	}
	if err != nil {
		return 0, nil, errors.Join(err, s.clean())
	}
	s.dirty = false
	return s.end + int64(len(b)/sectorSize), spans, nil
}

// clean removes what a failed append or a crash left after the last batch.
// Shortening a file needs no room.
func (s *segment) clean() error {
	if !s.dirty {
		return nil
	}
	if err := errors.Join(s.file.Truncate(s.end*sectorSize), s.file.Sync()); err != nil {
		return fmt.Errorf("removing a batch that was not kept: %w", err)
	}
	s.dirty = false
	return nil
}

// read returns an entry and proves that it is what was written.
func (s *segment) read(index uint64) ([]byte, error) {
	at := s.spans[index-s.Base]
	from := at.sector + at.at/sectorData
	skip := at.at % sectorData
	n := (skip + at.length + sectorData - 1) / sectorData
	raw := make([]byte, max(1, n)*sectorSize)
	if _, err := s.file.ReadAt(raw, from*sectorSize); err != nil {
		return nil, fmt.Errorf("reading log index %d from %s: %w", index, s.path, err)
	}
	out := make([]byte, 0, n*sectorData)
	for i := range n {
		sec := (*sector)(raw[i*sectorSize:])
		if !sec.whole(s.ID, from+i) {
			return nil, s.damaged(index, from+i, "its checksum differs")
		}
		out = append(out, sec.payload()...)
	}
	if int64(len(out)) < skip+at.length {
		return nil, s.damaged(index, from, "it is too short")
	}
	return out[skip : skip+at.length : skip+at.length], nil
}

func (s *segment) damaged(index uint64, number int64, why string) error {
	return &DamageError{Index: index, Path: s.path, Offset: number * sectorSize, Why: why}
}
