package raftnode

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// The traps of hashicorp/raft that have no better place. DESIGN.md has the table.

// TestHeartbeatsQueueLikeAnyRequest is hashicorp/raft #695: the fast path for
// heartbeats answers from another goroutine than the one that changes the term.
func TestHeartbeatsQueueLikeAnyRequest(t *testing.T) {
	make := func() *transport {
		l := listen(t, "127.0.0.1:0")
		g := &Group{config: Config{Stream: l, Address: l.Addr().String()}, log: logger(t), disk: &disk{}, snapshots: &snapshots{}, ending: make(chan struct{})}
		x := g.newTransport(newBridge(g.log))
		t.Cleanup(func() { _ = x.Close() })
		return x
	}
	a, b := make(), make()
	b.SetHeartbeatHandler(func(raft.RPC) { t.Error("a heartbeat took the fast path") })
	go func() {
		var resp raft.AppendEntriesResponse
		//lint:ignore SA1019 Raft tells a heartbeat by it
		_ = a.AppendEntries("b", b.LocalAddr(), &raft.AppendEntriesRequest{RPCHeader: raft.RPCHeader{Addr: []byte("a")}, Term: 1, Leader: []byte("a")}, &resp)
	}()
	select {
	case rpc := <-b.Consumer():
		rpc.Respond(&raft.AppendEntriesResponse{}, nil)
	case <-time.After(20 * time.Second):
		t.Fatal("the heartbeat did not come the ordinary way")
	}
}

// TestNotificationsNeverBlockRaft: Raft writes to NotifyCh from its main loop,
// also while it shuts down.
func TestNotificationsNeverBlockRaft(t *testing.T) {
	g := &Group{notify: make(chan bool), ending: make(chan struct{}), ended: make(chan struct{}), log: logger(t)}
	g.leadership.init()
	go g.followLeadership()
	notify := func(when string) {
		t.Helper()
		for range 20 {
			select {
			case g.notify <- false:
			case <-time.After(20 * time.Second):
				t.Fatal("Raft would block", when)
			}
		}
	}
	notify("while it runs")
	close(g.ending)
	notify("while it shuts down")
	close(g.ended)
}

// TestATermCostsOneEntryAndReadsNone: a barrier for each read would go through
// the log.
func TestATermCostsOneEntryAndReadsNone(t *testing.T) {
	nodes := newCluster(t, nil)
	propose(t, nodes, "x")
	leader := leaderOf(t, nodes)
	last := leader.group.raft.LastIndex()
	for range 30 {
		if err := leader.group.ReadCurrent(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if now := leader.group.raft.LastIndex(); leader.group.IsLeader() && now != last {
		t.Errorf("30 reads added %d entries", now-last)
	}
}

// TestEntriesStaySmall: Raft measures badly above 512 KiB an entry.
func TestEntriesStaySmall(t *testing.T) {
	n := newNode(t, "a")
	n.bootstrap = []Server{{n.name, n.address}}
	n.start()
	leaderOf(t, []*node{n})
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			size := []int{100 << 10, 200 << 10, MaxCommand}[i%3]
			if _, err := n.group.Propose(t.Context(), append([]byte("refuse "), make([]byte, size-7)...)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	last, err := n.group.disk.LastIndex()
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); i <= last; i++ {
		var e raft.Log
		if err := n.group.disk.GetLog(i, &e); err != nil {
			t.Fatal(err)
		}
		if len(e.Data) > MaxCommand+16 {
			t.Errorf("entry %d has %d bytes", i, len(e.Data))
		}
	}
}

// TestAReplicaThatRemovedItselfCanBeAddedAgain: with ShutdownOnRemove Raft ends
// when a leader commits its own removal, which one does that replays its log.
func TestAReplicaThatRemovedItselfCanBeAddedAgain(t *testing.T) {
	nodes := newCluster(t, nil)
	propose(t, nodes, "before")
	agree(t, nodes)
	gone := leaderOf(t, nodes)
	others := without(nodes, gone)
	if err := gone.group.Remove(t.Context(), gone.name); err != nil {
		t.Fatal(err)
	}
	propose(t, others, "without it")
	eventually(t, "it is added again", func() error {
		return leaderOf(t, others).group.AddVoter(t.Context(), Server{gone.name, gone.address})
	})
	agree(t, nodes)
	gone.kill() // and replays all of it
	gone.start()
	propose(t, others, "after")
	agree(t, nodes)
	if count(t, gone, "after") != 1 || gone.group.StoppedErr() != nil {
		t.Errorf("it did not come back: %v", gone.group.StoppedErr())
	}
}

// gated applies nothing while its gate is closed.
type gated struct {
	counter
	gate <-chan struct{}
}

func (g gated) Apply(r ledger.Reader, index uint64, command []byte) ([]byte, []ledger.Mutation, error) {
	if string(command) == "wait" {
		<-g.gate
	}
	return g.counter.Apply(r, index, command)
}

// TestReadsWaitForTheStateMachineAndNotForRaftsCounter: raft.AppliedIndex moves
// when an entry is handed to the state machine.
func TestReadsWaitForTheStateMachineAndNotForRaftsCounter(t *testing.T) {
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	defer open()
	n := newNode(t, "a")
	n.tune = func(c *Config) { c.Applier = gated{counter{"a"}, gate} }
	n.bootstrap = []Server{{n.name, n.address}}
	n.start()
	leaderOf(t, []*node{n})
	done := make(chan error, 1)
	go func() { _, err := n.group.Propose(t.Context(), []byte("wait")); done <- err }()
	eventually(t, "Raft's counter runs ahead", func() error {
		if raftsays, is := n.group.raft.AppliedIndex(), n.store.AppliedIndex(); raftsays <= is {
			return fmt.Errorf("%d, %d", raftsays, is)
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := n.group.ReadCurrent(ctx); err == nil {
		t.Error("a read was let through before the entry was applied")
	}
	open()
	if err := n.group.ReadCurrent(t.Context()); err != nil || count(t, n, "wait") != 1 {
		t.Errorf("after it was applied: %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestAcceptedConnectionsEndWithTheGroup: Raft closes its listener only, and a
// peer would go on to speak to nobody.
func TestAcceptedConnectionsEndWithTheGroup(t *testing.T) {
	n := newNode(t, "a")
	n.bootstrap = []Server{{n.name, n.address}}
	n.start()
	c, err := net.Dial("tcp", n.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	eventually(t, "it is accepted", func() error {
		l := n.group.transport.layer
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.open) == 0 {
			return io.ErrNoProgress
		}
		return nil
	})
	if err := n.group.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != io.EOF && !isReset(err) {
		t.Errorf("the connection outlived the group: %v", err)
	}
}

func isReset(err error) bool {
	e, ok := err.(net.Error)
	return err != nil && !(ok && e.Timeout())
}

// TestEntriesThatWereCutAreNotShown: a segment of the log may still have them, and
// they may contradict what was committed.
func TestEntriesThatWereCutAreNotShown(t *testing.T) {
	d, err := openDisk(t.TempDir(), segmentSize, &shortage{}, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	log := &keptLog{LogStore: d, holds: holds{most: 1 << 20, linger: defaultLinger, full: func() bool { return false }}}
	for i := uint64(1); i <= 10; i++ {
		if err := log.StoreLog(&raft.Log{Index: i, Term: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.DeleteRange(1, 5); err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); i <= 10; i++ {
		var e raft.Log
		if err := log.GetLog(i, &e); (err == nil) != (i > 5) {
			t.Errorf("entry %d: %v", i, err)
		}
	}
}
