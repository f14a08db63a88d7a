package raftnode

import (
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// machine is the thin adapter between Raft and the store. Raft calls it from
// one goroutine. With a BatchingFSM, raft passes changes of membership to
// ApplyBatch and never calls ConfigurationStore, so there is none.
type machine struct {
	store   *store.Store
	applier ledger.Applier
	full    *shortage
	stop    func(error) // ends the group, once
	failed  error
}

var _ raft.BatchingFSM = (*machine)(nil)

// answer is what ApplyBatch gives to the proposer of an entry.
type answer struct {
	term    uint64
	results [][]byte // nil: the store had applied this index before
	err     error    // the group stopped here or before
}

// ApplyBatch implements raft.BatchingFSM: one transaction for the whole batch.
func (m *machine) ApplyBatch(logs []*raft.Log) []any {
	answers := make([]any, len(logs))
	results, err := m.apply(logs)
	for i, l := range logs {
		a := answer{term: l.Term}
		switch {
		case i < len(results) && (err == nil || results[i] != nil):
			a.results = results[i]
		default:
			a.err = err
		}
		answers[i] = a
	}
	return answers
}

// apply returns results for the entries it got to, and why it stopped.
func (m *machine) apply(logs []*raft.Log) ([][][]byte, error) {
	if m.failed != nil {
		return nil, m.failed
	}
	entries, bad := decodeEntries(logs)
	var results [][][]byte
	err := m.full.outlast(func() (err error) {
		results, err = m.store.Apply(m.applier, entries)
		return err
	})
	if err == nil {
		err = bad
	}
	if err != nil {
		m.failed = err
		m.stop(err)
	}
	return results, err
}

// decodeEntries returns the entries before the first that cannot be decoded.
func decodeEntries(logs []*raft.Log) ([]store.Entry, error) {
	out := make([]store.Entry, 0, len(logs))
	for _, l := range logs {
		e, err := decodeEntry(l)
		if err != nil {
			return out, &store.StoppedError{Index: l.Index, Cause: err}
		}
		out = append(out, e)
	}
	return out, nil
}

// decodeEntry turns the panic of Raft's own decoder into an error.
func decodeEntry(l *raft.Log) (e store.Entry, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decoding: %v", p)
		}
	}()
	e = store.Entry{Index: l.Index, Term: l.Term}
	switch l.Type {
	case raft.LogCommand:
		e.Commands, err = decodeFrame(l.Data)
	case raft.LogConfiguration:
		c := configuration(l.Index, raft.DecodeConfiguration(l.Data))
		e.Configuration = &c
	}
	return e, err
}

func configuration(index uint64, c raft.Configuration) ledger.Configuration {
	out := ledger.Configuration{Index: index}
	for _, s := range c.Servers {
		if s.Suffrage == raft.Voter {
			out.Voters = append(out.Voters, exchange.Replica(s.ID))
		} else {
			out.Others = append(out.Others, exchange.Replica(s.ID))
		}
	}
	return out
}

// Apply implements raft.FSM. Raft calls ApplyBatch instead.
func (m *machine) Apply(l *raft.Log) any { return m.ApplyBatch([]*raft.Log{l})[0] }

// Snapshot implements raft.FSM. It copies nothing: see snapshots.
func (m *machine) Snapshot() (raft.FSMSnapshot, error) {
	if m.failed != nil {
		return nil, m.failed
	}
	head, err := m.store.Head()
	return &reference{index: head.Index}, err
}

// Restore implements raft.FSM. The sink has installed the snapshot before Raft
// calls this, so that there is no moment at which the log refers to a state
// that is not durable.
func (m *machine) Restore(r io.ReadCloser) error { return r.Close() }

// reference is a snapshot that consists of its index.
type reference struct{ index uint64 }

// Persist implements raft.FSMSnapshot.
func (r *reference) Persist(s raft.SnapshotSink) error {
	to, ok := s.(*sink)
	if !ok {
		return errors.New("raftnode: a reference cannot be written to another snapshot store")
	}
	to.meta.State = r.index
	to.reference = true
	return nil
}

// Release implements raft.FSMSnapshot.
func (r *reference) Release() {}
