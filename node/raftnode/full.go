package raftnode

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/durable"
)

// fullPause is how often a replica whose disk is full looks for room.
const fullPause = 500 * time.Millisecond

const yieldTimeout = 5 * time.Second

// shortage is a disk without room for what the group has to keep. Until there
// is some, nothing can be done that would not diverge; stopping instead would
// need somebody who starts the replica again after having made room.
type shortage struct {
	on       atomic.Bool
	ending   <-chan struct{}
	log      *slog.Logger
	handOver func() // called once for each shortage: others may have room
}

// outlast tries until it does not fail for want of room, or the group ends. A
// try that fails must have kept nothing.
func (s *shortage) outlast(try func() error) error {
	for {
		err := try()
		if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
			s.over()
			return err
		}
		if s.met(err) {
			go s.handOver()
		}
		select {
		case <-time.After(fullPause):
		case <-s.ending:
			return err
		}
	}
}

// met notes that there is no room, and reports whether that is new.
func (s *shortage) met(err error) bool {
	if s.on.Swap(true) {
		return false
	}
	s.log.Error("the disk is full: free space or enlarge it; this replica waits until there is room", slog.Any("error", err))
	return true
}

// over notes that there was room for something.
func (s *shortage) over() {
	if s.on.Load() && s.on.Swap(false) {
		s.log.Info("there is room on the disk again")
	}
}

// refuse tells callers at once, who would otherwise wait for their time limit.
func (s *shortage) refuse(op string) error {
	if !s.on.Load() {
		return nil
	}
	return noRoom(op)
}

// leastRoom is what a replica needs on its disk in order to lead, in bytes.
const leastRoom = 64 << 10

// cramped tells that this replica could not lead for want of room, though it
// has not come to know it by writing.
func (g *Group) cramped() bool {
	free, _, err := durable.Space(g.config.Dir)
	return err == nil && free < leastRoom
}

// yield lets a replica lead that may have room, if there is another.
func (g *Group) yield() {
	ctx, cancel := context.WithTimeout(context.Background(), yieldTimeout)
	defer cancel()
	if err := g.TransferLeadership(ctx, ""); err != nil {
		g.log.Warn("the disk is full and nobody else can lead", slog.Any("error", err))
	}
}

// fullRetry is when a caller may come back: somebody else may lead by then, or
// somebody may have made room.
const fullRetry = 2 * time.Second

// noRoom says that nothing was done.
func noRoom(op string) error {
	return &exchange.Error{Code: exchange.Exhausted, Op: op, RetryAfter: fullRetry,
		Message: "the disk of the replica that leads, or would have to, is full; free space or enlarge it, and try again"}
}
