package backup

import (
	"context"
	"fmt"
	"hash"
	"io"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// State is a consistent ledger that is not the live one; *store.Copy is one.
type State interface {
	Head() store.Head
	Size() int64 // of what WriteTo writes
	WriteTo(w io.Writer) (int64, error)
	View(fn func(ledger.Reader) error) error
}

// File is one configuration or key file.
type File struct {
	Name string // as in the backup
	Data []byte
}

// Source is what a backup is made of. All fields are required but Program.
type Source struct {
	Domain  exchange.Domain
	Replica exchange.Replica
	Program string // version of this program

	Provider sm.Provider
	Random   io.Reader
	Clock    exchange.Clock
	Offline  crypto.PublicKey // the only key that opens the backup
	Signer   crypto.Signer    // the domain's
	Pair     trust.Pair       // the domain's, Signer's certificate among them

	State State
	At    exchange.Time // when State was taken
	Files []File
	Lock  string // what opens the key store: trust.Lock.Kind
	// Chunk returns a chunk from here or from another replica. Code NotFound
	// when none has it.
	Chunk func(ctx context.Context, address crypto.Digest) ([]byte, error)
}

// writer writes frames.
type writer struct {
	w      io.Writer
	p      sm.Provider
	frames uint32
	sum    hash.Hash
}

func (w *writer) frame(k kind, index uint32, payload []byte, digest crypto.Digest) error {
	if len(payload) > int(k.most()) {
		return fmt.Errorf("a frame of %d bytes cannot be written", len(payload))
	}
	if _, err := w.w.Write(frame{k, index, uint32(len(payload)), digest}.encode(w.p)); err != nil {
		return err
	}
	_, err := w.w.Write(payload)
	return err
}

// chunk takes what a seal.Sealer emits.
func (w *writer) chunk(index uint32, sealed []byte, digest crypto.Digest) error {
	_, _ = w.sum.Write(digest[:]) // a hash never fails
	w.frames++
	return w.frame(kindChunk, index, sealed, digest)
}

// Make writes a backup to w and returns the statement at its end. It holds a
// few chunks in memory, whatever the domain holds. Chunks that nobody has are
// counted in the statement and are no failure here: everything else is kept. A
// failure leaves a stream that no reader accepts.
func Make(ctx context.Context, w io.Writer, s Source) (*Statement, error) {
	header, sealer, err := s.begin()
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	raw := exchange.Encode(header)
	out := &writer{w: w, p: s.Provider, sum: s.Provider.NewHash()}
	if _, err := io.WriteString(w, magic); err != nil {
		return nil, err
	}
	if err := out.frame(kindHeader, 0, raw, s.Provider.Sum(raw)); err != nil {
		return nil, err
	}
	st := &Statement{Domain: s.Domain, Replica: s.Replica, ID: header.ID, Begun: s.At, Header: s.Provider.Sum(raw)}
	if st.Contents, st.Size, err = s.seal(ctx, sealer, out); err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	st.Ended, st.Frames, st.Sum = s.Clock(), out.frames, crypto.Digest(out.sum.Sum(nil))
	signed, err := crypto.Sign(s.Signer, crypto.ContextBackup, exchange.Encode(st))
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	end := exchange.Encode(signed)
	return st, out.frame(kindEnd, out.frames, end, s.Provider.Sum(end))
}

// begin draws the keys of a backup.
func (s *Source) begin() (h Header, sealer *seal.Sealer, err error) {
	h = Header{Version: version, Domain: s.Domain, Replica: s.Replica, At: s.At, Program: s.Program,
		OfflineKey: sm.KeyIDOf(s.Provider, s.Offline), Pair: trust.EncodePair(s.Pair)}
	if _, err = io.ReadFull(s.Random, h.ID[:]); err != nil {
		return h, nil, err
	}
	k, err := seal.NewKey(s.Random)
	if err != nil {
		return h, nil, err
	}
	attempt, err := seal.NewAttempt(s.Random)
	if err != nil {
		return h, nil, err
	}
	h.Attempt, h.Commitment = attempt, seal.Commit(s.Provider, h.ID, k)
	if h.Wrap, err = seal.Wrap(s.Provider, s.Random, s.Offline, h.ID, k); err != nil {
		return h, nil, fmt.Errorf("the offline key cannot be used: %w", err)
	}
	sealer, err = seal.NewSealer(s.Provider, k, h.ID, 0, attempt)
	return h, sealer, err
}

// seal lets the archive run through the sealer into frames.
func (s *Source) seal(ctx context.Context, sealer *seal.Sealer, out *writer) (Contents, int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w := io.Pipe()
	type result struct {
		contents Contents
		err      error
	}
	done := make(chan result, 1)
	go func() {
		c, err := s.archive(ctx, w)
		_ = w.CloseWithError(err) // never fails; nil is the end
		done <- result{c, err}
	}()
	size, err := sealer.Seal(r, out.chunk)
	_ = r.CloseWithError(err) // ends the archive if it still runs
	cancel()
	made := <-done
	if err == nil {
		err = made.err
	}
	return made.contents, size, err
}
