package store

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/failpoint"
	"go.etcd.io/bbolt"
)

// Entry is one committed log entry. An entry with neither commands nor a
// configuration only advances the index.
type Entry struct {
	Index, Term   uint64
	Commands      [][]byte
	Configuration *ledger.Configuration // a change of membership, else nil
}

// StoppedError says that the entry at Index could not be applied: everything
// before it is durable, nothing of it or after it is. The replica's group must
// stop; applying again would fail again.
type StoppedError struct {
	Index uint64
	Cause error
}

// Error implements error.
func (e *StoppedError) Error() string {
	return fmt.Sprintf("store: stopped at log index %d: %v", e.Index, e.Cause)
}

// Unwrap returns the cause.
func (e *StoppedError) Unwrap() error { return e.Cause }

// Apply runs the entries, which must ascend, through the state machine in one
// transaction, together with the index, term and digest of the last. Commands
// see the effect of those before them. Entries at or below the stored index
// were applied before and are skipped: their results are nil. results[i][j] is
// the answer to command j of entry i.
//
// A failure is always a *StoppedError; results of the entries before its index
// are valid. Mutations must stay unchanged until Apply returns.
func (s *Store) Apply(a ledger.Applier, entries []Entry) (results [][][]byte, err error) {
	s.write.Lock()
	defer s.write.Unlock()
	results = make([][][]byte, len(entries))
	if len(entries) == 0 {
		return results, nil
	}
	if err := s.Harm(); err != nil {
		return results, &StoppedError{entries[0].Index, err}
	}
	defer faults()()
	defer func() {
		if p := recover(); p != nil {
			results, err = make([][][]byte, len(entries)), &StoppedError{entries[0].Index, s.harmed(p)}
		}
	}()
	if err := failpoint.Hit(failpoint.ApplyBegins); err != nil {
		return results, &StoppedError{entries[0].Index, err}
	}
	b, err := s.begin()
	if err != nil {
		return results, &StoppedError{entries[0].Index, err}
	}
	defer b.rollback()
	for i := range entries {
		if entries[i].Index <= b.head.Index {
			continue
		}
		if results[i], err = b.apply(a, &entries[i]); err != nil {
			results[i] = nil
			return results, s.commitBefore(b, results, &StoppedError{entries[i].Index, err})
		}
	}
	if err := s.commit(b); err != nil {
		return make([][][]byte, len(entries)), &StoppedError{entries[0].Index, err}
	}
	return results, nil
}

// SetConfiguration records a membership as of a log index, unless that index
// was already applied.
func (s *Store) SetConfiguration(index, term uint64, c ledger.Configuration) error {
	_, err := s.Apply(nil, []Entry{{Index: index, Term: term, Configuration: &c}})
	return err
}

// batch is one open transaction and what is needed to do a part of it again.
type batch struct {
	store *Store
	tx    *bbolt.Tx
	read  *reader
	head  Head
	done  []applied
}

type applied struct {
	head      Head
	mutations []ledger.Mutation
}

func (s *Store) begin() (*batch, error) {
	s.mu.RLock()
	h := s.current // cannot be closed meanwhile: that needs the write lock
	s.mu.RUnlock()
	if h == nil {
		return nil, ErrClosed
	}
	h.listFree(s.opts.freelist)
	var tx *bbolt.Tx
	var err error
	protect(0, func() { tx, err = h.db.Begin(true) })
	if err != nil {
		return nil, err
	}
	b := &batch{store: s, tx: tx, read: &reader{tx: tx}}
	if b.head, err = readHead(b.read); err != nil {
		b.rollback()
		return nil, err
	}
	return b, nil
}

func (b *batch) rollback() { protect(0, func() { _ = b.tx.Rollback() }) } // after a commit it does nothing

// apply runs one entry and leaves its effect in the transaction.
func (b *batch) apply(a ledger.Applier, e *Entry) ([][]byte, error) {
	results := make([][]byte, len(e.Commands)) // not nil: nil means skipped
	var all []ledger.Mutation
	if e.Configuration != nil {
		all = append(all, configurationRow(*e.Configuration))
	}
	if err := b.put(all); err != nil {
		return nil, err
	}
	for i, command := range e.Commands {
		result, mutations, err := run(a, b.read, e.Index, command)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(check(mutations), b.put(mutations)); err != nil {
			return nil, err
		}
		results[i] = result
		all = append(all, mutations...)
	}
	return results, b.advance(applied{b.store.next(b.head, e.Index, e.Term, all), all})
}

// run turns a panic of the state machine into an error: it stops this group,
// while the process may host others.
func run(a ledger.Applier, r ledger.Reader, index uint64, command []byte) (result []byte, m []ledger.Mutation, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *DamageError:
			panic(p) // of the reader
		default:
			err = fmt.Errorf("state machine panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return a.Apply(r, index, command)
}

func configurationRow(c ledger.Configuration) ledger.Mutation {
	return ledger.Mutation{Table: ledger.TableMeta, Key: ledger.KeyConfiguration, Value: exchange.Encode(c)}
}

func (b *batch) put(mutations []ledger.Mutation) (err error) {
	for _, m := range mutations {
		protect(m.Table, func() {
			bucket := b.read.bucket(m.Table)
			if m.Value == nil {
				err = bucket.Delete(m.Key)
			} else {
				err = bucket.Put(m.Key, sealRow(m.Table, m.Key, m.Value))
			}
		})
		if err != nil {
			return fmt.Errorf("table %d: %w", m.Table, err)
		}
	}
	return nil
}

// advance records an entry whose mutations are in the transaction.
func (b *batch) advance(d applied) error {
	if !mutantApplyWithoutIndex {
		if err := b.put(d.head.mutations()); err != nil {
			return err
		}
	}
	b.head = d.head
	b.done = append(b.done, d)
	return nil
}

// commit makes the batch durable and tells who waits.
func (s *Store) commit(b *batch) error {
	start := time.Now()
	if len(b.done) == 0 {
		return nil // everything was skipped
	}
	if err := failpoint.Hit(failpoint.ApplyMutated); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	var err error
	protect(0, func() { err = b.tx.Commit() })
	if err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	if err := failpoint.Hit(failpoint.ApplyCommitted); err != nil {
		return fmt.Errorf("after committing: %w", err)
	}
	if mutantApplyWithoutIndex {
		if err := s.keepHead(b.head); err != nil {
			return err
		}
	}
	s.timing.record(time.Since(start))
	s.recent.add(b.done...)
	s.applied.Store(b.head.Index)
	s.notice.broadcast()
	return nil
}

// commitBefore keeps the entries before the one that failed. bbolt has no
// savepoints, so their mutations are put again in a new transaction; the state
// machine is not asked twice.
func (s *Store) commitBefore(b *batch, results [][][]byte, stopped *StoppedError) error {
	b.rollback()
	again, err := s.begin()
	if err == nil {
		defer again.rollback()
		err = again.redo(b.done)
	}
	if err == nil {
		err = s.commit(again)
	}
	if err == nil {
		return stopped
	}
	clear(results)
	if len(b.done) > 0 {
		stopped.Index = b.done[0].head.Index
	}
	stopped.Cause = errors.Join(stopped.Cause, err)
	return stopped
}

func (b *batch) redo(done []applied) error {
	for _, d := range done {
		if err := b.put(d.mutations); err != nil {
			return err
		}
		if err := b.advance(d); err != nil {
			return err
		}
	}
	return nil
}
