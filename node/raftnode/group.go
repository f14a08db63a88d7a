// Package raftnode runs one replica of one domain's Raft group: the log, the
// transport, snapshots by reference, and a thin adapter to the store. Commands
// that arrive together share a log entry. A state machine that cannot go on
// stops its group and never the process. DESIGN.md has the reasons.
package raftnode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// Group is one replica of one domain. All methods are safe for concurrent use.
type Group struct {
	config    Config
	log       *slog.Logger
	raft      *raft.Raft
	disk      *disk
	kept      *keptLog
	transport *transport
	full      shortage
	snapshots *snapshots
	store     *store.Store

	queue       chan *proposal
	queuedBytes atomic.Int64
	flight      flight
	reads       readGate
	leadership  leadership
	notify      chan bool

	// ending is closed when the group begins to end, by Close or by a failure;
	// ended when everything of it is closed.
	ending, ended chan struct{}
	silent        chan struct{} // closed when Raft answers no more futures
	endOnce       sync.Once
	mu            sync.Mutex // guards failure and closeErr
	failure       error
	closeErr      error
	workers       sync.WaitGroup
}

// Start opens or creates the replica in c.Dir and runs it. The group owns
// c.Stream from then on, also when Start fails, and never closes c.Store.
func Start(c Config) (*Group, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	c.setDefaults()
	g := &Group{
		config: c, store: c.Store,
		log:   c.Logger.With(slog.String("domain", string(c.Domain)), slog.String("replica", string(c.Replica))),
		queue: make(chan *proposal, maxQueue), notify: make(chan bool, 8),
		ending: make(chan struct{}), ended: make(chan struct{}), silent: make(chan struct{}),
	}
	g.full = shortage{ending: g.ending, log: g.log, handOver: g.yield}
	g.leadership.init()
	if err := g.open(); err != nil {
		return nil, fmt.Errorf("raftnode: starting %s of %s: %w", c.Replica, c.Domain, err)
	}
	g.workers.Go(g.followLeadership)
	g.workers.Go(g.collect)
	g.workers.Go(g.watchStore)
	g.workers.Go(g.scrub)
	g.workers.Go(g.watchDisk)
	go g.teardown()
	return g, nil
}

// open brings up disk, snapshots, transport and Raft, in this order, and takes
// down what it has when one fails.
func (g *Group) open() (err error) {
	logger := newBridge(g.log)
	if g.disk, err = openDisk(g.config.Dir, g.config.segment, &g.full, g.fail); err != nil {
		return errors.Join(err, g.config.Stream.Close())
	}
	g.disk.stall = g.config.Stall
	if g.snapshots, err = openSnapshots(g.config.Dir, g.store); err != nil {
		return errors.Join(err, g.config.Stream.Close(), g.disk.Close())
	}
	t := g.newTransport(logger)
	g.transport = t
	defer func() {
		if err != nil {
			err = errors.Join(err, t.Close(), g.disk.Close())
		}
	}()
	g.kept = &keptLog{LogStore: g.disk, holds: holds{most: g.config.heldLog, linger: g.config.linger, full: g.full.on.Load, log: g.log}}
	log, err := newCachedLog(logCache, g.kept)
	if err != nil {
		return err
	}
	g.snapshots.log, g.snapshots.holds = log, &g.kept.holds
	conf := g.raftConfig()
	if err := g.prepare(conf, log, t); err != nil {
		return err
	}
	g.raft, err = g.newRaft(conf, log, t)
	return err
}

// newRaft turns the panic of Raft on a log that cannot be read into an error.
func (g *Group) newRaft(conf *raft.Config, log raft.LogStore, t raft.Transport) (r *raft.Raft, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("starting Raft: %v", p)
		}
	}()
	m := &machine{store: g.store, applier: g.config.Applier, full: &g.full, stop: g.fail}
	r, err = raft.NewRaft(conf, m, log, g.disk, g.snapshots, t)
	g.disk.running.Store(err == nil)
	return r, err
}

func (g *Group) raftConfig() *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(g.config.Replica)
	c.HeartbeatTimeout = g.config.Heartbeat
	c.ElectionTimeout = g.config.Heartbeat
	c.LeaderLeaseTimeout = g.config.Heartbeat / 2
	c.CommitTimeout = g.config.CommitTimeout
	c.MaxAppendEntries = maxAppend
	c.SnapshotInterval = g.config.SnapshotInterval
	c.SnapshotThreshold = g.config.SnapshotEntries
	c.TrailingLogs = g.config.TrailingEntries
	c.NotifyCh = g.notify
	c.Logger = newBridge(g.log)
	c.NoLegacyTelemetry = true
	// The store is durable by itself and skips what it has.
	c.NoSnapshotRestoreOnStart = true
	// A replica that replays its own earlier removal must not leave for it.
	c.ShutdownOnRemove = false
	return c
}

// prepare refuses a log and a store that do not belong together, and makes a
// new group when there is neither.
func (g *Group) prepare(conf *raft.Config, log raft.LogStore, t raft.Transport) error {
	exists, err := raft.HasExistingState(log, g.disk, g.snapshots)
	if err != nil {
		return err
	}
	if err := g.mustTakePart(exists); err != nil {
		return err
	}
	applied := g.store.AppliedIndex()
	if !exists && applied > 0 {
		return fmt.Errorf("the ledger is at index %d but there is no Raft log in %s: remove this replica from the domain and join a new one under a fresh name (yizhan cluster prepare)", applied, g.config.Dir)
	}
	if need := g.snapshots.latest().State; applied < need {
		return fmt.Errorf("the ledger is at index %d but its log begins after %d: the ledger was replaced by an older one; remove this replica from the domain and join a new one under a fresh name (yizhan cluster prepare)", applied, need)
	}
	first, err := log.FirstIndex()
	if err != nil {
		return err
	}
	if after := g.snapshots.latest().Index; first > after+1 {
		return fmt.Errorf("the Raft log begins at index %d but its snapshot ends at %d: remove this replica from the domain and join a new one under a fresh name (yizhan cluster prepare)", first, after)
	}
	if m := g.snapshots.latest(); m.Index > 0 {
		if err := g.snapshots.forget(m); err != nil { // a crash came between
			return err
		}
	}
	if exists || len(g.config.Bootstrap) == 0 {
		return nil
	}
	return raft.BootstrapCluster(conf, log, g.disk, g.snapshots, t, voters(g.config.Bootstrap))
}

// ErrWiped reports a replica that took part in its domain and has lost its log.
var ErrWiped = errors.New("this replica took part in its domain before, and its log is gone")

// mustTakePart refuses a replica whose log is gone, and notes that one takes
// part before it does.
func (g *Group) mustTakePart(exists bool) error {
	switch {
	case !exists && g.config.TookPart:
		return fmt.Errorf("%w from %s: under its old name it would forget what it promised. Remove it (yizhan cluster remove %s), and join a new replica under a fresh name (yizhan cluster prepare)",
			ErrWiped, g.config.Dir, g.config.Replica)
	case g.config.TakePart == nil || !exists && len(g.config.Bootstrap) == 0:
		return nil
	}
	if err := g.config.TakePart(); err != nil {
		return fmt.Errorf("noting that this replica takes part: %w", err)
	}
	return nil
}

func voters(servers []Server) raft.Configuration {
	var out raft.Configuration
	for _, s := range servers {
		out.Servers = append(out.Servers, raft.Server{
			Suffrage: raft.Voter, ID: raft.ServerID(s.Replica), Address: raft.ServerAddress(s.Address),
		})
	}
	return out
}

// fail stops the group because going on would make it diverge.
func (g *Group) fail(err error) { g.stop(err, "group stopped: it would diverge from its domain") }

func (g *Group) stop(err error, what string) {
	g.mu.Lock()
	if g.failure == nil {
		g.failure = err
	}
	g.mu.Unlock()
	g.log.Error(what, slog.Any("error", err))
	g.end()
}

func (g *Group) end() { g.endOnce.Do(func() { close(g.ending) }) }

// teardown waits for the end and closes everything, the log last.
func (g *Group) teardown() {
	<-g.ending
	down := g.raft.Shutdown()
	err := errors.Join(g.transport.Close(), down.Error()) // in this order: a state under way would be waited for
	close(g.silent)
	g.workers.Wait()
	err = errors.Join(err, g.disk.Close())
	g.mu.Lock()
	g.closeErr = err
	g.mu.Unlock()
	close(g.ended)
}

// StoppedErr returns why the group stopped by itself, nil while it has not.
// The index is in the message, and in a *store.StoppedError in the chain.
func (g *Group) StoppedErr() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failure
}

// Done is closed when the group has ended, by Close or by itself.
func (g *Group) Done() <-chan struct{} { return g.ended }

// answered waits for a future. Raft leaves some without an answer when it
// shuts down; their outcome is unknown.
func (g *Group) answered(f raft.Future) error {
	done := make(chan error, 1)
	go func() { done <- f.Error() }()
	select {
	case err := <-done:
		return err
	case <-g.silent:
	}
	select {
	case err := <-done:
		return err
	default:
		return raft.ErrRaftShutdown
	}
}

// Close ends this replica's part in the group without handing leadership over;
// see TransferLeadership. It returns early with the error of ctx. The store
// stays open and readable. Closing twice is harmless.
func (g *Group) Close(ctx context.Context) error {
	g.end()
	select {
	case <-g.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closeErr
}
