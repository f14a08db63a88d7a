package journal

import (
	"fmt"
	"io"
	"os"
)

// openSegment opens a listed segment and reads all of it: its entries, and
// whether anything was damaged or is missing.
func (l *Log) openSegment(info listed) (*segment, error) {
	s := &segment{listed: info, path: l.path(info), end: 1}
	file, err := os.OpenFile(s.path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("a file of the log is gone: %w", err)
	}
	s.file = file
	if err := s.scan(); err != nil {
		_ = file.Close()
		return nil, err
	}
	return s, nil
}

// scan walks the batches. A segment that ends early is damaged, except that
// the last batch of the open one may be torn: its append was never answered.
func (s *segment) scan() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, info.Size())
	if _, err := io.ReadFull(io.NewSectionReader(s.file, 0, info.Size()), b); err != nil {
		return fmt.Errorf("reading %s: %w", s.path, err)
	}
	sectors := sectors(b)
	if len(sectors) == 0 || !sectors[0].whole(s.ID, 0) || sectors[0].kind() != kindHead || sectors[0].first() != s.Base {
		return s.damaged(s.Base, 0, "its first sector is not that of this segment")
	}
	for s.Max == 0 || s.last() < s.Max {
		n, spans := s.batch(sectors)
		if n == 0 {
			break
		}
		s.spans = append(s.spans, spans...)
		s.end += n
	}
	if s.Max != 0 {
		if s.last() < s.Max {
			return s.damaged(s.last()+1, s.end, "entries are gone")
		}
		s.spans = s.spans[:s.Max-s.Base+1]
		return nil
	}
	return s.judgeTail(sectors)
}

// sectors cuts b; what does not fill a sector at the end counts as zero.
func sectors(b []byte) []sector {
	out := make([]sector, (len(b)+sectorSize-1)/sectorSize)
	for i := range out {
		copy(out[i][:], b[i*sectorSize:])
	}
	return out
}

// batch reads the batch at s.end, if it is whole.
func (s *segment) batch(all []sector) (n int64, spans []span) {
	if s.end >= int64(len(all)) || !all[s.end].whole(s.ID, s.end) {
		return 0, nil
	}
	n = int64(all[s.end].left()) + 1
	if s.end+n > int64(len(all)) {
		return 0, nil
	}
	var payload []byte
	for i := range n {
		sec := &all[s.end+i]
		if !sec.whole(s.ID, s.end+i) || sec.kind() != kindEntries || sec.first() != s.last()+1 || int64(sec.left()) != n-1-i {
			return 0, nil
		}
		payload = append(payload, sec.payload()...)
	}
	spans, ok := unpack(s.end, payload)
	if !ok || len(spans) == 0 {
		return 0, nil
	}
	return n, spans
}

// judgeTail tells a torn batch from damage. The append of a batch begins when
// the one before is synced. So a sector of any later batch proves that this one
// was whole once; and a sector that is neither whole nor empty was not torn.
func (s *segment) judgeTail(all []sector) error {
	next := s.last() + 1
	for i := s.end; i < int64(len(all)); i++ {
		sec := &all[i]
		switch {
		case sec.zero():
			continue
		case !sec.whole(s.ID, i):
			return s.damaged(next, i, "a sector is neither empty nor what was written")
		case sec.first() != next:
			return s.damaged(next, s.end, fmt.Sprintf("entries are gone, while index %d is there", sec.first()))
		}
		s.dirty = true
	}
	return s.clean()
}
