package raftnode

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hashicorp/raft"
)

// A leader whose disk hangs still sends heartbeats, because Raft writes its log
// in one goroutine and sends in others: nobody else is elected, and nothing is
// committed, for as long as the disk pleases (hashicorp/raft #503, #612, #666).
// So a write that takes longer than Config.Stall silences the replica, and the
// others elect one of theirs. A disk that is merely slow keeps the leader's
// goroutine alive, and leadership is handed over in the ordinary way.
const (
	slowWrites   = 3 // appends in a row that took longer than half of Config.Stall
	slowLook     = 250 * time.Millisecond
	slowCooldown = 30 * time.Second // the others may be no faster
)

var errStalled = errors.New("raftnode: the disk of this replica hangs: it does not speak as leader")

// stalled tells whether the append under way hangs.
func (d *disk) stalled() bool {
	since := d.since.Load()
	return since != 0 && time.Since(time.Unix(0, since)) > d.stall
}

// AppendEntries implements raft.Transport.
func (t *transport) AppendEntries(id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if t.stalled() {
		return errStalled
	}
	return t.NetworkTransport.AppendEntries(id, target, args, resp)
}

// AppendEntriesPipeline implements raft.Transport.
func (t *transport) AppendEntriesPipeline(id raft.ServerID, target raft.ServerAddress) (raft.AppendPipeline, error) {
	if t.stalled() {
		return nil, errStalled
	}
	p, err := t.NetworkTransport.AppendEntriesPipeline(id, target)
	if err != nil {
		return nil, err
	}
	return &pipeline{p, t.stalled}, nil
}

// pipeline is silent while the disk hangs.
type pipeline struct {
	raft.AppendPipeline
	stalled func() bool
}

// AppendEntries implements raft.AppendPipeline.
func (p *pipeline) AppendEntries(args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	if p.stalled() {
		return nil, errStalled
	}
	return p.AppendPipeline.AppendEntries(args, resp)
}

// watchDisk says when the disk hangs, and hands leadership over when it is slow.
func (g *Group) watchDisk() {
	hangs := false
	for wait := slowLook; ; {
		select {
		case <-time.After(wait):
		case <-g.ending:
			return
		}
		if now := g.disk.stalled(); now != hangs {
			hangs = now
			if hangs {
				g.log.Error("the disk hangs: a write to the log takes longer than allowed; this replica is silent until it ends, and others may lead", slog.Duration("allowed", g.disk.stall))
			} else {
				g.log.Info("the disk answers again")
			}
		}
		wait = slowLook
		if g.disk.slow.Load() >= slowWrites && g.IsLeader() {
			g.disk.slow.Store(0)
			wait = slowCooldown
			g.log.Warn("the disk is slow: handing leadership over", slog.Duration("last_write", time.Duration(g.disk.last.Load())))
			ctx, cancel := context.WithTimeout(context.Background(), yieldTimeout)
			if err := g.TransferLeadership(ctx, ""); err != nil {
				g.log.Warn("the disk is slow and nobody else can lead", slog.Any("error", err))
			}
			cancel()
		}
	}
}
