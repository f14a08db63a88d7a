package raftnode

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/node/test/powercut"
)

// slowable gives each replica a log on a disk whose syncs can be delayed.
func slowable(t *testing.T) (nodes []*node, disks map[*node]*powercut.Disk) {
	places := map[string]*powercut.Place{}
	for _, name := range []string{"a", "b", "c"} {
		places[name] = powercut.NewPlace(t)
	}
	nodes = newCluster(t, func(c *Config) {
		c.Dir = filepath.Join(places[string(c.Replica)].Dir, "raft")
		c.Stall = 700 * time.Millisecond
	})
	disks = map[*node]*powercut.Disk{}
	for _, n := range nodes {
		disks[n] = places[string(n.name)].Disk
	}
	return nodes, disks
}

func TestALeaderWhoseDiskHangsIsReplaced(t *testing.T) {
	nodes, disks := slowable(t)
	propose(t, nodes, "before")
	old := leaderOf(t, nodes)
	others := without(nodes, old)
	disks[old].SetSyncDelay(time.Minute)
	stuck := make(chan error, 1)
	go func() { _, err := old.group.Propose(t.Context(), []byte("stuck")); stuck <- err }()
	start := time.Now()
	propose(t, others, "meanwhile")
	took := time.Since(start)
	disks[old].SetSyncDelay(0)
	t.Logf("another led and committed after %v", took)
	if took > 50*time.Second {
		t.Error("not before the disk answered")
	}
	<-stuck
	agree(t, nodes)
	if count(t, old, "meanwhile") != 1 {
		t.Error("it did not catch up")
	}
}

func TestALeaderWhoseDiskIsSlowHandsOver(t *testing.T) {
	nodes, disks := slowable(t)
	propose(t, nodes, "before")
	old := leaderOf(t, nodes)
	disks[old].SetSyncDelay(400 * time.Millisecond)
	eventually(t, "another leads", func() error {
		propose(t, nodes, time.Now().String())
		if leaderOf(t, nodes) == old {
			return errors.New("the slow one does")
		}
		return nil
	})
	disks[old].SetSyncDelay(0)
	agree(t, nodes)
}
