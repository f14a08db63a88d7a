package raftnode

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// Seed makes dir the log of a new group whose only voter is self and whose
// state is what the store holds: what Start needs after a ledger was put there
// from a backup. It writes the membership into the ledger as the effect of one
// more entry, and a snapshot reference to it; the log is empty after that. dir
// must hold no log, and the store a ledger. Whatever other replicas there were
// are members no longer; they join the new group with empty directories.
func Seed(dir string, s *store.Store, self Server) error {
	head, err := s.Head()
	if err != nil {
		return fmt.Errorf("raftnode: seeding %s: %w", dir, err)
	}
	if head.Index == 0 {
		return fmt.Errorf("raftnode: seeding %s: the store holds no ledger", dir)
	}
	index, term := head.Index+1, head.Term+1
	refs, err := emptyLog(dir, s, term)
	if err != nil {
		return fmt.Errorf("raftnode: seeding %s: %w", dir, err)
	}
	if err := s.SetConfiguration(index, term, ledger.Configuration{Index: index, Voters: []exchange.Replica{self.Replica}}); err != nil {
		return fmt.Errorf("raftnode: seeding %s: %w", dir, err)
	}
	return refs.save(snapshotMeta{
		ID: fmt.Sprintf("%d-%d", term, index), Index: index, Term: term,
		Configuration: voters([]Server{self}), ConfigurationIndex: index, State: index,
	})
}

// emptyLog makes an empty log that has seen the term, and refuses what is there
// already.
func emptyLog(dir string, s *store.Store, term uint64) (*snapshots, error) {
	refs, err := openSnapshots(dir, s)
	if err != nil {
		return nil, err
	}
	d, err := openDisk(dir, segmentSize, &shortage{log: slog.Default()}, func(error) {})
	if err != nil {
		return nil, err
	}
	last, err := d.LastIndex()
	if err == nil && (last > 0 || refs.latest().Index > 0) {
		err = errors.New("there is a log already")
	}
	if err == nil {
		err = d.SetUint64([]byte(termKey), term)
	}
	return refs, errors.Join(err, d.Close())
}
