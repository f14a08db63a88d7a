package raftnode

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
	"github.com/yizhan-exchange/yizhan/node/durable"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// snapshots is a raft.SnapshotStore that keeps a reference: where the log may
// be cut, and the membership there. The state itself is the live store, which
// every transaction makes durable, and which is streamed only when another
// replica asks. What is streamed may be ahead of the reference; the receiver's
// store skips entries at or below its own index, so that is harmless.
type snapshots struct {
	dir   string
	store *store.Store

	log      raft.LogStore // as Raft sees it
	holds    *holds
	received atomic.Uint64 // states of other replicas that were installed

	mu    sync.Mutex
	known []snapshotMeta // newest first, at most two: Open may come after the next Create
}

// snapshotMeta is the file.
type snapshotMeta struct {
	ID                 string
	Index, Term        uint64
	Configuration      raft.Configuration
	ConfigurationIndex uint64
	State              uint64 // applied index of the store when this was written; it can only be higher
}

const snapshotFile = "snapshot.json"

func openSnapshots(dir string, s *store.Store) (*snapshots, error) {
	dir = filepath.Join(dir, "snapshot")
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	out := &snapshots{dir: dir, store: s}
	b, err := os.ReadFile(filepath.Join(dir, snapshotFile))
	if errors.Is(err, os.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	var m snapshotMeta
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, snapshotFile), err)
	}
	out.known = []snapshotMeta{m}
	return out, nil
}

// Create implements raft.SnapshotStore.
func (s *snapshots) Create(_ raft.SnapshotVersion, index, term uint64, c raft.Configuration, cIndex uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	return &sink{to: s, meta: snapshotMeta{
		ID: fmt.Sprintf("%d-%d", term, index), Index: index, Term: term,
		Configuration: c, ConfigurationIndex: cIndex,
	}}, nil
}

// List implements raft.SnapshotStore. Sizes are unknown until Open.
func (s *snapshots) List() ([]*raft.SnapshotMeta, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) == 0 {
		return nil, nil
	}
	return []*raft.SnapshotMeta{s.known[0].raft(0)}, nil
}

// Open implements raft.SnapshotStore.
func (s *snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	m, ok := s.find(id)
	if !ok {
		return nil, nil, fmt.Errorf("raftnode: snapshot %s was superseded", id)
	}
	hold := s.holds.take(m.Index, m.Term)
	snap, err := s.store.Snapshot()
	if err != nil {
		s.holds.release(hold, false)
		return nil, nil, err
	}
	return m.raft(snap.Size()), &stream{snap: snap, end: func(sent bool) { s.holds.release(hold, sent) }}, nil
}

func (s *snapshots) find(id string) (snapshotMeta, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.known {
		if m.ID == id {
			return m, true
		}
	}
	return snapshotMeta{}, false
}

// latest returns the newest reference, the zero value when there is none.
func (s *snapshots) latest() snapshotMeta {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) == 0 {
		return snapshotMeta{}
	}
	return s.known[0]
}

func (m *snapshotMeta) raft(size int64) *raft.SnapshotMeta {
	return &raft.SnapshotMeta{
		Version: raft.SnapshotVersionMax, ID: m.ID, Index: m.Index, Term: m.Term, Size: size,
		Configuration: m.Configuration, ConfigurationIndex: m.ConfigurationIndex,
	}
}

// save makes a reference durable and current.
func (s *snapshots) save(m snapshotMeta) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := durable.WriteFile(filepath.Join(s.dir, snapshotFile), snapshotFile+".new-*", b, 0o600); err != nil {
		return fmt.Errorf("keeping a snapshot reference: %w", err)
	}
	s.known = append([]snapshotMeta{m}, s.known...)
	s.known = s.known[:min(len(s.known), 2)]
	return nil
}

// forget removes what a received snapshot replaces from the log, and nothing
// after it: Raft remembers the last index of its log, and removing that behind
// its back leaves a replica that takes no entry up to it (hashicorp/raft #697).
// What is left after an entry that the snapshot contradicts is contradicted by
// the leader next, and removed in the ordinary way.
func (s *snapshots) forget(m snapshotMeta) error {
	first, err := s.log.FirstIndex()
	if err != nil || first == 0 {
		return err
	}
	last, err := s.log.LastIndex()
	if err != nil {
		return err
	}
	if last < m.Index || first > m.Index+1 {
		s.holds.drop()
		return s.log.DeleteRange(first, last) // it does not go on from the snapshot
	}
	if first > m.Index {
		return nil
	}
	var at raft.Log
	if err := s.log.GetLog(m.Index, &at); err != nil || at.Term == m.Term {
		return err
	}
	s.holds.drop()
	return s.log.DeleteRange(first, m.Index)
}
