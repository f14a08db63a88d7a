package raftnode

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/yizhan-exchange/yizhan/exchange"
)

const enqueueTimeout = 5 * time.Second

// Leadership says whether this replica leads, and under which term. It is true
// only once everything that earlier leaders committed has been applied here.
type Leadership struct {
	Leader bool
	Term   uint64
}

// leadership holds the current value and who wants to hear of changes.
type leadership struct {
	mu       sync.Mutex
	now      Leadership
	watchers map[chan Leadership]bool
}

func (l *leadership) init() { l.watchers = map[chan Leadership]bool{} }

func (l *leadership) current() Leadership {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// publish sets the value unless ctx has ended, which means that a later change
// overtook it. It never blocks: a watcher that is behind gets the newest only.
func (l *leadership) publish(ctx context.Context, v Leadership) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	l.now = v
	for ch := range l.watchers {
		select {
		case <-ch:
		default:
		}
		ch <- v // buffered by one, and only this code sends
	}
	return true
}

// Leadership returns a channel that has the present value and then every
// change; a slow receiver sees only the newest. A new term is a new
// leadership, also without a false between. Call stop when done.
func (g *Group) Leadership() (changes <-chan Leadership, stop func()) {
	ch := make(chan Leadership, 1)
	l := &g.leadership
	l.mu.Lock()
	defer l.mu.Unlock()
	ch <- l.now
	l.watchers[ch] = true
	return ch, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.watchers, ch)
	}
}

// WhileLeader calls fn each time this replica has come to lead, with a context
// that ends with the leadership, and waits for fn before it calls it again. It
// returns when ctx ends or the group does.
func (g *Group) WhileLeader(ctx context.Context, fn func(ctx context.Context, term uint64)) {
	changes, stop := g.Leadership()
	defer stop()
	end := func() {}
	defer func() { end() }()
	for running := (Leadership{}); ; {
		select {
		case v := <-changes:
			if v == running {
				continue
			}
			end()
			end, running = func() {}, v
			if v.Leader {
				end = spawn(ctx, func(ctx context.Context) { fn(ctx, v.Term) })
			}
		case <-g.ending:
			return
		case <-ctx.Done():
			return
		}
	}
}

// spawn runs fn and returns what ends it and waits for it.
func spawn(ctx context.Context, fn func(context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// followLeadership drains Raft's notifications, which would block it
// otherwise, and never waits for anything itself.
func (g *Group) followLeadership() {
	cancel := func() {}
	for {
		select {
		case leads := <-g.notify:
			cancel()
			g.leadership.publish(context.Background(), Leadership{})
			if leads {
				cancel = g.beginTakeOver()
			}
		case <-g.ending:
			cancel()
			g.leadership.publish(context.Background(), Leadership{})
			g.drain()
			return
		}
	}
}

// beginTakeOver returns what ends it.
func (g *Group) beginTakeOver() (cancel func()) {
	ctx, cancel := context.WithCancel(context.Background())
	go g.takeOver(ctx)
	return cancel
}

// drain keeps Raft from blocking on a notification while it shuts down.
func (g *Group) drain() {
	go func() {
		for {
			select {
			case <-g.notify:
			case <-g.ended:
				return
			}
		}
	}()
}

// takeOver commits one entry without commands and waits until it is applied:
// then everything before is, too. This happens once for each term, instead of
// a barrier for each request.
func (g *Group) takeOver(ctx context.Context) {
	for ctx.Err() == nil {
		f := g.raft.Apply(encodeFrame(nil), enqueueTimeout)
		if err := g.answered(f); err != nil {
			g.log.Warn("new leader could not commit its first entry", slog.Any("error", err))
			select {
			case <-time.After(g.config.CommitTimeout):
			case <-ctx.Done():
			}
			continue
		}
		if a := f.Response().(answer); a.err == nil && !g.skipped(f.Index(), a) && g.mayLead(ctx) && g.fit(ctx) {
			g.leadership.publish(ctx, Leadership{Leader: true, Term: a.term})
		}
		return
	}
}

// mayLead asks the owner of the group. A group whose time is over stops.
func (g *Group) mayLead(ctx context.Context) bool {
	if g.config.MayLead == nil {
		return true
	}
	err := g.config.MayLead(ctx)
	if err != nil && ctx.Err() == nil {
		g.fail(err)
	}
	return err == nil
}

// unfitPause is how often a leader that is not fit looks for another.
const unfitPause = time.Second

// fit hands leadership over while this replica is not fit for it. It returns
// false when ctx ends before it is.
func (g *Group) fit(ctx context.Context) bool {
	for g.config.Fit != nil {
		err := g.config.Fit(ctx)
		if err == nil {
			break
		}
		g.log.Warn("elected, and not fit to lead: handing over", slog.Any("error", err))
		over, cancel := context.WithTimeout(ctx, yieldTimeout)
		_ = g.TransferLeadership(over, "") // tried again
		cancel()
		select {
		case <-time.After(unfitPause):
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

// IsLeader reports whether this replica leads and has caught up. It may have
// been deposed without knowing yet; ReadCurrent and Propose find out.
func (g *Group) IsLeader() bool {
	return g.leadership.current().Leader && g.raft.State() == raft.Leader
}

// Leader returns who leads as far as this replica knows, "" when nobody does.
func (g *Group) Leader() (exchange.Replica, string) {
	address, id := g.raft.LeaderWithID()
	return exchange.Replica(id), string(address)
}

// Term returns the current Raft term.
func (g *Group) Term() uint64 { return g.raft.CurrentTerm() }
