package raftnode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/raftnode/journal"
)

// roomless is a state machine on a disk that may be full.
type roomless struct {
	counter
	full *atomic.Value // name of the replica
}

func (r roomless) Apply(reader ledger.Reader, index uint64, command []byte) ([]byte, []ledger.Mutation, error) {
	if r.full.Load() == r.name {
		return nil, nil, fmt.Errorf("writing: %w", syscall.ENOSPC)
	}
	return r.counter.Apply(reader, index, command)
}

func TestALeaderWithoutRoomHandsOverAndCatchesUp(t *testing.T) {
	var full atomic.Value
	nodes := newCluster(t, func(c *Config) { c.Applier = roomless{c.Applier.(counter), &full} })
	propose(t, nodes, "before")
	agree(t, nodes)
	victim := leaderOf(t, nodes)
	full.Store(string(victim.name))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := victim.group.Propose(ctx, []byte("stuck")); exchange.CodeOf(err) != exchange.Unknown {
		t.Fatalf("what is committed and waits for room: %v", err)
	}
	propose(t, nodes, "meanwhile") // by whoever takes over
	if err := victim.group.StoppedErr(); err != nil || victim.group.IsLeader() {
		t.Fatalf("the replica whose disk is full leads, or stopped: %v", err)
	}
	full.Store("")
	agree(t, nodes)
	if count(t, victim, "meanwhile") != 1 || count(t, victim, "stuck") != 1 || victim.group.full.on.Load() {
		t.Error("it did not catch up once there was room")
	}
}

func TestALoneReplicaWithoutRoomRefusesAndGoesOnByItself(t *testing.T) {
	var full atomic.Value
	n := newNode(t, "a")
	n.bootstrap = []Server{{n.name, n.address}}
	n.tune = func(c *Config) { c.Applier = roomless{c.Applier.(counter), &full} }
	n.start()
	nodes := []*node{n}
	propose(t, nodes, "before")
	full.Store("a")
	waiting := make(chan error, 1)
	go func() { _, err := n.group.Propose(t.Context(), []byte("waiting")); waiting <- err }()
	eventually(t, "others are refused", func() error {
		if !n.group.full.on.Load() {
			return errors.New("there is no shortage yet")
		}
		if _, err := n.group.Propose(t.Context(), []byte("refused")); exchange.CodeOf(err) != exchange.Exhausted {
			return fmt.Errorf("proposing: %w", err)
		}
		if err := n.group.AddNonvoter(t.Context(), Server{"b", "127.0.0.1:1"}); exchange.CodeOf(err) != exchange.Exhausted {
			return fmt.Errorf("changing the membership: %w", err)
		}
		return nil
	})
	full.Store("")
	if err := <-waiting; err != nil {
		t.Errorf("the one that waited: %v", err)
	}
	propose(t, nodes, "afterwards")
	if count(t, n, "waiting") != 1 || count(t, n, "refused") != 0 {
		t.Error("what waited was lost, or what was refused was done")
	}
}

func TestWaitingForRoomEndsWithTheGroup(t *testing.T) {
	ending := make(chan struct{})
	close(ending)
	s := shortage{ending: ending, log: slog.New(slog.DiscardHandler), handOver: func() {}}
	if err := s.outlast(func() error { return syscall.EDQUOT }); !errors.Is(err, syscall.EDQUOT) {
		t.Error(err)
	}
	other := errors.New("another failure")
	if err := s.outlast(func() error { return other }); !errors.Is(err, other) {
		t.Error(err)
	}
}

// crammed is a log on a disk that is full.
type crammed struct{ raft.LogStore }

func (crammed) StoreLogs([]*raft.Log) error {
	return fmt.Errorf("appending: %w", errors.Join(journal.ErrNoRoom, syscall.ENOSPC))
}

func TestAnEntryThatFoundNoRoomIsKnownNotToBeDone(t *testing.T) {
	log, err := newCachedLog(logCache, crammed{raft.NewInmemStore()})
	if err != nil {
		t.Fatal(err)
	}
	err = log.StoreLog(&raft.Log{Index: 1})
	if code := exchange.CodeOf(new(Group).outcome(opPropose, err)); code != exchange.Exhausted {
		t.Errorf("whoever proposed is told %s", code)
	}
	g := &Group{log: slog.New(slog.DiscardHandler), ending: make(chan struct{})}
	if code := exchange.CodeOf(g.changed(err)); code != exchange.Exhausted || g.StoppedErr() == nil {
		t.Errorf("whoever changes the membership is told %s, and this replica goes by a membership that it does not have: %v", code, g.StoppedErr())
	}
}
