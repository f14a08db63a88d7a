package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/member"
	"github.com/yizhan-exchange/yizhan/node/store"
)

const opGuard = "node.guard"

// divergedFile, in the directory of a domain, says that its state here is wrong.
const divergedFile = "diverged"

// guard is what the others say about this replica: that its clock is off, or
// that its state contradicts theirs.
type guard struct {
	off      atomic.Int64 // milliseconds that the clock is ahead; 0 while within MaxSkew
	diverged atomic.Pointer[error]
	time     atomic.Int64 // of the ledger, as applied here
	tardy    atomic.Bool  // it was said that the ledger is too far behind

	// Of the loop only: what the others are asked about next, after which entry
	// those that answered agreed, and at which an alarm was raised.
	compared        store.Head
	agreed, alarmed uint64
}

// refuses returns why no unit may be answered from here, nil when it may.
func (g *guard) refuses() error {
	if why := g.diverged.Load(); why != nil {
		return exchange.Errorf(exchange.Unavailable, opGuard, "this replica answers nothing any more: %w", *why)
	}
	return nil
}

// wrongClock returns why this replica neither leads nor signs, nil when it may.
func (g *guard) wrongClock() error {
	off := time.Duration(g.off.Load()) * time.Millisecond
	if off == 0 {
		return nil
	}
	way := "ahead of"
	if off < 0 {
		way = "behind"
	}
	return exchange.Errorf(exchange.Unavailable, opGuard, "the clock of this replica is %s %s those of the others, and %s is the limit: set it right (chronyc makestep)", off.Abs().Round(time.Millisecond), way, member.MaxSkew)
}

// watchOthers compares clock and state with what was seen of the others, and
// gives up leadership, or this replica, when they are wrong here.
func (h *hosted) watchOthers(seen map[exchange.Replica]member.Seen) {
	h.judgeClock(seen)
	h.judgeState()
	if err := h.guard.wrongClock(); err != nil && h.group.IsLeader() {
		h.yield(err)
	}
}

// judgeClock notes how far the clock is off, and says so when that changes.
func (h *hosted) judgeClock(seen map[exchange.Replica]member.Seen) {
	off, known := member.Off(h.standing(), seen)
	if off.Abs() <= member.MaxSkew || !known {
		off = 0
	}
	switch before := h.guard.off.Swap(off.Milliseconds()); {
	case off != 0 && before == 0:
		h.node.log.Error("this replica neither leads nor takes anything from units", "domain", h.config.Domain, "err", h.guard.wrongClock())
	case off == 0 && before != 0:
		h.node.log.Info("the clock agrees with those of the others again", "domain", h.config.Domain)
	}
}

// mayServe is asked before a new leader is announced. One whose clock is off
// hands over instead.
func (h *hosted) mayServe(ctx context.Context) error {
	h.judgeClock(h.survey(ctx, h.company()))
	return h.guard.wrongClock()
}

// yield hands leadership over.
func (h *hosted) yield(why error) {
	ctx, cancel := context.WithTimeout(h.node.ctx, handOverTimeout)
	defer cancel()
	err := h.group.TransferLeadership(ctx, "")
	h.node.log.Warn("handing leadership over", "domain", h.config.Domain, "because", why, "err", err)
}

// judgeState asks the others for their digests after an entry that was applied
// here at the last look, so that they have applied it, too.
func (h *hosted) judgeState() {
	if h.guard.diverged.Load() != nil {
		return
	}
	about := h.guard.compared
	now, err := h.store.Head()
	if err != nil {
		return // closed
	}
	h.guard.compared = now
	if about.Index == 0 || about.Index == h.guard.agreed {
		return
	}
	c := member.Compare(about.Digest, h.members(), h.config.Replica, h.digestsAt(about.Index))
	if c.Differ == 0 && c.Agree > 0 {
		h.guard.agreed = about.Index
	}
	switch {
	case c.Majority:
		h.diverge(&store.StoppedError{Index: about.Index, Cause: fmt.Errorf(
			"its state differs from that of %d other replicas, which agree: replace it (stop the node, remove %s, then yizhan cluster remove and join)",
			c.Differ, h.node.dir(h.config, ""))})
	case c.Differ > 0 && c.Agree == 0 && h.guard.alarmed == 0:
		h.guard.alarmed = about.Index
		h.node.log.Error("replicas contradict each other and no majority says which is right: run yizhan cluster check --online", "domain", h.config.Domain, "index", about.Index)
	}
}

// digestsAt asks all other replicas at once.
func (h *hosted) digestsAt(index uint64) map[exchange.Replica]crypto.Digest {
	ctx, cancel := context.WithTimeout(h.node.ctx, askTimeout)
	defer cancel()
	out := map[exchange.Replica]crypto.Digest{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, r := range h.company() {
		wg.Go(func() {
			c, err := h.peers.Client(r)
			if err != nil {
				return
			}
			if d, known, err := c.DigestAt(ctx, index); err == nil && known {
				mu.Lock()
				defer mu.Unlock()
				out[r] = d
			}
		})
	}
	wg.Wait()
	return out
}

// diverge ends this replica's part for good: nobody is answered from here, a
// leader hands over, the group stops, and a restart does not begin again.
func (h *hosted) diverge(why error) {
	h.guard.diverged.Store(&why)
	if err := os.WriteFile(h.node.dir(h.config, divergedFile), []byte(why.Error()+"\n"), 0o600); err != nil {
		h.node.log.Error("it cannot be noted that this replica diverged; do not start it again", "domain", h.config.Domain, "err", err)
	}
	if h.group.IsLeader() {
		h.yield(why)
	}
	h.group.Stop(why)
}

// loadDiverged stops a replica that was found to have diverged before.
func (h *hosted) loadDiverged() error {
	b, err := os.ReadFile(filepath.Join(h.node.dir(h.config, ""), divergedFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	why := errors.New(strings.TrimSpace(string(b)))
	h.guard.diverged.Store(&why)
	h.group.Stop(why)
	return nil
}

// signing is the clock of what is signed: never before the ledger's time, lest a
// statement of this replica be older than what it follows.
func (h *hosted) signing() exchange.Time {
	return max(h.node.options.Clock(), exchange.Time(h.guard.time.Load()))
}

// followTime keeps the ledger's time at hand.
func (h *hosted) followTime() error {
	for {
		changed := h.store.Watch()
		if err := h.noteTime(); err != nil {
			return nil // the store is closed
		}
		select {
		case <-changed:
		case <-h.node.ctx.Done():
			return nil
		}
	}
}

func (h *hosted) noteTime() error {
	return h.store.View(func(r ledger.Reader) error {
		h.guard.time.Store(int64(ledger.TimeOf(r)))
		return nil
	})
}

// admitTime refuses a command of a proposer whose clock is ahead of this
// leader's, if it would move the time of the ledger. Where that is ahead
// already, because a clock was fast and has been set right, whoever proposes
// names the ledger's time, and the domain goes on.
func (h *hosted) admitTime(command []byte) error {
	at, ok := ledger.ProposedTime(command)
	ahead := time.Duration(at-h.node.options.Clock()) * time.Millisecond
	if !ok || ahead <= member.MaxSkew || at <= exchange.Time(h.guard.time.Load()) {
		return nil
	}
	return exchange.Errorf(exchange.Unavailable, opGuard, "the clock of the replica that proposes this is %s ahead of the leader's, and %s is the limit: set it right", ahead.Round(time.Millisecond), member.MaxSkew)
}
