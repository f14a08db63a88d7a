package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/yizhan-exchange/yizhan/node/durable"
)

const (
	metaFile      = "journal.meta"
	segmentSuffix = ".seg"
	tempPattern   = "journal.meta.new-*"
)

// meta is the one small file that says what belongs to the log. It is replaced
// as a whole, so that cutting the log and rolling to a new segment happen or do
// not.
type meta struct {
	First    uint64            `json:"first"` // entries before it are forgotten; 0: none
	NextID   uint64            `json:"next_id"`
	Segments []listed          `json:"segments"`
	Values   map[string][]byte `json:"values"` // Raft's stable values
}

// listed is one segment. Max is the last entry that counts, 0 while it is open
// for appends; only the last segment is.
type listed struct {
	ID   uint64 `json:"id"`
	Base uint64 `json:"base"`
	Max  uint64 `json:"max,omitempty"`
}

func (m *meta) clone() meta {
	out := *m
	out.Segments, out.Values = slices.Clone(m.Segments), maps.Clone(m.Values)
	return out
}

// encode puts a checksum in front, in hexadecimal and a line of its own.
func (m *meta) encode() ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return append(fmt.Appendf(nil, "%08x\n", crc32.Checksum(b, table)), b...), nil
}

func decodeMeta(b []byte) (m meta, err error) {
	sum, body, ok := bytes.Cut(b, []byte("\n"))
	if !ok || string(sum) != fmt.Sprintf("%08x", crc32.Checksum(body, table)) {
		return m, errors.New("its checksum differs")
	}
	err = json.Unmarshal(body, &m)
	if m.Values == nil {
		m.Values = map[string][]byte{}
	}
	return m, err
}

// loadMeta reads the list, or makes the first. A directory with segments and
// without a list has lost it.
func (l *Log) loadMeta() error {
	path := filepath.Join(l.dir, metaFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		left, err := filepath.Glob(filepath.Join(l.dir, "*"+segmentSuffix))
		if err == nil && len(left) > 0 {
			err = &DamageError{Path: path, Why: "it is gone, while the segments that it lists are there"}
		}
		if err != nil {
			return err
		}
		l.meta = meta{NextID: 1, Values: map[string][]byte{}}
		return l.keepMeta(l.meta)
	}
	if err != nil {
		return err
	}
	if l.meta, err = decodeMeta(b); err != nil {
		return &DamageError{Path: path, Why: err.Error()}
	}
	return nil
}

// keepMeta makes m durable.
func (l *Log) keepMeta(m meta) error {
	b, err := m.encode()
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(l.dir, metaFile), tempPattern, b, 0o600)
}

// sweep removes files that are in no list: leftovers of a crash.
func (l *Log) sweep() error {
	keep := map[string]bool{}
	for _, s := range l.meta.Segments {
		keep[l.path(s)] = true
	}
	for _, pattern := range []string{"*" + segmentSuffix, tempPattern} {
		found, err := filepath.Glob(filepath.Join(l.dir, pattern))
		if err != nil {
			return err
		}
		for _, path := range found {
			if keep[path] {
				continue
			}
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}
