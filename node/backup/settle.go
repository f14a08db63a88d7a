package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/node/content"
)

// staged names what does not stand in its place yet.
const staged = ".restoring"

// find returns a file of the backup.
func (t *restoring) find(name string) ([]byte, error) {
	for _, f := range t.files {
		if f.Name == name {
			return f.Data, nil
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrContents, name)
}

// stageFile writes a file of the backup beside the place where it is to
// appear.
func (t *restoring) stageFile(name, path string, mode os.FileMode) (string, error) {
	data, err := t.find(name)
	if err != nil {
		return "", err
	}
	temp := path + staged
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), writeSynced(temp, data, mode)); err != nil {
		return "", err
	}
	t.renames = append(t.renames, rename{temp, path})
	return temp, nil
}

func writeSynced(path string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// unlock opens the key store, the one that is there or the one in the backup,
// with what the configuration names: nobody has to find out after the restore
// that the key file is lost. That the signer's key is in it shows that the
// backup was signed by this domain and not by somebody who knew the public half
// of the offline key.
func (t *restoring) unlock() error {
	keys, err := t.keyStore()
	if err != nil {
		return err
	}
	lock, err := t.conf.Unlock.Lock()
	if err != nil {
		return fmt.Errorf("%w: the %s that opens it is not in the backup, and has to be where %s says: %w", ErrKeyStore, LockKind(t.conf.Unlock), t.o.Config, err)
	}
	if t.vault, err = trust.OpenStore(keys, t.r.Provider, t.o.Random, lock); err != nil {
		return fmt.Errorf("%w: %w", ErrKeyStore, err)
	}
	if t.vault.Domain() != string(t.domain) {
		return fmt.Errorf("%w: %s is of %s", ErrKeyStore, keys, t.vault.Domain())
	}
	if _, ok := t.vault.Opener(t.r.pair.Sign.KeyID); !ok {
		return fmt.Errorf("%w: the key %s that signed it is not in the key store of %s", ErrUntrusted, t.r.pair.Sign.KeyID.Short(), t.domain)
	}
	if _, _, err := t.vault.ReplicaIdentity(string(t.conf.Replica)); err != nil {
		return fmt.Errorf("%w: the backup was made by replica %s and has its certificates; name that one in %s: %w", ErrKeyStore, t.r.header.Replica, t.o.Config, err)
	}
	for _, f := range []struct{ name, path string }{{nameAnchor, t.conf.Anchor}, {nameAPI, t.node.API.Certificate}, {nameOffline, t.conf.BackupKey}} {
		if _, err := os.Stat(f.path); err == nil || f.path == "" || f.name == nameOffline && !holds(t.files, nameOffline) {
			continue
		}
		if _, err := t.stageFile(f.name, f.path, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// keyStore returns the directory of the key store, which it stages when there
// is none.
func (t *restoring) keyStore() (string, error) {
	dir := t.conf.Keys
	if _, err := os.Stat(filepath.Join(dir, "lock.pem")); err == nil {
		return dir, nil
	}
	if there, err := os.ReadDir(dir); err == nil && len(there) > 0 {
		return "", fmt.Errorf("%w: %s holds %s and no lock; empty it, or put the key store of %s there", ErrKeyStore, dir, there[0].Name(), t.domain)
	}
	temp := dir + staged
	if err := os.RemoveAll(temp); err != nil {
		return "", err
	}
	t.renames = append(t.renames, rename{temp, dir})
	for _, d := range []string{"keys", "pairs", "certs", "secrets"} { // a store has all four
		if err := os.MkdirAll(filepath.Join(temp, d), 0o700); err != nil {
			return "", err
		}
	}
	for _, f := range t.files {
		name, ok := strings.CutPrefix(f.Name, nameKeys)
		if !ok {
			continue
		}
		if err := writeSynced(filepath.Join(temp, filepath.FromSlash(name)), f.Data, 0o600); err != nil {
			return "", err
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) { // an empty directory
		return "", err
	}
	return temp, syncTree(temp)
}

// syncTree makes the names in dir and in the directories below durable.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return syncDir(path)
	})
}

// apiKey writes the key of the API's certificate, which travelled inside the
// key store, unless there is one.
func (t *restoring) apiKey() error {
	path := t.node.API.Key
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	secret, err := t.vault.Secret(secretAPI)
	if errors.Is(err, trust.ErrNoKey) {
		return fmt.Errorf("%w: it lacks the key of the API's certificate, and %s is not there", ErrKeyStore, path)
	}
	if err != nil {
		return err
	}
	defer clear(secret)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), writeSynced(path+staged, secret, 0o600)); err != nil {
		return err
	}
	t.renames = append(t.renames, rename{path + staged, path})
	return nil
}

// chunk hands a chunk to the keeper.
func (t *restoring) chunk(ctx context.Context, address crypto.Digest, data []byte) error {
	return t.chunks.put(ctx, address, data)
}

// writers is how many chunks are written at once: each waits for the disk.
const writers = 4

// keeper puts chunks into a content store, a few at a time.
type keeper struct {
	jobs    chan job
	buffers chan []byte
	workers sync.WaitGroup
	end     sync.Once
	mu      sync.Mutex // guards failed
	failed  error
}

type job struct {
	address crypto.Digest
	data    []byte
}

func newKeeper(ctx context.Context, to content.Store) *keeper {
	k := &keeper{jobs: make(chan job), buffers: make(chan []byte, writers)}
	for range writers {
		k.buffers <- make([]byte, 0, content.MaxChunk)
		k.workers.Go(func() {
			for j := range k.jobs {
				if err := to.Put(ctx, j.address, j.data); err != nil {
					k.fail(err)
				}
				k.buffers <- j.data[:0]
			}
		})
	}
	return k
}

func (k *keeper) put(ctx context.Context, address crypto.Digest, data []byte) error {
	if err := errors.Join(k.failure(), ctx.Err()); err != nil {
		return err
	}
	k.jobs <- job{address, append(<-k.buffers, data...)}
	return nil
}

// wait ends the writers and returns what failed. Waiting twice is harmless.
func (k *keeper) wait() error {
	k.end.Do(func() { close(k.jobs) })
	k.workers.Wait()
	return k.failure()
}

func (k *keeper) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed == nil {
		k.failed = err
	}
}

func (k *keeper) failure() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.failed
}

// ReadConfig reads a backup to its end and returns the configuration in it.
func ReadConfig(ctx context.Context, in io.Reader, e Expect) ([]byte, *Statement, error) {
	r, err := open(in, e)
	if err != nil {
		return nil, nil, err
	}
	if r.sealer == nil {
		return nil, nil, ErrKey
	}
	c := &configOnly{}
	st, err := unpack(ctx, r, c)
	if err == nil && c.text == nil {
		err = fmt.Errorf("%w: %s", ErrContents, nameConfig)
	}
	return c.text, st, err
}

// configOnly is a sink that keeps the configuration.
type configOnly struct{ text []byte }

func (c *configOnly) file(f File) error {
	if f.Name == nameConfig {
		c.text = f.Data
	}
	return nil
}

func (*configOnly) state(context.Context, io.Reader) error { return nil }

func (*configOnly) chunk(context.Context, crypto.Digest, []byte) error { return nil }
