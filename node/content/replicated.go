package content

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

const (
	window       = 4 // chunks of an upload that a majority has not kept yet
	lag          = 8 // chunks that may wait for one replica
	attempts     = 3 // of one chunk to one replica
	firstPause   = 50 * time.Millisecond
	chunkTimeout = 30 * time.Second
	maxDetached  = 32 << 20 // bytes of uploads that finish on slower voters after they returned

	opReplicated = "content.replicated"
)

// Replicated keeps chunks here and on the domain's other replicas. Its fields
// are required, and neither they nor the value may be changed or copied. Methods are safe for concurrent use.
type Replicated struct {
	Self  exchange.Replica
	Local Store
	Hash  Hash
	// Peers returns the other replicas, whether they can be reached or not.
	Peers func() []Peer
	// Configuration returns the membership that proofs are made under.
	Configuration func() ledger.Configuration
	Logger        *slog.Logger // slog.Default when nil

	detached atomic.Int64
}

// Put keeps one chunk on a majority of the voters and returns their proofs.
// Code Unavailable when no majority could be reached.
func (r *Replicated) Put(ctx context.Context, address crypto.Digest, data []byte) ([]exchange.Stored, error) {
	sent := false
	return r.PutAll(ctx, func(context.Context) (Chunk, bool, error) {
		if sent {
			return Chunk{}, false, nil
		}
		sent = true
		return Chunk{address, data}, true, nil
	})
}

// Get returns a chunk from here, or from a peer when it is missing or damaged
// here; then it is mended.
func (r *Replicated) Get(ctx context.Context, address crypto.Digest) ([]byte, error) {
	data, err := r.Local.Get(ctx, address)
	if code := exchange.CodeOf(err); err == nil || code != exchange.NotFound && code != exchange.Corrupt {
		return data, err
	}
	errs := []error{err}
	for _, p := range r.Peers() {
		data, err := r.getFrom(ctx, p, address)
		if err == nil {
			r.mend(ctx, address, data)
			return data, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", p.Replica(), err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, r.nowhere(address, errs)
}

// nowhere tells a chunk that nobody has from one that nobody could be asked
// for.
func (r *Replicated) nowhere(address crypto.Digest, errs []error) error {
	code := exchange.NotFound
	for _, err := range errs {
		if c := exchange.CodeOf(err); c != exchange.NotFound {
			code = c
		}
	}
	if code != exchange.NotFound && code != exchange.Corrupt {
		code = exchange.Unavailable
	}
	return &exchange.Error{
		Code: code, Op: opReplicated, Cause: errors.Join(errs...),
		Message: fmt.Sprintf("chunk %s could not be read from any replica", address.Short()),
	}
}

func (r *Replicated) getFrom(ctx context.Context, p Peer, address crypto.Digest) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, chunkTimeout)
	defer cancel()
	data, err := p.Get(ctx, address)
	if err != nil {
		return nil, err
	}
	return data, verify(r.Hash, opReplicated, address, data)
}

// mend keeps a chunk that was missing here. The reader has it either way.
func (r *Replicated) mend(ctx context.Context, address crypto.Digest, data []byte) {
	if err := r.Local.Put(ctx, address, data); err != nil {
		r.log().Warn("chunk could not be mended", slog.String("chunk", address.Short()), slog.Any("error", err))
	}
}

func (r *Replicated) log() *slog.Logger {
	if r.Logger == nil {
		return slog.Default()
	}
	return r.Logger
}
