package content

import (
	"context"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Next returns the next chunk of an upload, or false after the last. A chunk's
// data must not change afterwards.
type Next func(context.Context) (c Chunk, ok bool, err error)

// PutAll keeps the chunks of one upload and returns the proofs of a majority
// of the voters, each of which has every chunk. Chunks travel to all voters at
// once; the majority sets the pace. A voter that falls lag chunks behind is
// dropped from this upload and fetches what it lacks later; one that is only a
// little slower finishes after PutAll has returned. PutAll ends with
// the first error of next.
func (r *Replicated) PutAll(ctx context.Context, next Next) ([]exchange.Stored, error) {
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	u := r.newUpload(sending)
	all, err := u.offerAll(ctx, next)
	if err != nil {
		cancel()
		return nil, err
	}
	proofs, err := u.finish(ctx)
	if err == nil {
		r.detach(u, cancel)
		return proofs, nil
	}
	cancel()
	if ctx.Err() != nil || exchange.CodeOf(err) == exchange.Exhausted {
		return nil, err // asking once more finds no room either, and hides why
	}
	// Different replicas may have missed different chunks: complete them.
	return r.Confirm(ctx, all)
}

// detach lets voters behind the majority finish, unless too many already do:
// each holds up to lag chunks in memory.
func (r *Replicated) detach(u *upload, cancel func()) {
	held := min(u.bytes, lag*MaxChunk)
	if r.detached.Add(held) > maxDetached {
		r.detached.Add(-held)
		cancel()
		return
	}
	go func() {
		defer r.detached.Add(-held)
		defer cancel()
		timeout := time.After(chunkTimeout)
		for ; u.running > 0; u.running-- {
			select {
			case <-u.results:
			case <-timeout:
				return
			}
		}
	}()
}

// offerAll offers every chunk and returns their addresses.
func (u *upload) offerAll(ctx context.Context, next Next) ([]crypto.Digest, error) {
	var all []crypto.Digest
	for {
		c, ok, err := next(ctx)
		if err != nil || !ok {
			return all, err
		}
		all = append(all, c.Address)
		if err := u.offer(ctx, c); err != nil {
			return nil, err
		}
	}
}

func (r *Replicated) newUpload(ctx context.Context) *upload {
	c := r.Configuration()
	u := &upload{
		quorum: len(c.Voters)/2 + 1, index: c.Index, running: len(c.Voters),
		progress: make(chan struct{}, 1), results: make(chan *target, len(c.Voters)),
	}
	for _, v := range c.Voters {
		t := &target{replica: v, put: r.putter(v), queue: make(chan Chunk, lag), failed: make(chan struct{})}
		u.targets = append(u.targets, t)
		go func() {
			t.run(ctx, u.wake)
			u.results <- t
		}()
	}
	return u
}

// putter returns how to put a chunk on a voter.
func (r *Replicated) putter(v exchange.Replica) func(context.Context, Chunk) ([16]byte, error) {
	if v == r.Self {
		return func(ctx context.Context, c Chunk) ([16]byte, error) {
			return r.Local.ID(), r.Local.Put(ctx, c.Address, c.Data)
		}
	}
	for _, p := range r.Peers() {
		if p.Replica() == v {
			return func(ctx context.Context, c Chunk) ([16]byte, error) {
				return putRetrying(ctx, p, c)
			}
		}
	}
	return func(context.Context, Chunk) ([16]byte, error) {
		return [16]byte{}, exchange.Errorf(exchange.Unavailable, opReplicated, "the address of %s is unknown", v)
	}
}

func putRetrying(ctx context.Context, p Peer, c Chunk) (store [16]byte, err error) {
	pause := firstPause
	for range attempts {
		if store, err = putOnce(ctx, p, c); exchange.CodeOf(err) != exchange.Unavailable {
			return store, err
		}
		select {
		case <-time.After(pause):
			pause *= 2
		case <-ctx.Done():
			return store, err
		}
	}
	return store, err
}

func putOnce(ctx context.Context, p Peer, c Chunk) ([16]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, chunkTimeout)
	defer cancel()
	return p.Put(ctx, c.Address, c.Data)
}
