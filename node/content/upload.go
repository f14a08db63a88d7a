package content

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// upload sends chunks to the voters of one configuration.
type upload struct {
	targets  []*target
	quorum   int
	index    uint64 // of the configuration
	progress chan struct{}
	results  chan *target
	running  int // targets that have not been read from results
	offered  int // chunks
	bytes    int64
}

// target is one voter. Fields below queue belong to its goroutine until it
// has sent itself on results.
type target struct {
	replica exchange.Replica
	put     func(context.Context, Chunk) ([16]byte, error)
	queue   chan Chunk
	failed  chan struct{} // closed at the first failure
	kept    atomic.Int64  // chunks
	missed  bool          // a chunk was not offered to it; the uploader's field

	store [16]byte
	err   error
}

// run puts chunks until the queue is closed or one fails.
func (t *target) run(ctx context.Context, wake func()) {
	for {
		select {
		case c, ok := <-t.queue:
			if !ok {
				return
			}
			if t.err = t.keep(ctx, c); t.err != nil {
				close(t.failed)
				wake()
				return
			}
			t.kept.Add(1)
			wake()
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

// offer waits until a majority is less than window chunks behind, and then
// gives the chunk to every voter. One that has lag chunks waiting is out.
func (u *upload) offer(ctx context.Context, c Chunk) error {
	for {
		kept, enough := u.majorityKept()
		if !enough {
			return u.shortfall()
		}
		if u.offered-kept < window {
			break
		}
		select {
		case <-u.progress:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	u.offered++
	u.bytes += int64(len(c.Data))
	for _, t := range u.targets {
		t.missed = t.missed || !t.offer(c)
	}
	return nil
}

// majorityKept returns how many chunks each of the fastest majority has kept,
// false when fewer voters than a majority are left.
func (u *upload) majorityKept() (int, bool) {
	var kept []int
	for _, t := range u.targets {
		if t.alive() {
			kept = append(kept, int(t.kept.Load()))
		}
	}
	if len(kept) < u.quorum {
		return 0, false
	}
	slices.Sort(kept)
	return kept[len(kept)-u.quorum], true
}

// offer gives the chunk to a voter that is alive and has room for it.
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
