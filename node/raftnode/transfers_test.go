package raftnode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

func longCommand(i int) string { return fmt.Sprint("c", i, strings.Repeat("-", 1000)) }

// lagging returns a cluster, and a replica of it that has to be sent the state:
// it does not run, and the others have cut their logs.
func lagging(t *testing.T, tune func(*Config)) (nodes, others []*node, late *node) {
	t.Helper()
	nodes = newCluster(t, func(c *Config) { cutSoon(c); tune(c) })
	late = without(nodes, leaderOf(t, nodes))[0]
	others = without(nodes, late)
	late.kill()
	for i := range 200 {
		propose(t, others, longCommand(i))
	}
	agree(t, others)
	snapshotAll(t, others)
	return nodes, others, late
}

// TestTheLogIsNotCutUnderAReplicaThatIsBeingSentTheState: the log that was cut
// while a state was on its way made the receiver need the next one, for ever.
func TestTheLogIsNotCutUnderAReplicaThatIsBeingSentTheState(t *testing.T) {
	nodes, others, late := lagging(t, func(c *Config) { c.TransferRate = 600 << 10 })
	late.start()
	next := 1000
	eventually(t, "the replica catches up under load", func() error {
		propose(t, others, longCommand(next))
		next++
		snapshotAll(t, others)
		if behind := leaderOf(t, others).store.AppliedIndex() - late.store.AppliedIndex(); behind > 3 {
			return fmt.Errorf("it is %d entries behind after %d states", behind, late.group.snapshots.received.Load())
		}
		return nil
	})
	if next < 1005 {
		t.Errorf("only %d entries came meanwhile: this tests nothing", next-1000)
	}
	agree(t, nodes)
	if n := late.group.snapshots.received.Load(); n != 1 {
		t.Errorf("it was sent the state %d times", n)
	}
	if count(t, late, longCommand(7)) != 1 || count(t, late, longCommand(next-1)) != 1 {
		t.Error("something is missing or doubled")
	}
}

// TestAReplicaLeavesInTheMiddleOfATransfer: Raft waits for the goroutine that
// sends or takes a state before it closes its connections.
func TestAReplicaLeavesInTheMiddleOfATransfer(t *testing.T) {
	net := newNetwork()
	_, others, late := lagging(t, net.through)
	var written atomic.Int64
	net.mu.Lock()
	net.stall = func(_, to string, n int, closed <-chan struct{}) {
		if to == late.address && written.Add(int64(n))-int64(n) > 64<<10 {
			<-closed // the line hangs
		}
	}
	net.mu.Unlock()
	late.start()
	eventually(t, "a state is on its way", func() error {
		if left, _ := filepath.Glob(filepath.Join(late.dir, "state", "*incoming*")); len(left) == 0 {
			return errors.New("none is")
		}
		return nil
	})
	late.kill() // fails after 20 s
	leaderOf(t, others).kill()
}

// TestALogThatBeginsAfterItsSnapshotSendsOneState: a replica that was restored, or
// was sent the state itself, has no entry at the index that a state ends with. When
// it made its next snapshot during the transfer it did not know the term of that
// entry any more, and sent the state again.
func TestALogThatBeginsAfterItsSnapshotSendsOneState(t *testing.T) {
	log := &keptLog{LogStore: raft.NewInmemStore(), holds: holds{most: 1 << 20, linger: defaultLinger, full: func() bool { return false }}}
	for i := uint64(21); i <= 30; i++ {
		if err := log.StoreLog(&raft.Log{Index: i, Term: 3}); err != nil {
			t.Fatal(err)
		}
	}
	var e raft.Log
	if err := log.GetLog(20, &e); err != raft.ErrLogNotFound {
		t.Fatalf("entry 20 is not there: %v", err)
	}
	k := log.holds.take(20, 2)
	if err := log.GetLog(20, &e); err != nil || e.Index != 20 || e.Term != 2 {
		t.Errorf("entry %d of term %d, %v; want 20 of term 2", e.Index, e.Term, err)
	}
	if err := log.GetLog(19, &e); err != raft.ErrLogNotFound {
		t.Errorf("entry 19, which would be sent with 20: %v", err)
	}
	log.holds.release(k, false)
	if err := log.GetLog(20, &e); err != raft.ErrLogNotFound {
		t.Errorf("entry 20 after the transfer: %v", err)
	}
}

func TestALogIsNotKeptForeverForASlowTransfer(t *testing.T) {
	var now int64
	h := &holds{most: 1000, linger: defaultLinger, full: func() bool { return now == 1 }, log: slog.New(slog.DiscardHandler)}
	failed, slow := h.take(10, 1), h.take(20, 1)
	if got := h.limit(); got != 9 {
		t.Fatalf("the log may be cut up to %d while 10 is needed", got)
	}
	h.release(failed, false)
	if got := h.limit(); got != 19 {
		t.Fatalf("the log may be cut up to %d while 20 is needed", got)
	}
	h.release(slow, true)
	if got := h.limit(); got != 19 {
		t.Fatalf("the log may be cut up to %d at once after the state was sent: what came meanwhile is still to be read", got)
	}
	slow.until = time.Now().Add(-time.Second)
	if got := h.limit(); got != ^uint64(0) {
		t.Fatalf("the log may be cut up to %d long after", got)
	}
	h.take(30, 1)
	h.appended.Add(1001)
	if got := h.limit(); got != ^uint64(0) {
		t.Fatalf("the log may be cut up to %d though too much came meanwhile", got)
	}
	h.take(40, 1)
	now = 1
	if got := h.limit(); got != ^uint64(0) {
		t.Fatalf("the log may be cut up to %d though the disk is full", got)
	}
}

func TestAStateThatIsNeededAgainAndAgainIsSentMoreAndMoreRarely(t *testing.T) {
	x := &transfers{rate: 1 << 30, pause: time.Minute, log: slog.New(slog.DiscardHandler)}
	sent := 0
	try := func() error {
		return x.send("b", strings.NewReader("state"), func(r io.Reader) (bool, error) {
			sent++
			_, err := io.Copy(io.Discard, r)
			return true, err
		})
	}
	for _, wait := range []time.Duration{0, 1, 2, 4, 8, 15, 15} { // minutes
		if wait > 0 {
			x.peers["b"].ended = time.Now().Add(-wait*time.Minute + time.Second)
			if err := try(); err == nil || !strings.Contains(err.Error(), "waiting 1s") {
				t.Fatalf("a second before %d minutes have passed: %v", wait, err)
			}
			x.peers["b"].ended = time.Now().Add(-wait * time.Minute)
		}
		if err := try(); err != nil {
			t.Fatalf("after %d minutes: %v", wait, err)
		}
	}
	if sent != 7 || x.sent.Load() != 7 {
		t.Errorf("sent %d times, counted %d", sent, x.sent.Load())
	}
	x.peers["b"].ended = time.Now().Add(-soonAgain - time.Second)
	if err := errors.Join(try()); err != nil || x.peers["b"].again != 0 {
		t.Errorf("after an hour without: %v, again %d", err, x.peers["b"].again)
	}
	if err := x.send("c", strings.NewReader("state"), func(io.Reader) (bool, error) { return false, errors.New("gone") }); err == nil || x.sent.Load() != 8 {
		t.Errorf("a failed transfer: %v, counted %d", err, x.sent.Load())
	}
}

func TestATransferKeepsItsPace(t *testing.T) {
	const rate, size = 4 << 20, 2 << 20
	begun := time.Now()
	n, err := io.Copy(io.Discard, &pacer{from: bytes.NewReader(make([]byte, size)), rate: rate, begun: begun})
	if took := time.Since(begun); err != nil || n != size || took < 400*time.Millisecond {
		t.Errorf("%d bytes in %s at %d a second, %v", n, took, rate, err)
	}
	p := &pacer{from: bytes.NewReader(make([]byte, size)), rate: rate, begun: time.Now().Add(-time.Hour)} // held up by the network
	if _, err := p.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if late := time.Since(p.begun); late > time.Minute {
		t.Errorf("an hour lost would be made good at once")
	}
}

// TestACrashBetweenAReceivedStateAndTheLogItReplaces leaves a log that ends
// before the snapshot, or that the snapshot contradicts. Neither may be gone on
// from.
func TestACrashBetweenAReceivedStateAndTheLogItReplaces(t *testing.T) {
	for _, x := range []struct {
		name                string
		index, term         uint64
		wantFirst, wantLast uint64
	}{
		{"the log goes on from it", 12, 2, 5, 20},
		{"the log ends with it", 20, 2, 5, 20},
		{"the log ends before it", 30, 3, 0, 0},
		{"the log contradicts it", 12, 3, 13, 20},
		{"the log contradicts it at its end", 20, 3, 0, 0},
		{"the log begins after it", 4, 2, 5, 20},
	} {
		t.Run(x.name, func(t *testing.T) {
			log := &keptLog{LogStore: raft.NewInmemStore(), holds: holds{most: 1 << 20, linger: defaultLinger, full: func() bool { return false }}}
			for i := uint64(5); i <= 20; i++ {
				if err := log.StoreLog(&raft.Log{Index: i, Term: 2}); err != nil {
					t.Fatal(err)
				}
			}
			log.holds.take(6, 1) // led before
			s := &snapshots{log: log, holds: &log.holds}
			if err := s.forget(snapshotMeta{Index: x.index, Term: x.term}); err != nil {
				t.Fatal(err)
			}
			first, err := log.FirstIndex()
			last, errLast := log.LastIndex()
			if x.wantLast == 0 {
				x.wantFirst = first // of an empty log it says nothing
			}
			if err != nil || errLast != nil || first != x.wantFirst || last != x.wantLast {
				t.Errorf("the log is %d to %d, want %d to %d; %v %v", first, last, x.wantFirst, x.wantLast, err, errLast)
			}
		})
	}
}
