package content

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// sweptAtOnce is how many chunks one question to the ledger is about.
const sweptAtOnce = 256

// Sweep says what may go.
type Sweep struct {
	// Before spares every chunk that was kept, or kept again, at or after it:
	// what is on its way is not referred to yet.
	Before time.Time
	// Spare tells, in the order asked, which chunks must stay because somebody
	// refers to them. An error ends the sweep. It is asked again under the lock
	// right before a chunk goes.
	Spare func(addresses []crypto.Digest) ([]bool, error)
	// Pace, if not nil, is called after each chunk looked at and may wait.
	Pace func(Info)
}

// SweepReport says what a sweep did.
type SweepReport struct {
	Looked int   // chunks
	Swept  int   // of them: those that went
	Bytes  int64 // that are free again
}

// Sweep deletes the chunks that nobody refers to and that were there before a
// time. It ends with ctx, or when the ledger or the disk cannot be read.
//
// Between the last look at the ledger and the deletion the store takes nothing
// that is there already (see Put), so a chunk that is kept again meanwhile is
// either spared or written anew.
func (l *Local) Sweep(ctx context.Context, s Sweep) (out SweepReport, err error) {
	var batch []Info
	flush := func() error {
		err := l.sweepSome(ctx, s, batch, &out)
		batch = batch[:0]
		return err
	}
	err = l.Walk(ctx, func(i Info) error {
		out.Looked++
		if old, err := l.older(i.Address, s.Before); err != nil || !old {
			return err
		}
		if batch = append(batch, i); len(batch) < sweptAtOnce {
			return nil
		}
		return flush()
	})
	return out, errors.Join(err, flush())
}

func (l *Local) sweepSome(ctx context.Context, s Sweep, batch []Info, out *SweepReport) error {
	if len(batch) == 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	addresses := make([]crypto.Digest, len(batch))
	for i := range batch {
		addresses[i] = batch[i].Address
	}
	spared, err := s.Spare(addresses)
	if err != nil {
		return err
	}
	for i, info := range batch {
		if !spared[i] {
			gone, err := l.sweepOne(info.Address, s)
			if err != nil {
				return err
			}
			if gone {
				out.Swept++
				out.Bytes += info.Size
			}
		}
		if s.Pace != nil {
			s.Pace(info)
		}
	}
	return nil
}

// sweepOne looks once more, alone, and deletes.
func (l *Local) sweepOne(a crypto.Digest, s Sweep) (gone bool, err error) {
	l.sweeping.Lock()
	defer l.sweeping.Unlock()
	if old, err := l.older(a, s.Before); err != nil || !old {
		return false, err
	}
	spared, err := s.Spare([]crypto.Digest{a})
	if err != nil || spared[0] {
		return false, err
	}
	return true, l.ioError(os.Remove(l.path(a)))
}

// older reports whether a chunk is there and was last kept before a time.
func (l *Local) older(a crypto.Digest, before time.Time) (bool, error) {
	info, err := os.Lstat(l.path(a))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, l.ioError(err)
	}
	return info.ModTime().Before(before), nil
}

// again answers for a chunk that is there already, and marks it as kept now, so
// that a sweep spares it.
func (l *Local) again(path string, address crypto.Digest) (bool, error) {
	l.sweeping.RLock()
	defer l.sweeping.RUnlock()
	stored, err := os.ReadFile(path)
	if err != nil || l.opts.Hash(stored) != address {
		return false, nil
	}
	now := time.Now()
	return true, os.Chtimes(path, now, now)
}
