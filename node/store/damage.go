package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// DamageError says that the file is not what was written: the drive, the
// memory or another program changed it. Its code is Unavailable: another replica has what this one lost.
type DamageError struct {
	Table ledger.Table // 0: not known
	Why   string
}

// Error implements error.
func (e *DamageError) Error() string {
	where := ""
	if e.Table != 0 {
		where = fmt.Sprintf(" in table %02d", e.Table)
	}
	return fmt.Sprintf("the ledger is damaged%s: %s; nothing is served from it: look at the drive, then remove this replica from the domain and join it again with empty directories", where, e.Why)
}

// As lets exchange.CodeOf see the code.
func (e *DamageError) As(target any) bool {
	t, ok := target.(**exchange.Error)
	if ok {
		*t = &exchange.Error{Code: exchange.Unavailable, Op: "store", Message: "the ledger of this replica is damaged", Cause: e}
	}
	return ok
}

// harm is the first damage that was met, and who waits to hear of it.
type harm struct {
	once sync.Once
	met  chan struct{}
	what error
}

// Harmed is closed when damage was met. Nothing is applied from then on, and
// the replica should stop.
func (s *Store) Harmed() <-chan struct{} { return s.harm.met }

// Harm returns the damage that was met first, nil when there was none.
func (s *Store) Harm() error {
	select {
	case <-s.harm.met:
		return s.harm.what
	default:
		return nil
	}
}

// harmed turns what bbolt panicked with into the damage that it is. Anything
// else that a caller's function panicked with goes on.
func (s *Store) harmed(p any) error {
	d, ok := p.(*DamageError)
	if !ok {
		panic(p)
	}
	s.harm.once.Do(func() {
		s.harm.what = d
		close(s.harm.met)
	})
	return d
}

// protect calls fn, which only bbolt runs in, and turns its panics, and faults
// in its mapped file, into damage.
func protect(table ledger.Table, fn func()) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *DamageError:
			panic(p)
		default:
			panic(&DamageError{Table: table, Why: fmt.Sprint(p)})
		}
	}()
	fn()
}

// faults makes a fault in a mapped file a panic of this goroutine until the
// returned function is called. A page beyond the end of the file is one.
func faults() (restore func()) {
	before := debug.SetPanicOnFault(true)
	return func() { debug.SetPanicOnFault(before) }
}

// guarded calls fn and returns the damage that it met as an error.
func guarded(fn func() error) (err error) {
	defer faults()()
	defer func() {
		if p := recover(); p != nil {
			d, ok := p.(*DamageError)
			if !ok {
				d = &DamageError{Why: fmt.Sprint(p)}
			}
			err = d
		}
	}()
	return fn()
}

// Rows end with a checksum over table, key and value: bbolt has none, and a
// flipped bit would be believed.
const sumSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func rowSum(t ledger.Table, key, value []byte) uint32 {
	head := [5]byte{byte(t)}
	binary.BigEndian.PutUint32(head[1:], uint32(len(key)))
	sum := crc32.Update(0, castagnoli, head[:])
	return crc32.Update(crc32.Update(sum, castagnoli, key), castagnoli, value)
}

// seal returns the value as it is stored.
func sealRow(t ledger.Table, key, value []byte) []byte {
	out := make([]byte, 0, len(value)+sumSize)
	return binary.BigEndian.AppendUint32(append(out, value...), rowSum(t, key, value))
}

// openRow returns the value of a stored row, or panics with the damage.
func openRow(t ledger.Table, key, stored []byte) []byte {
	n := len(stored) - sumSize
	if n < 0 || binary.BigEndian.Uint32(stored[n:]) != rowSum(t, key, stored[:n]) {
		panic(&DamageError{Table: t, Why: "the checksum of a row differs"})
	}
	return stored[:n:n]
}

// Scrub reads every row once, in short transactions with a pause between them,
// and returns the damage that it finds: also rows that nobody would ask for,
// because their key was damaged.
func (s *Store) Scrub(pause func() error) error {
	const rows = 512
	for t := ledger.Table(1); t < ledger.TableEnd; t++ {
		for from, more := []byte(nil), true; more; {
			n := 0
			more = false
			err := s.View(func(r ledger.Reader) error {
				r.Scan(t, nil, from, func(key, _ []byte) bool {
					if n++; n > rows {
						from, more = append([]byte(nil), key...), true
					}
					return !more
				})
				return nil
			})
			if err == nil {
				err = pause()
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Offsets in a meta page of bbolt: 16 bytes of page header, then magic,
// version, page size, flags (4 each), root (16), free list.
const (
	metaMagic    = 16
	metaFreelist = 48
	boltMagic    = 0xED0CDAED
	noFreelist   = ^uint64(0)
)

// listsFreePages tells whether bbolt will read a list of free pages, instead of
// looking for them in a goroutine of its own, whose panic would end the process.
func listsFreePages(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	page := os.Getpagesize()
	b := make([]byte, 2*page)
	if _, err := f.ReadAt(b, 0); err != nil {
		return true, nil // too short: Open says so
	}
	for at := 0; at < len(b); at += page {
		if binary.NativeEndian.Uint32(b[at+metaMagic:]) == boltMagic && binary.NativeEndian.Uint64(b[at+metaFreelist:]) == noFreelist {
			return false, nil
		}
	}
	return true, nil
}

// walk visits every page that holds rows.
func walk(path string) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout, ReadOnly: true})
	if err != nil {
		return err
	}
	err = guarded(func() error {
		return db.View(func(tx *bbolt.Tx) error {
			return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
				return b.ForEach(func(_, _ []byte) error { return nil })
			})
		})
	})
	return errors.Join(err, closeDB(db))
}

// closePatience is how long the close of a file may take. Tests shorten it.
var closePatience = 3 * time.Second

// closeDB closes a database that may be damaged: bbolt waits for locks that a
// panic left held.
func closeDB(db *bbolt.DB) error {
	done := make(chan error, 1)
	go func() { done <- guarded(db.Close) }()
	select {
	case err := <-done:
		return err
	case <-time.After(closePatience):
		return errors.New("the damaged file could not be closed")
	}
}
