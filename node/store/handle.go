package store

import (
	"errors"
	"fmt"
	"sync"
	"syscall"

	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"go.etcd.io/bbolt"
)

// handle is one open database file and the count of who reads it.
type handle struct {
	db    *bbolt.DB
	users sync.WaitGroup
}

// bucketNames has the name of each table on disk: its number in two digits.
var bucketNames = func() (names [ledger.TableEnd][]byte) {
	for t := range names {
		names[t] = fmt.Appendf(nil, "%02d", t)
	}
	return names
}()

// openHandle opens the file and creates the buckets that it lacks. A file that
// cannot be what was written is a *DamageError. Where so much address space is
// not to be had, less is reserved.
func openHandle(path string, mapSize int) (h *handle, err error) {
	if listed, err := listsFreePages(path); err == nil && !listed {
		if err := walk(path); err != nil {
			return nil, err
		}
	}
	var db *bbolt.DB
	err = guarded(func() (err error) {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout:         lockTimeout,
			FreelistType:    bbolt.FreelistMapType,
			InitialMmapSize: mapSize,
		})
		return err
	})
	if errors.Is(err, syscall.ENOMEM) && mapSize > leastMap {
		return openHandle(path, mapSize/4)
	}
	if err != nil {
		return nil, err
	}
	if err := guarded(func() error { return db.Update(createBuckets) }); err != nil {
		return nil, errors.Join(err, closeDB(db))
	}
	return &handle{db: db}, nil
}

func createBuckets(tx *bbolt.Tx) error {
	for _, name := range bucketNames[1:] {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return nil
}

// head reads what was applied last, the zero Head when nothing was.
func (h *handle) head() (head Head, err error) {
	err = guarded(func() error {
		return h.db.View(func(tx *bbolt.Tx) error {
			head, err = readHead(&reader{tx: tx})
			return err
		})
	})
	return head, err
}

func (h *handle) done() { h.users.Done() }

// close waits for the last user. No new one can come: the handle is no longer
// current.
func (h *handle) close() error {
	h.users.Wait()
	return errors.Join(guarded(h.keepFreelist), closeDB(h.db))
}
