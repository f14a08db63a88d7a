package pipeline

import (
	"context"
	"encoding/binary"
	"hash"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

const (
	chunksInFlight = 4                 // of 1 MiB, for each submission
	uploadLease    = ledger.MostUpload // a slower upload begins again
)

// sealed is what sealing a submission made.
type sealed struct {
	key    seal.Key
	inline [][]byte
	stored []exchange.Stored
	lease  [16]byte
}

// stamp gives a submission its id and times.
func (d *Domain) stamp(w *submission) (err error) {
	m := &w.manifest
	m.Created = d.Clock()
	m.NotAfter = m.Created.Add(d.Expiry)
	if s := w.question.ExpiresIn; s > 0 {
		m.NotAfter = m.Created.Add(time.Duration(s) * time.Second)
	}
	m.ID, err = exchange.NewID(m.Created, d.Random)
	return err
}

// sealAll seals header and files. Small exchanges ride in the command; the
// chunks of others are kept on a majority before it.
func (d *Domain) sealAll(ctx context.Context, w *submission, open func(int) (io.Reader, error)) (err error) {
	if w.sealed.key, err = seal.NewKey(d.Random); err != nil {
		return err
	}
	w.manifest.Commitment = seal.Commit(d.Provider, w.manifest.ID, w.sealed.key)
	content := newContentDigest(d.Provider, w.question)
	header := exchange.Encode(w.header)
	store := &chunkKeeper{domain: d, inline: fitsInline(len(header), w.header.Files)}
	if !store.inline {
		if w.sealed.lease, err = d.protect(ctx, w.caller.Unit); err != nil {
			return err
		}
	}
	store.group, store.ctx = errgroup.WithContext(ctx)
	store.group.SetLimit(chunksInFlight)
	if err := d.sealParts(w, header, content, store, open); err != nil {
		store.group.Wait()
		return err
	}
	if err := store.group.Wait(); err != nil {
		return err
	}
	w.content = content.sum()
	w.sealed.inline = store.kept
	if !store.inline {
		w.sealed.stored, err = d.Content.Kept(ctx, w.manifest.Chunks())
	}
	return err
}

func (d *Domain) sealParts(w *submission, header []byte, content *contentDigest, store *chunkKeeper, open func(int) (io.Reader, error)) error {
	if err := d.sealPart(w, 0, bytesReader(header), store); err != nil {
		return err
	}
	for i, file := range w.header.Files {
		r, err := open(i)
		if err != nil {
			return streamError(err)
		}
		limited := io.LimitReader(r, file.Size+1)
		if err := d.sealPart(w, uint32(i+1), io.TeeReader(limited, content), store); err != nil {
			return streamError(err)
		}
		if err := sizeProblem(i, file.Size, w.manifest.Parts[i+1].Size); err != nil {
			return err
		}
	}
	return nil
}

// sealPart seals one stream under its own attempt and appends it to the
// manifest.
func (d *Domain) sealPart(w *submission, part uint32, r io.Reader, store *chunkKeeper) error {
	attempt, err := seal.NewAttempt(d.Random)
	if err != nil {
		return err
	}
	s, err := seal.NewSealer(d.Provider, w.sealed.key, w.manifest.ID, part, attempt)
	if err != nil {
		return err
	}
	p := exchange.Part{Attempt: attempt}
	p.Size, err = s.Seal(r, func(_ uint32, data []byte, address crypto.Digest) error {
		p.Chunks = append(p.Chunks, address)
		return store.keep(address, data)
	})
	w.manifest.Parts = append(w.manifest.Parts, p)
	return err
}

// fitsInline tells from stated sizes whether everything may ride in a command.
func fitsInline(header int, files []exchange.File) bool {
	total := int64(header + seal.Overhead)
	for _, f := range files {
		total += f.Size + seal.Overhead
	}
	return total <= exchange.MaxInline
}

// chunkKeeper keeps sealed chunks: in memory when they ride in the command,
// else on a majority of replicas, a bounded number at a time.
type chunkKeeper struct {
	domain *Domain
	inline bool
	kept   [][]byte
	group  *errgroup.Group
	ctx    context.Context
}

func (k *chunkKeeper) keep(address crypto.Digest, data []byte) error {
	own := append([]byte(nil), data...) // valid only until this returns
	if k.inline {
		k.kept = append(k.kept, own)
		return nil
	}
	if err := k.ctx.Err(); err != nil {
		return k.group.Wait()
	}
	k.group.Go(func() error { return k.domain.Content.Put(k.ctx, address, own) })
	return nil
}

// protect keeps chunks from collection until the commit. From level 2 on their
// age does (see ledger.MostUpload), and there is no lease.
func (d *Domain) protect(ctx context.Context, u exchange.Unit) (id [16]byte, err error) {
	young := false
	err = d.Log.View(func(r ledger.Reader) error { young = ledger.LevelOf(r) >= 2; return nil })
	if err != nil || young {
		return id, err
	}
	return d.takeLease(ctx, u)
}

// takeLease is protect in a domain of older programs.
func (d *Domain) takeLease(ctx context.Context, u exchange.Unit) (id [16]byte, err error) {
	if _, err := io.ReadFull(d.Random, id[:]); err != nil {
		return id, err
	}
	_, err = d.propose(ctx, opSubmit, func() (ledger.Command, error) {
		return ledger.Command{Lease: &ledger.Lease{ID: id, Unit: u, Until: d.Clock().Add(uploadLease)}}, nil
	})
	return id, err
}

// wrapAll encrypts the key to every recipient domain and to this one.
func (d *Domain) wrapAll(f *federation, w *submission) ([]exchange.Wrap, error) {
	domains := w.manifest.RecipientDomains()
	own := false
	for _, to := range domains {
		own = own || to == d.Domain
	}
	if !own {
		domains = append(domains, d.Domain)
	}
	out := make([]exchange.Wrap, 0, len(domains))
	for _, to := range domains {
		pub, id, err := f.book.EncryptKey(to, d.Clock())
		if err != nil {
			return nil, exchange.Errorf(exchange.Unavailable, opSubmit, "the encryption key of %s cannot be used: %w", to, err)
		}
		data, err := seal.Wrap(d.Provider, d.Random, pub, w.manifest.ID, w.sealed.key)
		if err != nil {
			return nil, err
		}
		out = append(out, exchange.Wrap{Domain: to, Key: id, Data: data})
	}
	return out, nil
}

// contentDigest is SM3 over the words of a submission and its files, each
// preceded by its length. It compares a retry with the original, and stays in
// the origin's own ledger.
type contentDigest struct{ h hash.Hash }

func newContentDigest(p sm.Provider, s exchange.Submission) *contentDigest {
	s.Key = ""
	words := exchange.Encode(s)
	c := &contentDigest{h: p.NewHash()}
	c.h.Write(binary.BigEndian.AppendUint64([]byte("yizhan/submission/v1\n"), uint64(len(words))))
	c.h.Write(words)
	return c
}

func (c *contentDigest) Write(b []byte) (int, error) { return c.h.Write(b) }

func (c *contentDigest) sum() (d crypto.Digest) { c.h.Sum(d[:0]); return d }
