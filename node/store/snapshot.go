package store

import (
	"encoding/binary"
	"fmt"
	"hash/crc64"
	"io"

	"go.etcd.io/bbolt"
)

// A snapshot on the wire is magic (8 bytes), length of the database (8, big
// endian), the database, and its CRC-64/ECMA (8). The sum finds accidents; who
// may send a snapshot is decided by the channel.
const (
	snapshotMagic  = "YZSTATE1"
	snapshotHeader = len(snapshotMagic) + 8
	snapshotFooter = 8
)

var crcTable = crc64.MakeTable(crc64.ECMA)

// Snapshot is a consistent copy of the ledger that has not been made yet. It
// pins the state it shows until Close: pages it can see are not reused.
type Snapshot struct {
	h    *handle
	tx   *bbolt.Tx
	head Head
}

// Snapshot begins a copy of the ledger as it is now. Writers go on.
func (s *Store) Snapshot() (*Snapshot, error) {
	h, err := s.use()
	if err != nil {
		return nil, err
	}
	tx, err := h.db.Begin(false)
	if err != nil {
		h.done()
		return nil, fmt.Errorf("store: beginning a snapshot: %w", err)
	}
	var head Head
	err = guarded(func() (err error) {
		head, err = readHead(&reader{tx: tx})
		return err
	})
	if err != nil {
		_ = tx.Rollback()
		h.done()
		return nil, fmt.Errorf("store: beginning a snapshot: %w", err)
	}
	return &Snapshot{h: h, tx: tx, head: head}, nil
}

// Head returns what the snapshot contains.
func (p *Snapshot) Head() Head { return p.head }

// Size returns how many bytes WriteTo writes.
func (p *Snapshot) Size() int64 { return int64(snapshotHeader+snapshotFooter) + p.tx.Size() }

// WriteTo implements io.WriterTo. It can be called more than once.
func (p *Snapshot) WriteTo(w io.Writer) (int64, error) {
	header := binary.BigEndian.AppendUint64([]byte(snapshotMagic), uint64(p.tx.Size()))
	n, err := w.Write(header)
	if err != nil {
		return int64(n), err
	}
	sum := crc64.New(crcTable)
	body, err := p.tx.WriteTo(io.MultiWriter(w, sum))
	if err != nil {
		return int64(n) + body, err
	}
	last, err := w.Write(binary.BigEndian.AppendUint64(nil, sum.Sum64()))
	return int64(n) + body + int64(last), err
}

// Close releases the state. Closing twice is harmless.
func (p *Snapshot) Close() error {
	if p.tx == nil {
		return nil
	}
	err := p.tx.Rollback()
	p.tx = nil
	p.h.done()
	return err
}
