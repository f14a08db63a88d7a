package store

import (
	"errors"
	"fmt"
	"io"
	"os"

	"go.etcd.io/bbolt"

	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// copyPattern names the files of copies. What a crash leaves is removed by
// Open.
const copyPattern = "state.db.copy-*"

// Copy is the ledger as it was at one moment, in a file of its own beside the
// live one: it may be read for hours and pins no page of the live file. It is
// safe for concurrent use.
type Copy struct {
	h    *handle
	snap *Snapshot
	path string
}

// Copy writes the ledger as it is now to a file beside it, as fast as the disk
// goes, and opens that. It needs as much room as the ledger has bytes. Writers
// go on meanwhile.
func (s *Store) Copy() (*Copy, error) {
	f, err := os.CreateTemp(s.dir, copyPattern) // 0600
	if err != nil {
		return nil, fmt.Errorf("store: copying the ledger: %w", err)
	}
	err = s.copyTo(f)
	if err = errors.Join(err, f.Close()); err == nil {
		var c *Copy
		if c, err = openCopy(f.Name()); err == nil {
			return c, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("store: copying the ledger: %w", err), os.Remove(f.Name()))
}

func (s *Store) copyTo(f *os.File) error {
	snap, err := s.Snapshot()
	if err != nil {
		return err
	}
	_, err = snap.tx.WriteTo(f)
	return errors.Join(err, snap.Close())
}

// openCopy opens the file read-only: nothing is scanned and nothing is written.
func openCopy(path string) (*Copy, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	c := &Copy{h: &handle{db: db}, path: path}
	tx, err := db.Begin(false)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	var head Head
	err = guarded(func() (err error) {
		head, err = readHead(&reader{tx: tx})
		return err
	})
	if err != nil {
		return nil, errors.Join(err, tx.Rollback(), db.Close())
	}
	c.h.users.Add(1)
	c.snap = &Snapshot{h: c.h, tx: tx, head: head}
	return c, nil
}

// Head returns what the copy contains.
func (c *Copy) Head() Head { return c.snap.Head() }

// Size returns how many bytes WriteTo writes.
func (c *Copy) Size() int64 { return c.snap.Size() }

// WriteTo writes what Snapshot.WriteTo would have written: Restore and Stage
// read it.
func (c *Copy) WriteTo(w io.Writer) (int64, error) { return c.snap.WriteTo(w) }

// View calls fn with the state. The reader and every slice it returned are
// invalid once fn returns.
func (c *Copy) View(fn func(ledger.Reader) error) error {
	tx, err := c.h.db.Begin(false)
	if err != nil {
		return fmt.Errorf("store: reading a copy: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // of a read: it cannot fail
	return guarded(func() error { return fn(&reader{tx: tx}) })
}

// Close removes the copy. Closing twice is harmless.
func (c *Copy) Close() error {
	if c.h == nil {
		return nil
	}
	err := errors.Join(c.snap.Close(), c.h.close(), os.Remove(c.path))
	c.h = nil
	return err
}
