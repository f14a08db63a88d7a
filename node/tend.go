package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/pipeline"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/content"
)

const (
	tendFirst = 10 * time.Minute // after the start, when it has other things to do
	tendEvery = 24 * time.Hour   // from the beginning of one round to that of the next
	// sweepGrace spares chunks that were kept lately: those of an upload, which
	// lasts a day at most, and those of a command that is on its way here. It must
	// stay well above ledger.MostUpload.
	sweepGrace = 7 * ledger.MostUpload
	leaseLife  = ledger.MostUpload
)

// tending looks after the content that is stored here: what nobody refers to
// goes, and everything else is read again, slowly, and mended from the other
// replicas.
type tending struct {
	h    *hosted
	mu   sync.Mutex
	seen exchange.ContentStatus
}

// run goes round until the node closes or the group ends.
func (t *tending) run() error {
	for pause := tendFirst; ; {
		select {
		case <-time.After(pause):
		case <-t.h.group.Done():
			return nil
		case <-t.h.node.ctx.Done():
			return nil
		}
		begun := time.Now()
		t.round(t.h.node.ctx)
		pause = max(tendEvery-time.Since(begun), tendFirst)
	}
}

// round sweeps, then scrubs. What fails is tried again in the next round.
func (t *tending) round(ctx context.Context) {
	log := t.h.node.log.With("domain", t.h.config.Domain)
	if err := t.sweep(ctx); err != nil && ctx.Err() == nil {
		log.Warn("content that nobody refers to could not be swept", "err", err)
	}
	if err := t.scrub(ctx); err != nil && ctx.Err() == nil {
		log.Warn("content could not be read again to the end", "err", err)
	}
}

// sweep deletes chunks that nobody refers to. It first waits until everything
// that is committed is applied here, so that no reference is overlooked.
func (t *tending) sweep(ctx context.Context) error {
	if err := t.h.domain.Log.Current(ctx); err != nil {
		return err
	}
	before := time.Now().Add(-sweepGrace)
	known := true
	err := t.h.store.View(func(r ledger.Reader) error {
		_, known = ledger.Referred(r, nil)
		if soonest := ledger.Leases(r); soonest != 0 { // an upload that is alive began before its lease ends
			if began := soonest.Std().Add(-leaseLife - sweepGrace); began.Before(before) {
				before = began
			}
		}
		return nil
	})
	if err != nil || !known {
		return err
	}
	report, err := t.h.local.Sweep(ctx, content.Sweep{Before: before, Spare: t.spare, Pace: t.pace(ctx)})
	t.note(func(s *exchange.ContentStatus) {
		s.Swept += uint64(report.Swept)
		s.SweptBytes += uint64(report.Bytes)
	})
	if report.Swept > 0 {
		t.h.node.log.Info("content that nobody refers to was deleted", "domain", t.h.config.Domain, "chunks", report.Swept, "bytes", report.Bytes)
	}
	return err
}

var errNoReferences = errors.New("the ledger does not say what its chunks are kept for")

// spare tells which chunks somebody refers to.
func (t *tending) spare(addresses []crypto.Digest) (spared []bool, err error) {
	err = t.h.store.View(func(r ledger.Reader) error {
		var ok bool
		if spared, ok = ledger.Referred(r, addresses); !ok {
			return errNoReferences
		}
		return nil
	})
	return spared, err
}

// scrub reads every chunk again and mends the damaged from other replicas. One
// that nobody has whole is an alarm.
func (t *tending) scrub(ctx context.Context) error {
	report, err := t.h.content.Scrub(ctx, t.pace(ctx))
	log := t.h.node.log.With("domain", t.h.config.Domain)
	for _, a := range report.Mended {
		log.Warn("a damaged chunk was mended from another replica", "chunk", a.Short())
	}
	for _, a := range report.Lost {
		log.Error("a chunk is damaged here and no other replica has it whole; restore it from a backup", "chunk", a.Short())
	}
	t.note(func(s *exchange.ContentStatus) {
		s.Read += uint64(report.Chunks)
		s.Mended += uint64(len(report.Mended))
		s.Lost = uint64(len(report.Lost))
		if err == nil {
			s.Rounds++
			s.At = t.h.node.options.Clock()
		}
	})
	return err
}

// pace lets so many bytes pass in a second.
func (t *tending) pace(ctx context.Context) func(content.Info) {
	rate := int64(t.h.config.Limits.Scrub)
	return func(i content.Info) {
		wait := time.Duration(max(i.Size, 4096) * int64(time.Second) / max(rate, 1))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
}

func (t *tending) note(change func(*exchange.ContentStatus)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.seen)
}

// status is what was found since the node started.
func (t *tending) status() exchange.ContentStatus {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen
}

func retention(k *config.Retention) pipeline.Retention {
	return pipeline.Retention{Documents: k.Documents.Std(), Cases: k.Cases.Std(), Others: k.Others.Std(), Duplicates: k.Duplicates.Std()}
}
