package raftnode

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestAHealedOldLeaderNeedsOneSnapshotAtMost is hashicorp/raft #697: a leader
// that was cut off has entries of its own beyond the snapshot that the new
// leader sends. It took no entry after it and was sent the snapshot again and
// again, until the domain had grown beyond the old leader's log.
func TestAHealedOldLeaderNeedsOneSnapshotAtMost(t *testing.T) {
	net := newNetwork()
	nodes := newCluster(t, tuned(net, cutSoon))
	long := func(i int) string { return fmt.Sprint("kept", i, strings.Repeat("-", 1000)) }
	propose(t, nodes, "before")
	agree(t, nodes)
	old := leaderOf(t, nodes)
	others := without(nodes, old)
	net.cut(old.address)
	for i := range 40 { // entries that nobody else keeps
		old.group.raft.Apply(encodeFrame([][]byte{fmt.Append(nil, "lost", i)}), time.Second)
	}
	eventually(t, "the old leader steps down", func() error {
		if old.group.IsLeader() {
			return errors.New("it still leads")
		}
		return nil
	})
	for i := range 10 {
		propose(t, others, long(i))
	}
	agree(t, others)
	snapshotAll(t, others)
	if last, kept := old.group.raft.LastIndex(), others[0].store.AppliedIndex(); last <= kept {
		t.Fatalf("the old leader's log ends at %d, the domain is at %d: this tests nothing", last, kept)
	}
	net.heal(old.address)
	agree(t, nodes) // without anything further being committed
	propose(t, nodes, "after")
	agree(t, nodes)
	eventually(t, "the old leader's own entries are replaced", func() error {
		if have, want := old.group.raft.LastIndex(), leaderOf(t, others).group.raft.LastIndex(); have != want {
			return fmt.Errorf("its log ends at %d, that of the leader at %d", have, want)
		}
		return nil
	})
	if n := old.group.snapshots.received.Load(); n != 1 {
		t.Errorf("it was sent the state %d times", n)
	}
	if count(t, old, "after") != 1 || count(t, old, long(9)) != 1 || count(t, old, "lost7") != 0 {
		t.Error("something is missing, doubled or came back")
	}
	for range 2 { // and its log can be read again
		old.kill()
		old.start()
	}
	propose(t, nodes, "restarted")
	agree(t, nodes)
}
