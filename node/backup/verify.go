package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/check"
	"github.com/yizhan-exchange/yizhan/node/content"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// VerifyOptions says how far Verify goes.
type VerifyOptions struct {
	Expect
	// Deep also puts the ledger into a temporary directory below Temp (the
	// system's when ""), opens it and checks it row by row, its content
	// included. It needs the offline key, and room for the ledger.
	Deep bool
	Temp string
}

// Verified is what Verify found to be so.
type Verified struct {
	Header    Header
	Statement Statement
	Signer    crypto.KeyID
	Opened    bool          // with the offline key: everything was read
	Vouched   bool          // an anchor vouches for the signer
	Report    *check.Report // of the ledger, when Deep
}

// Verify reads a backup from its beginning to its end. Without the offline key
// it verifies form, order, digests and signature; with it, it opens every chunk
// and holds what is inside against the table of contents and each address.
func Verify(ctx context.Context, in io.Reader, o VerifyOptions) (*Verified, error) {
	r, err := open(in, o.Expect)
	if err != nil {
		return nil, err
	}
	v := &Verified{Header: r.header, Signer: r.pair.Sign.KeyID, Opened: r.sealer != nil, Vouched: o.Anchor != nil}
	var st *Statement
	if r.sealer == nil {
		st, err = r.finish()
	} else {
		st, err = v.inside(ctx, r, o)
	}
	if err != nil {
		return nil, err
	}
	v.Statement = *st
	return v, nil
}

func (v *Verified) inside(ctx context.Context, r *reader, o VerifyOptions) (st *Statement, err error) {
	s := &inspector{provider: r.Provider}
	if o.Deep {
		if s.dir, err = os.MkdirTemp(o.Temp, "yizhan-verify-"); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.close()) }()
	}
	if st, err = unpack(ctx, r, s); err != nil {
		return nil, err
	}
	if !holds(s.files, nameKeys) || !holds(s.files, nameConfig) {
		return nil, fmt.Errorf("%w: configuration or keys are not in it", ErrContents)
	}
	if o.Deep {
		v.Report, err = s.check(ctx, r, st)
	}
	return st, err
}

// inspector is a sink that keeps nothing but names, and the ledger when it has a
// directory.
type inspector struct {
	provider interface {
		Sum(parts ...[]byte) crypto.Digest
	}
	dir       string
	files     []File // without their data
	store     *store.Store
	addresses []crypto.Digest
}

func (s *inspector) file(f File) error {
	s.files = append(s.files, File{Name: f.Name})
	return nil
}

func (s *inspector) state(_ context.Context, r io.Reader) (err error) {
	if s.dir == "" {
		return nil
	}
	if s.store, err = store.Open(filepath.Join(s.dir, "state"), store.Options{Hash: s.provider.Sum}); err != nil {
		return err
	}
	if err := s.store.Restore(r); err != nil {
		return fmt.Errorf("%w: the state: %w", ErrContents, err)
	}
	return nil
}

func (s *inspector) chunk(_ context.Context, address crypto.Digest, _ []byte) error {
	if s.dir != "" {
		s.addresses = append(s.addresses, address)
	}
	return nil
}

func (s *inspector) close() error {
	var err error
	if s.store != nil {
		err = s.store.Close()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// check opens the ledger and checks it, with the chunks that were seen.
func (s *inspector) check(ctx context.Context, r *reader, st *Statement) (*check.Report, error) {
	if s.store == nil {
		return nil, fmt.Errorf("%w: no state", ErrContents)
	}
	head, err := s.store.Head()
	if err != nil {
		return nil, fmt.Errorf("%w: the state: %w", ErrContents, err)
	}
	if c := st.Contents; head.Index != c.Index || head.Digest != c.Digest {
		return nil, fmt.Errorf("%w: the state is at index %d instead of %d", ErrContents, head.Index, c.Index)
	}
	slices.SortFunc(s.addresses, func(a, b crypto.Digest) int { return slices.Compare(a[:], b[:]) })
	o := check.Options{Provider: r.Provider, Strict: true, Signatures: r.Anchor != nil}
	if r.Anchor != nil {
		o.Anchor = *r.Anchor
	}
	var report *check.Report
	err = s.store.View(func(l ledger.Reader) (err error) {
		report, err = check.Domain(ctx, l, seen(s.addresses), o)
		return err
	})
	if report != nil {
		report.Domain, report.Replica = st.Domain, st.Replica
	}
	return report, err
}

// seen is the content of a backup as a check looks at it: addresses in order,
// whose bytes were verified while they were read.
type seen []crypto.Digest

var _ check.ContentView = seen(nil)

// Has implements check.ContentView.
func (s seen) Has(_ context.Context, addresses []crypto.Digest) ([]bool, error) {
	out := make([]bool, len(addresses))
	for i, a := range addresses {
		_, out[i] = slices.BinarySearchFunc(s, a, func(x, y crypto.Digest) int { return slices.Compare(x[:], y[:]) })
	}
	return out, nil
}

// Get implements check.ContentView.
func (s seen) Get(context.Context, crypto.Digest) ([]byte, error) {
	return nil, exchange.Errorf(exchange.Unavailable, "backup.verify", "the content of a backup is read once")
}

// Walk implements check.ContentView.
func (s seen) Walk(ctx context.Context, fn func(content.Info) error) error {
	for _, a := range s {
		if err := errors.Join(ctx.Err(), fn(content.Info{Address: a})); err != nil {
			return err
		}
	}
	return nil
}
