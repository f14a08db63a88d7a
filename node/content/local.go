package content

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/durable"
	"github.com/yizhan-exchange/yizhan/node/failpoint"
)

const (
	idFile         = "store.id"
	tempDir        = "tmp"
	chunkDir       = "chunks"
	defaultReserve = 1 << 30

	opLocal = "content.local"
)

// Options of Open.
type Options struct {
	Hash Hash // required
	// Reserve is how many bytes of the disk Put leaves free, because the log
	// and the ledger need room to say that the disk is full; 1 GiB when zero.
	Reserve uint64
}

// Local keeps each chunk in a file of its own, in 256 directories named by the
// first byte of the address: a second level would make a directory, and sync
// three, for almost every chunk of a store that is not yet large.
type Local struct {
	dir   string
	opts  Options
	id    [16]byte
	dirs  dirSync
	kept  sync.Map // directories of chunks whose own names are durable
	space func(dir string) (free, total uint64, err error)
	// sweeping is held while one chunk is deleted, and shared while one that is
	// there already is taken for kept.
	sweeping sync.RWMutex
}

var _ Store = (*Local)(nil)

// Open opens or creates a store in dir and removes what interrupted writes
// left. Only one process may have it open.
func Open(dir string, opts Options) (*Local, error) {
	if opts.Hash == nil {
		return nil, errors.New("content: no hash function")
	}
	if opts.Reserve == 0 {
		opts.Reserve = defaultReserve
	}
	l := &Local{dir: dir, opts: opts, space: durable.Space}
	if err := l.prepare(); err != nil {
		return nil, fmt.Errorf("content: opening %s: %w", dir, err)
	}
	return l, nil
}

func (l *Local) prepare() error {
	temp := filepath.Join(l.dir, tempDir)
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	for _, d := range []string{temp, filepath.Join(l.dir, chunkDir)} {
		if err := durable.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	return l.loadID()
}

// loadID reads the identity of the store, or makes one for an empty store.
func (l *Local) loadID() error {
	path := filepath.Join(l.dir, idFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := rand.Read(l.id[:]); err != nil {
			return err
		}
		return durable.WriteFile(path, idFile+".new-*", l.id[:], 0o600)
	}
	if err == nil && len(b) != len(l.id) {
		err = fmt.Errorf("%s has %d bytes instead of %d", path, len(b), len(l.id))
	}
	copy(l.id[:], b)
	return err
}

// ID implements Store.
func (l *Local) ID() [16]byte { return l.id }

func (l *Local) path(a crypto.Digest) string {
	name := a.String()
	return filepath.Join(l.dir, chunkDir, name[:2], name)
}

// Put implements Store. A chunk that is there already is read back, so that
// the answer is never a promise on a damaged file.
func (l *Local) Put(ctx context.Context, address crypto.Digest, data []byte) error {
	if err := verify(l.opts.Hash, opLocal, address, data); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	path := l.path(address)
	there, err := l.again(path, address)
	if err != nil {
		return l.ioError(err)
	}
	if there {
		return l.ioError(l.named(path)) // whoever renamed it may not have come so far
	}
	if err := l.room(len(data)); err != nil {
		return err
	}
	return l.ioError(l.write(path, data))
}

// write makes the chunk appear whole or not at all, durably.
func (l *Local) write(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Join(l.dir, tempDir), "chunk-*")
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = failpoint.Hit(failpoint.ChunkWritten)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = failpoint.Hit(failpoint.ChunkSynced)
	}
	if err == nil {
		err = l.place(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // best effort; Open removes leftovers
		return err
	}
	if err := failpoint.Hit(failpoint.ChunkRenamed); err != nil {
		return err
	}
	return l.named(path)
}

// named returns once the name of a chunk is durable, and that of its
// directory, whoever made it: a concurrent upload that made the directory may
// not have come so far as to sync its parent, and a process that ended before
// it never will.
func (l *Local) named(path string) error {
	dir := filepath.Dir(path)
	if err := l.dirs.sync(dir); err != nil {
		return err
	}
	if _, known := l.kept.Load(dir); !known {
		if err := l.dirs.sync(filepath.Dir(dir)); err != nil {
			return err
		}
		l.kept.Store(dir, true)
	}
	return failpoint.Hit(failpoint.ChunkNamed)
}

// place renames a file to its address and creates its directory when it
// is the first there.
func (l *Local) place(temp, path string) error {
	err := os.Rename(temp, path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Rename(temp, path)
}

// Get implements Store.
func (l *Local) Get(ctx context.Context, address crypto.Digest) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(l.path(address))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, exchange.Errorf(exchange.NotFound, opLocal, "chunk %s is not stored here", address.Short())
	}
	if err != nil {
		return nil, l.ioError(err)
	}
	return data, verify(l.opts.Hash, opLocal, address, data)
}

// Has implements Store.
func (l *Local) Has(ctx context.Context, addresses []crypto.Digest) ([]bool, error) {
	out := make([]bool, len(addresses))
	for i, a := range addresses {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		_, err := os.Lstat(l.path(a))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, l.ioError(err)
		}
		out[i] = err == nil
	}
	return out, nil
}

// Delete implements Store. That the name is gone need not survive a loss of
// power: a sweep deletes again.
func (l *Local) Delete(ctx context.Context, address crypto.Digest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := os.Remove(l.path(address))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return l.ioError(err)
}

// Walk implements Store.
func (l *Local) Walk(ctx context.Context, fn func(Info) error) error {
	return filepath.WalkDir(filepath.Join(l.dir, chunkDir), func(path string, d fs.DirEntry, err error) error {
		if err := errors.Join(ctx.Err(), err); err != nil {
			return err
		}
		if d.IsDir() {
			return nil
		}
		address, err := crypto.ParseDigest(d.Name())
		if err != nil {
			return nil // not ours, so not ours to judge
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return fn(Info{Address: address, Size: info.Size()})
	})
}
