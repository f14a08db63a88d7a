package raftnode

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// keptLog is the log as Raft sees it, below Raft's cache of new entries. It
// keeps what a replica that is being sent the state will need next.
//
// It does not say that it is monotonic: Raft would then remove the whole log
// after each snapshot received, but remember its last index, and take no entry
// up to that (see snapshots.forget).
type keptLog struct {
	raft.LogStore
	holds holds
}

// GetLog implements raft.LogStore. Of the entry that a state under way ends with
// it knows the term, also where the log begins after it: the leader asks for that
// before it sends what comes next, and would else send the state again. Nobody is
// sent this entry, because the one before it is not here.
func (l *keptLog) GetLog(index uint64, entry *raft.Log) error {
	err := l.LogStore.GetLog(index, entry)
	if err == raft.ErrLogNotFound {
		if term, ok := l.holds.termAt(index); ok {
			*entry = raft.Log{Index: index, Term: term, Type: raft.LogNoop}
			return nil
		}
	}
	return err
}

// StoreLog implements raft.LogStore.
func (l *keptLog) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

// StoreLogs implements raft.LogStore.
func (l *keptLog) StoreLogs(entries []*raft.Log) error {
	size := 0
	for _, e := range entries {
		size += len(e.Data)
	}
	l.holds.appended.Add(int64(size))
	return l.LogStore.StoreLogs(entries)
}

// DeleteRange implements raft.LogStore. Raft cuts the head when it has made a
// snapshot, and the tail when a leader contradicts it; only the head is kept
// back.
func (l *keptLog) DeleteRange(from, to uint64) error {
	last, err := l.LastIndex()
	if err != nil || last == 0 {
		return err // nothing is there
	}
	if to < last {
		to = min(to, l.holds.limit())
	}
	if from > to {
		return nil
	}
	return l.LogStore.DeleteRange(from, to)
}

// defaultLinger is how long at least the log stays after a state was sent: its
// receiver still has to read what was committed meanwhile.
const defaultLinger = time.Minute

// maxHeld bounds what is appended while the log is kept for somebody.
const maxHeld = 2 << 30

// holds are the states under way to other replicas, each with the index that
// the receiver's log goes on from. Without them the log would be cut during a
// long transfer, and the receiver would need the next state at once, for ever.
type holds struct {
	appended atomic.Int64 // bytes of entries, ever
	most     int64        // bytes that may be appended under one hold
	linger   time.Duration
	full     func() bool // the disk has no room: nothing is held then
	log      *slog.Logger

	mu  sync.Mutex // guards all
	all map[*hold]bool
}

// hold keeps the log from an index on.
type hold struct {
	index, term uint64
	begun       time.Time
	from        int64     // holds.appended when it began
	until       time.Time // zero: until released
}

// termAt returns the term of the entry that a hold begins with.
func (h *holds) termAt(index uint64) (term uint64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for k := range h.all {
		if k.index == index {
			return k.term, true
		}
	}
	return 0, false
}

// take begins a hold.
func (h *holds) take(index, term uint64) *hold {
	k := &hold{index: index, term: term, begun: time.Now(), from: h.appended.Load()}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.all == nil {
		h.all = map[*hold]bool{}
	}
	h.all[k] = true
	return k
}

// release ends a hold: at once when the transfer failed, for the next begins
// from a later state, and else when the receiver has had as long to catch up
// as the transfer took.
func (h *holds) release(k *hold, sent bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !sent {
		delete(h.all, k)
		return
	}
	k.until = time.Now().Add(max(h.linger, time.Since(k.begun)))
}

// drop ends all holds: this replica was sent the state itself.
func (h *holds) drop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.all)
}

// limit returns up to where the log may be cut.
func (h *holds) limit() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	limit := ^uint64(0)
	for k := range h.all {
		switch {
		case !k.until.IsZero() && time.Now().After(k.until):
			delete(h.all, k)
		case h.appended.Load()-k.from > h.most || h.full():
			h.log.Warn("the log is not kept any longer for a replica that is being sent the state: the transfer is too slow for what is committed meanwhile, and will have to begin again; raise limits.catch_up or find out what slows it",
				slog.Uint64("index", k.index), slog.Duration("since", time.Since(k.begun)))
			delete(h.all, k)
		default:
			limit = min(limit, k.index-1) // the entry itself says its term to the leader
		}
	}
	return limit
}
