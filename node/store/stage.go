package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"io"
	"os"
	"path/filepath"

	"github.com/yizhan-exchange/yizhan/node/durable"
	"github.com/yizhan-exchange/yizhan/node/failpoint"
)

// stageSync is how much of a snapshot may wait in memory for the disk: all of it
// at the end would hold up whatever else is synced then.
const stageSync = 16 << 20

// ErrSnapshot reports a snapshot that is torn, damaged or not ours.
var ErrSnapshot = errors.New("store: unusable snapshot")

// Stage is a snapshot being received beside the live database. Write the
// bytes, then Finish, then Advance or Replace; Discard at any time before.
type Stage struct {
	store *Store
	file  *os.File
	sum   hash.Hash64

	header, footer []byte
	left           uint64 // bytes of the database still to come
	unsynced       int    // bytes written since the last sync
	opened         *handle
	head           Head
}

// Stage begins receiving a snapshot. Nothing of the live state changes until
// Advance or Replace.
func (s *Store) Stage() (*Stage, error) {
	f, err := os.CreateTemp(s.dir, stagePattern)
	if err != nil {
		return nil, fmt.Errorf("store: staging a snapshot: %w", err)
	}
	return &Stage{store: s, file: f, sum: crc64.New(crcTable)}, nil
}

// Write implements io.Writer for the bytes that Snapshot.WriteTo wrote.
func (g *Stage) Write(p []byte) (int, error) {
	n := len(p)
	p, err := g.readHeader(p)
	if err != nil {
		return 0, err
	}
	body := p[:min(uint64(len(p)), g.left)]
	if _, err := g.file.Write(body); err != nil {
		return 0, err
	}
	_, _ = g.sum.Write(body) // a hash never fails
	g.left -= uint64(len(body))
	if g.unsynced += len(body); g.unsynced >= stageSync {
		g.unsynced = 0
		if err := g.file.Sync(); err != nil {
			return 0, err
		}
	}
	g.footer = append(g.footer, p[len(body):]...)
	if len(g.footer) > snapshotFooter {
		return 0, fmt.Errorf("%w: bytes after the end", ErrSnapshot)
	}
	return n, nil
}

// readHeader consumes the header from p and returns the rest.
func (g *Stage) readHeader(p []byte) ([]byte, error) {
	missing := snapshotHeader - len(g.header)
	if missing == 0 {
		return p, nil
	}
	take := min(missing, len(p))
	g.header = append(g.header, p[:take]...)
	if take < missing {
		return nil, nil
	}
	if string(g.header[:len(snapshotMagic)]) != snapshotMagic {
		return nil, fmt.Errorf("%w: it does not begin like one", ErrSnapshot)
	}
	g.left = binary.BigEndian.Uint64(g.header[len(snapshotMagic):])
	return p[take:], nil
}

// Finish verifies that the snapshot is whole, makes it durable and opens it.
// A snapshot that cannot be used is ErrSnapshot.
func (g *Stage) Finish() error {
	if len(g.footer) != snapshotFooter {
		return fmt.Errorf("%w: it ends early", ErrSnapshot)
	}
	if binary.BigEndian.Uint64(g.footer) != g.sum.Sum64() {
		return fmt.Errorf("%w: its checksum differs", ErrSnapshot)
	}
	err := failpoint.Hit(failpoint.StageWritten)
	if err == nil {
		err = g.file.Sync()
	}
	if err == nil {
		err = failpoint.Hit(failpoint.StageSynced)
	}
	if err = errors.Join(err, g.file.Close()); err != nil {
		return fmt.Errorf("store: keeping a snapshot: %w", err)
	}
	h, err := openHandle(g.file.Name(), g.store.opts.MapSize)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	if g.head, err = h.head(); err == nil && g.head.Index == 0 {
		err = errors.New("nothing was ever applied to it")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%w: %w", ErrSnapshot, err), h.db.Close())
	}
	g.opened = h
	return nil
}

// Head returns what the snapshot contains, once finished.
func (g *Stage) Head() Head { return g.head }

// Advance installs the snapshot if it is ahead of the live state, and else
// discards it: the live state then already contains it, and going back would
// lose entries that the log may no longer have.
func (g *Stage) Advance() error {
	g.store.write.Lock()
	defer g.store.write.Unlock()
	if g.head.Index <= g.store.applied.Load() {
		return g.Discard()
	}
	return g.install()
}

// Replace installs the snapshot whatever the live state is. Only restoring a
// backup may go back.
func (g *Stage) Replace() error {
	g.store.write.Lock()
	defer g.store.write.Unlock()
	return g.install()
}

// install swaps the file under its final name, durably, then the readers. A
// crash before the rename leaves the old state and a leftover that Open
// removes; one after it leaves the new state. Caller holds write.
func (g *Stage) install() error {
	s := g.store
	if s.Closed() {
		return errors.Join(ErrClosed, g.Discard())
	}
	if err := os.Rename(g.file.Name(), filepath.Join(s.dir, stateFile)); err != nil {
		return fmt.Errorf("store: installing a snapshot: %w", errors.Join(err, g.Discard()))
	}
	before := s.replace(g.opened)
	g.opened, g.file = nil, nil
	s.recent.begin(g.head)
	s.applied.Store(g.head.Index)
	s.notice.broadcast()
	go func() { _ = before.close() }() // a file without a name: nothing to save
	err := failpoint.Hit(failpoint.StageRenamed)
	if err == nil {
		err = durable.SyncDir(s.dir)
	}
	if err == nil {
		err = failpoint.Hit(failpoint.StageInstalled)
	}
	if err != nil {
		return fmt.Errorf("store: installing a snapshot: %w", err)
	}
	return nil
}

// Discard forgets the snapshot. Discarding twice, or after installing, does
// nothing.
func (g *Stage) Discard() error {
	if g.file == nil {
		return nil
	}
	var err error
	if g.opened != nil {
		err = g.opened.db.Close()
	} else {
		_ = g.file.Close() // may be closed already
	}
	name := g.file.Name()
	g.opened, g.file = nil, nil
	return errors.Join(err, os.Remove(name))
}

// Closed reports whether Close was called.
func (s *Store) Closed() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.current == nil
}

// Restore replaces the state by a backup that Snapshot.WriteTo made, durably.
// Readers in flight finish on the state that they began with. On failure the
// live state is unchanged, except that a failure to sync the directory may
// leave either.
func (s *Store) Restore(r io.Reader) error {
	g, err := s.Stage()
	if err != nil {
		return err
	}
	if _, err = io.Copy(g, r); err == nil {
		err = g.Finish()
	}
	if err != nil {
		return errors.Join(err, g.Discard())
	}
	return g.Replace()
}
