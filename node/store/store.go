// Package store keeps a domain's ledger in one bbolt file: one bucket for each
// table, and the index of the last applied log entry in the same transaction
// as its effect, so that a restart never applies an entry twice and never
// misses one. DESIGN.md argues the choices and gives the lock order.
package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	berrors "go.etcd.io/bbolt/errors"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/durable"
)

const (
	stateFile    = "state.db"
	stagePattern = "state.db.incoming-*"

	// defaultMap is address space, not memory: bbolt makes writers wait for
	// all readers whenever the file outgrows its mapping.
	defaultMap  = 256 << 30
	leastMap    = 1 << 30
	lockTimeout = 2 * time.Second
)

// ErrClosed is returned by every method after Close.
var ErrClosed = errors.New("store: closed")

// ErrInUse is returned by Open when another process has the file open.
var ErrInUse = errors.New("another process has it open")

// Options of Open. Hash is required; the zero value of the rest is right for
// production.
type Options struct {
	// Hash is SM3 over the concatenation of parts; sm.Provider.Sum fits.
	Hash func(parts ...[]byte) crypto.Digest
	// MapSize is the address space reserved for the file, in bytes; 256 GiB
	// when zero. While the file is smaller, writers never wait for readers.
	MapSize int

	freelist int // longest list of free pages that is written each time; tests make it small
}

// Store is the ledger of one replica of one domain. Reads are concurrent and
// see one consistent state; Apply, SetConfiguration and installing a snapshot
// exclude each other.
type Store struct {
	dir  string
	opts Options

	write sync.Mutex   // held for a whole transaction, and to install a snapshot
	mu    sync.RWMutex // guards current
	// current is nil once closed. Whoever reads holds a use of it, so that
	// installing a snapshot closes the file replaced only after the last reader.
	current *handle

	applied atomic.Uint64
	recent  recent
	notice  notice
	harm    harm
	timing  timing
}

// Open opens or creates the store in dir, which is created when missing.
// Leftovers of an interrupted snapshot installation are removed. A file that
// another process holds is an error after two seconds.
func Open(dir string, opts Options) (*Store, error) {
	if opts.Hash == nil {
		return nil, errors.New("store: no hash function")
	}
	if opts.MapSize == 0 {
		opts.MapSize = defaultMap
	}
	if opts.freelist == 0 {
		opts.freelist = freelistLimit
	}
	if err := prepareDir(dir); err != nil {
		return nil, fmt.Errorf("store: preparing %s: %w", dir, err)
	}
	s := &Store{dir: dir, opts: opts, harm: harm{met: make(chan struct{})}}
	h, head, err := s.openState()
	if err != nil {
		return nil, err
	}
	s.notice.init()
	s.current = h
	s.applied.Store(head.Index)
	s.recent.begin(head)
	return s, nil
}

// prepareDir creates dir and removes what an interrupted installation or copy
// left.
func prepareDir(dir string) error {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, pattern := range []string{stagePattern, copyPattern} {
		left, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, name := range left {
			if err := os.Remove(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) openState() (*handle, Head, error) {
	path := filepath.Join(s.dir, stateFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if err := s.create(path); err != nil {
			return nil, Head{}, fmt.Errorf("store: creating %s: %w", path, err)
		}
	}
	h, err := openHandle(path, s.opts.MapSize)
	if errors.Is(err, berrors.ErrTimeout) {
		err = ErrInUse
	}
	if err != nil {
		return nil, Head{}, fmt.Errorf("store: opening %s: %w", path, err)
	}
	head, err := h.head()
	if err != nil {
		return nil, Head{}, errors.Join(fmt.Errorf("store: reading %s: %w", path, err), h.db.Close())
	}
	return h, head, nil
}

// create makes an empty database under a temporary name first: a crash while
// bbolt initializes a file would leave one that it refuses to open.
func (s *Store) create(path string) error {
	temp := strings.Replace(filepath.Join(s.dir, stagePattern), "*", "new", 1)
	h, err := openHandle(temp, s.opts.MapSize)
	if err != nil {
		return err
	}
	if err := h.db.Close(); err != nil {
		return err
	}
	return durable.Rename(temp, path)
}

// View calls fn with a consistent state of the ledger. The reader and every
// slice it returned are invalid once fn returns. A reader that stays for long
// makes the file grow, because no page it can see is reused.
func (s *Store) View(fn func(ledger.Reader) error) (err error) {
	h, err := s.use()
	if err != nil {
		return err
	}
	defer h.done()
	tx, err := h.db.Begin(false)
	if err != nil {
		return fmt.Errorf("store: reading: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // of a read: it releases pages and cannot fail
	defer faults()()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("store: reading: %w", s.harmed(p))
		}
	}()
	return fn(&reader{tx: tx})
}

// Head returns index, term and digest of the last applied entry.
func (s *Store) Head() (Head, error) {
	h, err := s.use()
	if err != nil {
		return Head{}, err
	}
	defer h.done()
	return h.head()
}

// AppliedIndex returns the index of the last entry whose effect is durable.
// Entries without a command (Raft's own) are not counted.
func (s *Store) AppliedIndex() uint64 { return s.applied.Load() }

// Close waits for running transactions and closes the file. Waiters are woken
// with ErrClosed. Closing twice is harmless.
func (s *Store) Close() error {
	s.write.Lock()
	defer s.write.Unlock()
	h := s.replace(nil)
	if h == nil {
		return nil
	}
	s.notice.close()
	return h.close()
}

// use returns the current handle; the caller must call done on it.
func (s *Store) use() (*handle, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.current == nil {
		return nil, ErrClosed
	}
	s.current.users.Add(1)
	return s.current, nil
}

// replace makes h current and returns the one before. Caller holds write.
func (s *Store) replace(h *handle) *handle {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.current
	s.current = h
	return before
}
