package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/content"
	"github.com/yizhan-exchange/yizhan/node/newlife"
	"github.com/yizhan-exchange/yizhan/node/raftnode"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// What a restore refuses that somebody can do something about.
var (
	// ErrNotEmpty reports a data directory that holds something already.
	ErrNotEmpty = errors.New("the data directory is not empty")
	// ErrHosts reports a configuration that does not host the domain.
	ErrHosts = errors.New("the configuration does not host the domain")
	// ErrKeyStore reports a key store that is not the one the backup needs.
	ErrKeyStore = errors.New("the key store does not go with the backup")
)

// RestoreOptions says where to.
type RestoreOptions struct {
	Expect        // Provider and Opener are required
	Config string // path of node.yaml; written from the backup when it is not there
	Random io.Reader
	Now    exchange.Time
}

// Restored tells what was done.
type Restored struct {
	Statement Statement
	Replica   exchange.Replica
	Address   string   // at which the other replicas reach it
	Data      string   // where ledger, log and content are now
	Wrote     []string // files and directories that were not there before
}

// Restore reads a backup to its end and makes one replica of it: ledger,
// content, the log of a new group with this replica as its only voter, and the
// mark of a new life. Everything is put together beside its place and appears
// there when the whole backup has proved good; a restore that fails or is
// interrupted leaves nothing but a directory that the next one removes.
//
// The directory of the domain below the configuration's data must be empty or
// missing, else ErrNotEmpty. Files that the configuration names and that exist
// are left as they are.
func Restore(ctx context.Context, in io.Reader, o RestoreOptions) (done *Restored, err error) {
	r, err := open(in, o.Expect)
	if err != nil {
		return nil, err
	}
	if r.sealer == nil {
		return nil, ErrKey
	}
	t := &restoring{o: o, r: r, domain: r.header.Domain}
	defer func() { err = errors.Join(err, t.clean()) }()
	st, err := unpack(ctx, r, t)
	if err != nil {
		return nil, err
	}
	if err := t.settle(st); err != nil {
		return nil, err
	}
	if err := t.appear(); err != nil {
		return nil, err
	}
	return &Restored{Statement: *st, Replica: t.conf.Replica, Address: t.conf.Address(), Data: t.target, Wrote: t.wrote}, nil
}

// restoring is a sink that puts a replica together.
type restoring struct {
	o      RestoreOptions
	r      *reader
	domain exchange.Domain
	files  []File

	node    *config.Node
	conf    *config.Domain
	target  string // data/DOMAIN
	stage   string // beside it
	vault   *trust.Store
	store   *store.Store
	chunks  *keeper
	renames []rename // done last, in order
	wrote   []string
}

// rename puts something that was staged into its place.
type rename struct{ from, to string }

func (t *restoring) file(f File) error {
	t.files = append(t.files, f)
	return nil
}

// state begins with what can be refused before anything large is written.
func (t *restoring) state(ctx context.Context, r io.Reader) (err error) {
	for _, step := range []func() error{t.configure, t.place, t.unlock} {
		if err := step(); err != nil {
			return err
		}
	}
	if t.store, err = store.Open(filepath.Join(t.stage, "state"), store.Options{Hash: t.r.Provider.Sum}); err != nil {
		return err
	}
	if err := t.store.Restore(r); err != nil {
		return fmt.Errorf("%w: the state: %w", ErrContents, err)
	}
	local, err := content.Open(filepath.Join(t.stage, "content"), content.Options{Hash: t.r.Provider.Sum, Reserve: uint64(t.conf.Limits.FreeDisk)})
	if err != nil {
		return err
	}
	t.chunks = newKeeper(ctx, local)
	return nil
}

// configure reads the configuration that is there, or the one in the backup.
func (t *restoring) configure() (err error) {
	path := t.o.Config
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if path, err = t.stageFile(nameConfig, path, 0o600); err != nil {
			return err
		}
	}
	if t.node, err = config.Load(path); err != nil {
		return err
	}
	for i := range t.node.Domains {
		if d := &t.node.Domains[i]; d.Domain == t.domain {
			t.conf = d
			return nil
		}
	}
	return fmt.Errorf("%w %s: add it to domains in %s", ErrHosts, t.domain, t.o.Config)
}

// place finds the directory of the domain empty, and makes one beside it.
func (t *restoring) place() error {
	t.target = filepath.Join(t.node.Data, string(t.domain))
	t.stage = filepath.Join(t.node.Data, ".restoring-"+string(t.domain))
	there, err := os.ReadDir(t.target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(there) > 0 {
		return fmt.Errorf("%w: %s holds %s", ErrNotEmpty, t.target, there[0].Name())
	}
	if err := os.RemoveAll(t.stage); err != nil { // of a restore that was interrupted
		return err
	}
	return os.MkdirAll(t.stage, 0o700)
}

// settle makes what was put together a replica that can be started.
func (t *restoring) settle(st *Statement) error {
	if t.store == nil {
		return fmt.Errorf("%w: no state", ErrContents)
	}
	if err := t.chunks.wait(); err != nil {
		return err
	}
	head, err := t.store.Head()
	if err != nil {
		return fmt.Errorf("%w: the state: %w", ErrContents, err)
	}
	var self ledger.Self
	if err := t.store.View(func(r ledger.Reader) (err error) { self, _, err = ledger.SelfOf(r); return err }); err != nil {
		return fmt.Errorf("%w: the state: %w", ErrContents, err)
	}
	if c := st.Contents; head.Index != c.Index || head.Digest != c.Digest || self.Domain != st.Domain {
		return fmt.Errorf("%w: the state is of %s at index %d, not of %s at %d", ErrContents, self.Domain, head.Index, st.Domain, c.Index)
	}
	seat := raftnode.Server{Replica: t.conf.Replica, Address: t.conf.Address()}
	if err := raftnode.Seed(filepath.Join(t.stage, "log"), t.store, seat); err != nil {
		return err
	}
	if err := t.store.Close(); err != nil {
		return err
	}
	return newlife.Mark(t.stage, newlife.Life{Reason: newlife.Restored, At: t.o.Now.Std(), Index: st.Contents.Index})
}

// appear puts everything into its place, the data last: without it nothing
// starts.
func (t *restoring) appear() error {
	if err := t.apiKey(); err != nil {
		return err
	}
	if err := os.Remove(t.target); err != nil && !errors.Is(err, fs.ErrNotExist) { // an empty directory
		return err
	}
	for _, r := range append(t.renames, rename{t.stage, t.target}) {
		if err := errors.Join(os.Rename(r.from, r.to), syncDir(filepath.Dir(r.to))); err != nil {
			return err
		}
		t.wrote = append(t.wrote, r.to)
	}
	return syncDir(filepath.Dir(t.node.Data)) // data itself may be new
}

// clean removes what did not appear.
func (t *restoring) clean() error {
	var errs []error
	if t.chunks != nil {
		_ = t.chunks.wait() // its error was told, or another one
	}
	if t.store != nil {
		errs = append(errs, t.store.Close())
	}
	for _, r := range t.renames {
		errs = append(errs, os.RemoveAll(r.from))
	}
	if t.stage != "" {
		errs = append(errs, os.RemoveAll(t.stage))
	}
	return errors.Join(errs...)
}
