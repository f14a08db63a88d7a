package backup

import (
	"archive/tar"
	"context"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// archive writes files, state and content as a tar archive and tells what it
// wrote. State comes before content: chunks that a sweep deletes meanwhile were
// deleted by a command that the state does not contain yet.
func (s *Source) archive(ctx context.Context, w io.Writer) (c Contents, err error) {
	a := &archive{tar: tar.NewWriter(w), source: s, contents: &c, at: s.At.Std(), chunks: s.Provider.NewHash()}
	c.Lock = s.Lock
	for _, f := range s.Files {
		if err := a.file(f); err != nil {
			return c, err
		}
	}
	if err := s.State.View(a.describe); err != nil {
		return c, err
	}
	if err := a.state(); err != nil {
		return c, err
	}
	if err := s.State.View(func(r ledger.Reader) error { return a.content(ctx, r) }); err != nil {
		return c, err
	}
	c.ChunkSum = crypto.Digest(a.chunks.Sum(nil))
	return c, a.tar.Close()
}

// archive is one tar archive being written.
type archive struct {
	tar      *tar.Writer
	source   *Source
	contents *Contents
	at       time.Time
	chunks   hash.Hash // over the addresses of content
}

func (a *archive) begin(name string, size int64) error {
	return a.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: a.at, Format: tar.FormatPAX})
}

func (a *archive) file(f File) error {
	if len(f.Data) > maxFile || len(a.contents.Files) == maxFiles {
		return fmt.Errorf("%s has %d bytes, or there are more than %d files: the configuration is not kept in a backup like this", f.Name, len(f.Data), maxFiles)
	}
	if err := a.begin(f.Name, int64(len(f.Data))); err != nil {
		return err
	}
	_, err := a.tar.Write(f.Data)
	a.contents.Files = append(a.contents.Files, Part{f.Name, int64(len(f.Data)), a.source.Provider.Sum(f.Data)})
	return err
}

// describe notes what the ledger says of itself.
func (a *archive) describe(r ledger.Reader) error {
	self, founded, err := ledger.SelfOf(r)
	if err != nil {
		return err
	}
	if !founded || self.Domain != a.source.Domain {
		return exchange.Errorf(exchange.Unavailable, opMake, "the domain is not founded yet: there is nothing to keep")
	}
	counts, err := ledger.CountsOf(r)
	if err != nil {
		return err
	}
	conf, err := ledger.ConfigurationOf(r)
	if err != nil {
		return err
	}
	head, c := a.source.State.Head(), a.contents
	c.Index, c.Term, c.Digest = head.Index, head.Term, head.Digest
	c.Incarnation, c.Level, c.LedgerTime = self.Incarnation, ledger.LevelOf(r), ledger.TimeOf(r)
	c.Exchanges, c.Voters = counts.Exchanges, conf.Voters
	r.Scan(ledger.TableLink, nil, nil, func(k, _ []byte) bool {
		c.Neighbours = append(c.Neighbours, exchange.Domain(k))
		return true
	})
	return nil
}

func (a *archive) state() error {
	size := a.source.State.Size()
	if err := a.begin(nameState, size); err != nil {
		return err
	}
	sum := a.source.Provider.NewHash()
	if _, err := a.source.State.WriteTo(io.MultiWriter(a.tar, sum)); err != nil {
		return fmt.Errorf("writing the state: %w", err)
	}
	a.contents.State = Part{nameState, size, crypto.Digest(sum.Sum(nil))}
	return nil
}

const opMake = "backup.make"

// content writes the chunks of every exchange that are kept outside the ledger.
func (a *archive) content(ctx context.Context, r ledger.Reader) error {
	var failed error
	r.Scan(ledger.TableExchange, nil, nil, func(k, raw []byte) bool {
		ex, err := exchange.DecodeStored[ledger.Exchange](raw)
		if err == nil && !ex.Inline {
			err = a.exchange(ctx, r, exchange.ID(k), ex)
		}
		if failed = err; failed == nil {
			failed = ctx.Err()
		}
		return failed == nil
	})
	return failed
}

func (a *archive) exchange(ctx context.Context, r ledger.Reader, id exchange.ID, ex ledger.Exchange) error {
	m, err := ledger.DecodeManifest(ex.Manifest)
	if err != nil {
		return fmt.Errorf("the manifest of %s cannot be read: %w", id, err)
	}
	missing := uint64(0)
	for _, address := range m.Chunks() {
		data, err := a.source.Chunk(ctx, address)
		switch code := exchange.CodeOf(err); {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case code == exchange.NotFound, code == exchange.Corrupt, code == exchange.Unavailable: // a backup without it is better than none
			missing++
			continue
		default:
			return err
		}
		if err := a.chunk(address, data); err != nil {
			return err
		}
	}
	if missing > 0 {
		return a.lacks(r, id, ex, missing)
	}
	return nil
}

func (a *archive) chunk(address crypto.Digest, data []byte) error {
	if err := a.begin(nameContent+address.String(), int64(len(data))); err != nil {
		return err
	}
	_, _ = a.chunks.Write(address[:]) // a hash never fails
	a.contents.Chunks++
	a.contents.ChunkBytes += uint64(len(data))
	_, err := a.tar.Write(data)
	return err
}

// lacks notes chunks that nobody has, if the domain answers for them: it stated
// custody. Of an envelope that still arrives they are not expected.
func (a *archive) lacks(r ledger.Reader, id exchange.ID, ex ledger.Exchange, missing uint64) error {
	kept, err := ledger.Receipts(r, id)
	if err != nil {
		return err
	}
	for _, s := range kept {
		if !ex.Waiting {
			if receipt, err := ledger.DecodeReceipt(s); err == nil && receipt.Domain == a.source.Domain && receipt.State.Custody() {
				a.contents.Missing += missing
				if len(a.contents.MissingFrom) < maxNamed {
					a.contents.MissingFrom = append(a.contents.MissingFrom, id)
				}
				break
			}
		}
	}
	return nil
}
