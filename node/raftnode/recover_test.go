package raftnode

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// cutSoon makes the log forget early, so that a late replica needs a snapshot.
func cutSoon(c *Config) {
	c.segment = 4096
	c.TrailingEntries, c.SnapshotEntries, c.SnapshotInterval = 1, 1, time.Hour
}

func snapshotAll(t *testing.T, nodes []*node) {
	t.Helper()
	for _, n := range nodes {
		if err := n.group.Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBlankReplicaJoinsFromASnapshotAndIsPromoted(t *testing.T) {
	nodes := newCluster(t, cutSoon)
	long := func(i int) string { return fmt.Sprint("c", i, strings.Repeat("-", 500)) }
	for i := range 50 {
		propose(t, nodes, long(i))
	}
	agree(t, nodes)
	snapshotAll(t, nodes)
	blank := newNode(t, "d")
	blank.tune = cutSoon
	blank.start()
	leader := leaderOf(t, nodes)
	s := Server{blank.name, blank.address}
	if err := leader.group.AddNonvoter(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	all := append(nodes, blank)
	agree(t, all)
	eventually(t, "a snapshot is installed", func() error { // the state is there a moment before its reference
		if blank.group.snapshots.latest().Index == 0 {
			return errors.New("it came without a snapshot")
		}
		return nil
	})
	if err := leader.group.AddVoter(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	propose(t, all, "with four")
	blank.kill()
	propose(t, nodes, "while away")
	snapshotAll(t, nodes)
	blank.start()
	propose(t, nodes, "back")
	agree(t, all)
	for _, c := range []string{long(0), long(49), "with four", "while away", "back"} {
		if n := count(t, blank, c); n != 1 {
			t.Fatalf("%s was applied %d times", c, n)
		}
	}
}

func TestFollowerRestartsAfterASnapshotOfItsOwn(t *testing.T) {
	nodes := newCluster(t, cutSoon)
	for i := range 20 {
		propose(t, nodes, fmt.Sprint("c", i))
	}
	agree(t, nodes)
	snapshotAll(t, nodes)
	follower := without(nodes, leaderOf(t, nodes))[0]
	follower.kill()
	propose(t, nodes, "meanwhile")
	follower.start()
	agree(t, nodes)
	if count(t, follower, "c7") != 1 || count(t, follower, "meanwhile") != 1 {
		t.Fatal("something is missing or doubled")
	}
}

// TestCrashWhileInstallingASnapshot ends a replica at each step between the
// last byte received and the reference that lets Raft forget its log.
func TestCrashWhileInstallingASnapshot(t *testing.T) {
	for _, step := range []string{"written", "installed"} {
		t.Run(step, func(t *testing.T) {
			nodes := newCluster(t, cutSoon)
			victim := without(nodes, leaderOf(t, nodes))[0]
			victim.kill()
			for i := range 20 {
				propose(t, without(nodes, victim), fmt.Sprint("c", i))
			}
			source := leaderOf(t, without(nodes, victim))
			crashInstalling(t, source, victim, step)
			snapshotAll(t, without(nodes, victim))
			victim.start()
			propose(t, nodes, "after")
			agree(t, nodes)
			if count(t, victim, "c3") != 1 || count(t, victim, "after") != 1 {
				t.Fatal("something is missing or doubled")
			}
		})
	}
}

func crashInstalling(t *testing.T, source, victim *node, step string) {
	t.Helper()
	c := victim.config()
	defer func() { _ = errors.Join(c.Stream.Close(), victim.store.Close()) }()
	to, err := openSnapshots(c.Dir, victim.store)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := to.Create(1, 15, 2, raft.Configuration{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	snap, err := source.store.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := snap.WriteTo(opened); err != nil {
		t.Fatal(err)
	}
	if err := snap.Close(); err != nil {
		t.Fatal(err)
	}
	if step == "installed" {
		if err := opened.(*sink).install(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTornSnapshotIsNotInstalled(t *testing.T) {
	nodes := newCluster(t, nil)
	propose(t, nodes, "x")
	agree(t, nodes)
	snap, err := nodes[0].store.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = snap.Close() }()
	k, err := nodes[1].group.snapshots.Create(1, 1000, 2, raft.Configuration{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := snap.WriteTo(&tearing{k, 5000}); err == nil {
		t.Fatal("it was not torn")
	}
	if err := k.Close(); err == nil {
		t.Fatal("a torn snapshot was accepted")
	}
	if got := nodes[1].group.snapshots.latest().Index; got == 1000 {
		t.Fatal("its reference was kept")
	}
	propose(t, nodes, "y")
	agree(t, nodes)
}

type tearing struct {
	to   raft.SnapshotSink
	left int
}

func (w *tearing) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errors.New("torn")
	}
	return w.to.Write(p)
}

func TestLogIsReopenedManyTimes(t *testing.T) {
	n := newNode(t, "a")
	n.tune = func(c *Config) { c.Heartbeat = 50 * time.Millisecond }
	n.bootstrap = []Server{{n.name, n.address}}
	for i := range 20 {
		n.start()
		propose(t, []*node{n}, fmt.Sprint("c", i))
		n.kill()
	}
	n.start()
	leaderOf(t, []*node{n})
	for i := range 20 {
		if got := count(t, n, fmt.Sprint("c", i)); got != 1 {
			t.Fatalf("c%d was applied %d times", i, got)
		}
	}
}

func TestStoreAndLogThatDoNotBelongTogetherAreRefused(t *testing.T) {
	n := newNode(t, "a")
	n.tune = cutSoon
	n.bootstrap = []Server{{n.name, n.address}}
	n.start()
	propose(t, []*node{n}, "x")
	snapshotAll(t, []*node{n})
	n.kill()
	for _, lost := range []string{"raft", "state"} {
		aside := filepath.Join(n.dir, "aside")
		if err := os.Rename(filepath.Join(n.dir, lost), aside); err != nil {
			t.Fatal(err)
		}
		_, err := Start(n.config())
		if err == nil || !strings.Contains(err.Error(), "under a fresh name") {
			t.Fatalf("without %s: %v", lost, err)
		}
		if err := n.store.Close(); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.RemoveAll(filepath.Join(n.dir, lost)), os.Rename(aside, filepath.Join(n.dir, lost))); err != nil {
			t.Fatal(err)
		}
	}
	n.start()
	leaderOf(t, []*node{n})
}

func TestMembersCanBeDemotedAndRemoved(t *testing.T) {
	nodes := newCluster(t, nil)
	leader := leaderOf(t, nodes)
	gone := without(nodes, leader)[0]
	if err := leader.group.Demote(t.Context(), gone.name); err != nil {
		t.Fatal(err)
	}
	if err := leader.group.Remove(t.Context(), gone.name); err != nil {
		t.Fatal(err)
	}
	if s := leader.group.Status(); len(s.Members) != 2 || s.State != "leader" || !s.Ready || s.LogWrite.Max == 0 || s.StateWrite.Commits == 0 {
		t.Fatalf("status %+v", s)
	}
	propose(t, without(nodes, gone), "with two")
	if err := leader.group.TransferLeadership(t.Context(), "nobody"); err == nil {
		t.Fatal("handed over to nobody")
	}
}
