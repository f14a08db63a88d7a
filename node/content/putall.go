package content

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Next returns the next chunk of an upload, or false after the last. A chunk's
// data must not change afterwards.
type Next func(context.Context) (c Chunk, ok bool, err error)

// PutAll keeps the chunks of one upload and returns the proofs of a majority
// of the voters, each of which has every chunk. Chunks travel to all voters at
// once; the majority sets the pace. A voter that is slower by more than window
// chunks is dropped from this upload and fetches what it lacks later; one that
// is only a little slower finishes after PutAll has returned. PutAll ends with
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
	if ctx.Err() != nil {
		return nil, err
	}
	// Different replicas may have missed different chunks: complete them.
	return r.Confirm(ctx, all)
}

// detach lets voters behind the majority finish, unless too many already do:
// each holds up to window chunks in memory.
func (r *Replicated) detach(u *upload, cancel func()) {
	if r.detached.Add(1) > maxDetached {
		r.detached.Add(-1)
		cancel()
		return
	}
	go func() {
		defer r.detached.Add(-1)
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

// upload sends chunks to the voters of one configuration.
type upload struct {
	targets  []*target
	quorum   int
	index    uint64 // of the configuration
	progress chan struct{}
	results  chan *target
	running  int // targets that have not been read from results
}

// target is one voter. Fields below queue belong to its goroutine until it
// has sent itself on results.
type target struct {
	replica exchange.Replica
	put     func(context.Context, Chunk) ([16]byte, error)
	queue   chan Chunk
	failed  chan struct{} // closed at the first failure
	missed  bool          // a chunk was not offered to it; the uploader's field

	store [16]byte
	err   error
}

func (r *Replicated) newUpload(ctx context.Context) *upload {
	c := r.Configuration()
	u := &upload{
		quorum: len(c.Voters)/2 + 1, index: c.Index, running: len(c.Voters),
		progress: make(chan struct{}, 1), results: make(chan *target, len(c.Voters)),
	}
	for _, v := range c.Voters {
		t := &target{replica: v, put: r.putter(v), queue: make(chan Chunk, window), failed: make(chan struct{})}
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

// run puts chunks until the queue is closed or one fails.
func (t *target) run(ctx context.Context, wake func()) {
	for {
		select {
		case c, ok := <-t.queue:
			wake()
			if !ok {
				return
			}
			if t.err = t.keep(ctx, c); t.err != nil {
				close(t.failed)
				wake()
				return
			}
		case <-ctx.Done():
			t.err = ctx.Err()
			return
		}
	}
}

func (t *target) keep(ctx context.Context, c Chunk) error {
	store, err := t.put(ctx, c)
	if err == nil && t.store != [16]byte{} && t.store != store {
		err = exchange.Errorf(exchange.Unavailable, opReplicated, "%s changed its store during the upload", t.replica)
	}
	t.store = store
	return err
}

func (u *upload) wake() {
	select {
	case u.progress <- struct{}{}:
	default:
	}
}

// offer gives a chunk to every voter that keeps up, and returns once a
// majority took it. A voter that did not take it by then is out.
func (u *upload) offer(ctx context.Context, c Chunk) error {
	given := make([]bool, len(u.targets))
	for {
		took, could := 0, 0
		for i, t := range u.targets {
			given[i] = given[i] || t.offer(c)
			if given[i] {
				took++
			}
			if t.alive() {
				could++
			}
		}
		if took >= u.quorum {
			u.drop(given)
			return nil
		}
		if could < u.quorum {
			return u.shortfall()
		}
		select {
		case <-u.progress:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// offer gives the chunk to a voter that has room for it.
func (t *target) offer(c Chunk) bool {
	if !t.alive() {
		return false
	}
	select {
	case t.queue <- c:
		return true
	default:
		return false
	}
}

func (t *target) alive() bool {
	select {
	case <-t.failed:
		return false
	default:
		return !t.missed
	}
}

func (u *upload) drop(given []bool) {
	for i, t := range u.targets {
		t.missed = t.missed || !given[i]
	}
}

// finish waits until a majority has every chunk.
func (u *upload) finish(ctx context.Context) ([]exchange.Stored, error) {
	for _, t := range u.targets {
		close(t.queue)
	}
	var proofs []exchange.Stored
	var errs []error
	for u.running > 0 {
		select {
		case t := <-u.results:
			u.running--
			if err := t.verdict(); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", t.replica, err))
				continue
			}
			proofs = append(proofs, exchange.Stored{Replica: t.replica, Store: t.store, Configuration: u.index})
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if len(proofs) >= u.quorum {
			return proofs, nil
		}
	}
	return nil, noMajority(u.quorum, errs)
}

var errSlow = exchange.Errorf(exchange.Unavailable, opReplicated, "too slow for this upload")

// verdict says why a voter that has ended does not have every chunk.
func (t *target) verdict() error {
	if t.err == nil && t.missed {
		return errSlow
	}
	return t.err
}

// shortfall collects why too few voters are left.
func (u *upload) shortfall() error {
	var errs []error
	for _, t := range u.targets {
		select {
		case <-t.failed:
			errs = append(errs, fmt.Errorf("%s: %w", t.replica, t.err))
		default:
		}
	}
	return noMajority(u.quorum, errs)
}

// noMajority reports the voters that failed. When each of them says that its
// disk is full, so does the error.
func noMajority(quorum int, errs []error) error {
	code, message := exchange.Unavailable, fmt.Sprintf("content could not be kept on %d replicas", quorum)
	full := len(errs) > 0
	for _, err := range errs {
		full = full && exchange.CodeOf(err) == exchange.Exhausted
	}
	if full {
		code, message = exchange.Exhausted, message+": their disks are full; free space or enlarge them"
	}
	return &exchange.Error{Code: code, Op: opReplicated, Message: message, Cause: errors.Join(errs...)}
}
