package content

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Confirm returns the proofs of a majority of the voters that each has all of
// the chunks. A voter that lacks some is sent them from here, so it also ends
// an upload that was interrupted. Code Unavailable when no majority has them.
func (r *Replicated) Confirm(ctx context.Context, addresses []crypto.Digest) ([]exchange.Stored, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := r.Configuration()
	type answer struct {
		proof exchange.Stored
		err   error
	}
	answers := make(chan answer, len(c.Voters))
	for _, v := range c.Voters {
		go func() {
			store, err := r.complete(ctx, v, addresses)
			answers <- answer{exchange.Stored{Replica: v, Store: store, Configuration: c.Index}, err}
		}()
	}
	quorum := len(c.Voters)/2 + 1
	var proofs []exchange.Stored
	var errs []error
	for range c.Voters {
		a := <-answers
		if a.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", a.proof.Replica, a.err))
			continue
		}
		if proofs = append(proofs, a.proof); len(proofs) >= quorum {
			return proofs, nil
		}
	}
	return nil, noMajority(quorum, errs)
}

// complete makes a voter have all of the chunks and returns its store.
func (r *Replicated) complete(ctx context.Context, v exchange.Replica, addresses []crypto.Digest) ([16]byte, error) {
	if v == r.Self {
		missing, err := r.Fetch(ctx, addresses)
		if err == nil && len(missing) > 0 {
			err = exchange.Errorf(exchange.NotFound, opReplicated, "%d chunks are missing here", len(missing))
		}
		return r.Local.ID(), err
	}
	p, err := r.peer(v)
	if err != nil {
		return [16]byte{}, err
	}
	store, stored, err := p.Has(ctx, addresses)
	if err != nil {
		return store, err
	}
	for i, a := range addresses {
		if stored[i] {
			continue
		}
		data, err := r.Get(ctx, a)
		if err != nil {
			return store, err
		}
		if at, err := putRetrying(ctx, p, Chunk{a, data}); err != nil || at != store {
			return store, fmt.Errorf("sending chunk %s: %w", a.Short(), err)
		}
	}
	return store, nil
}

func (r *Replicated) peer(v exchange.Replica) (Peer, error) {
	for _, p := range r.Peers() {
		if p.Replica() == v {
			return p, nil
		}
	}
	return nil, exchange.Errorf(exchange.Unavailable, opReplicated, "the address of %s is unknown", v)
}

// Fetch gets the chunks that are missing here from peers, a few at a time, and
// returns those that it could not get. A replica is not promoted while any are
// missing. The error is of the local store or of ctx.
func (r *Replicated) Fetch(ctx context.Context, addresses []crypto.Digest) (missing []crypto.Digest, err error) {
	stored, err := r.Local.Has(ctx, addresses)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, window)
	for i, a := range addresses {
		if stored[i] {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if !r.fetched(ctx, a) {
				mu.Lock()
				defer mu.Unlock()
				missing = append(missing, a)
			}
		})
	}
	wg.Wait()
	return missing, ctx.Err()
}

// fetched reads a chunk through Get, which keeps it here, and looks.
func (r *Replicated) fetched(ctx context.Context, a crypto.Digest) bool {
	if _, err := r.Get(ctx, a); err != nil {
		r.log().Debug("chunk could not be fetched", slog.String("chunk", a.Short()), slog.Any("error", err))
		return false
	}
	stored, err := r.Local.Has(ctx, []crypto.Digest{a})
	return err == nil && stored[0]
}

// ScrubReport says what Scrub found.
type ScrubReport struct {
	Chunks int
	Bytes  int64
	Mended []crypto.Digest // were damaged and are whole again
	Lost   []crypto.Digest // are damaged, and no peer has them
}

// Scrub reads every chunk stored here and mends the damaged from peers. It
// ends with ctx, or when the local store fails. pace, if not nil, is called
// after each chunk and may wait.
func (r *Replicated) Scrub(ctx context.Context, pace func(Info)) (ScrubReport, error) {
	var out ScrubReport
	err := r.Local.Walk(ctx, func(i Info) error {
		out.Chunks++
		out.Bytes += i.Size
		_, err := r.Local.Get(ctx, i.Address)
		switch exchange.CodeOf(err) {
		case "", exchange.NotFound: // deleted meanwhile
		case exchange.Corrupt:
			r.judge(ctx, i.Address, &out)
		default:
			return err
		}
		if pace != nil {
			pace(i)
		}
		return ctx.Err()
	})
	return out, err
}

func (r *Replicated) judge(ctx context.Context, a crypto.Digest, out *ScrubReport) {
	_, err := r.Get(ctx, a)
	if err == nil {
		_, err = r.Local.Get(ctx, a)
	}
	if err == nil {
		out.Mended = append(out.Mended, a)
		return
	}
	out.Lost = append(out.Lost, a)
}
