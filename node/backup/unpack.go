package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/node/content"
)

// sink takes what is inside a backup, in the order of the archive: files, the
// state, content. What it was given is good only once unpack has returned nil.
type sink interface {
	file(f File) error
	// state reads the whole ledger from r.
	state(ctx context.Context, r io.Reader) error
	// chunk may not keep data. Its digest is the address.
	chunk(ctx context.Context, address crypto.Digest, data []byte) error
}

// unpack reads a backup to its end, hands what is inside to the sink, and holds
// everything against the statement.
func unpack(ctx context.Context, r *reader, to sink) (*Statement, error) {
	u := &unpacking{r: r, to: to, sum: r.Provider.Sum, addresses: r.Provider.NewHash()}
	err := u.all(ctx)
	if r.failed != nil && r.failed != io.EOF {
		return nil, r.failed // tar would only say that it ended
	}
	if err != nil {
		return nil, err
	}
	st, err := r.finish()
	if err != nil {
		return nil, err
	}
	return st, u.compare(st.Contents)
}

type unpacking struct {
	r         *reader
	to        sink
	sum       func(...[]byte) crypto.Digest
	got       Contents
	addresses hash.Hash
}

func (u *unpacking) all(ctx context.Context) error {
	in := tar.NewReader(u.r)
	buf := make([]byte, content.MaxChunk)
	for {
		h, err := in.Next()
		if err == io.EOF {
			return ctx.Err()
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("%w: %w", ErrContents, err)
		}
		if err := u.entry(ctx, h, in, buf); err != nil {
			return err
		}
	}
}

func (u *unpacking) entry(ctx context.Context, h *tar.Header, in io.Reader, buf []byte) error {
	address, isChunk := strings.CutPrefix(h.Name, nameContent)
	switch {
	case h.Typeflag != tar.TypeReg:
		return fmt.Errorf("%w: an entry that is no file", ErrContents)
	case h.Name == nameState && u.got.State.Name == "":
		sum := u.r.Provider.NewHash()
		if err := u.to.state(ctx, io.TeeReader(in, sum)); err != nil {
			return err
		}
		if _, err := io.Copy(sum, in); err != nil {
			return err
		}
		u.got.State = Part{nameState, h.Size, crypto.Digest(sum.Sum(nil))}
		return nil
	case isChunk && u.got.State.Name != "" && h.Size <= int64(len(buf)):
		return u.chunk(ctx, address, in, buf[:h.Size])
	case fileName(h.Name) && u.got.State.Name == "" && h.Size <= maxFile && len(u.got.Files) < maxFiles:
		return u.file(h, in)
	}
	return fmt.Errorf("%w: an entry that does not belong there", ErrContents)
}

func (u *unpacking) file(h *tar.Header, in io.Reader) error {
	data := make([]byte, h.Size)
	if _, err := io.ReadFull(in, data); err != nil {
		return err
	}
	u.got.Files = append(u.got.Files, Part{h.Name, h.Size, u.sum(data)})
	return u.to.file(File{h.Name, data})
}

func (u *unpacking) chunk(ctx context.Context, name string, in io.Reader, data []byte) error {
	address, err := crypto.ParseDigest(name)
	if err != nil {
		return fmt.Errorf("%w: content without an address", ErrContents)
	}
	if _, err := io.ReadFull(in, data); err != nil {
		return err
	}
	if u.sum(data) != address {
		return fmt.Errorf("%w: chunk %s is not what its address says", ErrContents, address.Short())
	}
	_, _ = u.addresses.Write(address[:]) // a hash never fails
	u.got.Chunks++
	u.got.ChunkBytes += uint64(len(data))
	return u.to.chunk(ctx, address, data)
}

// compare holds what came against the table of contents.
func (u *unpacking) compare(said Contents) error {
	for i, f := range said.Files {
		if i >= len(u.got.Files) || u.got.Files[i] != f {
			return fmt.Errorf("%w: %s", ErrContents, f.Name)
		}
	}
	switch {
	case len(u.got.Files) != len(said.Files):
		return fmt.Errorf("%w: %d files instead of %d", ErrContents, len(u.got.Files), len(said.Files))
	case u.got.State != said.State:
		return fmt.Errorf("%w: the state", ErrContents)
	case u.got.Chunks != said.Chunks || u.got.ChunkBytes != said.ChunkBytes || !bytes.Equal(u.addresses.Sum(nil), said.ChunkSum[:]):
		return fmt.Errorf("%w: %d chunks of content instead of %d", ErrContents, u.got.Chunks, said.Chunks)
	}
	return nil
}

// fileName reports whether a name may be written below the directory of a node.
func fileName(name string) bool {
	switch name {
	case nameConfig, nameAnchor, nameFounding, nameAPI, nameOffline:
		return true
	}
	rest, ok := strings.CutPrefix(name, nameKeys)
	return ok && keyFile.MatchString(rest)
}
