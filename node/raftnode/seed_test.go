package raftnode

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/store"
)

// TestSeededGroupGoesOnFromALedger puts the ledger of a group of three into an
// empty directory, as a restored backup does: one replica leads alone, has
// everything, remembers it after a restart, and others join it.
func TestSeededGroupGoesOnFromALedger(t *testing.T) {
	nodes := newCluster(t, nil)
	for i := range 20 {
		propose(t, nodes, fmt.Sprint("c", i))
	}
	agree(t, nodes)
	snap, err := nodes[0].store.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var state bytes.Buffer
	if _, err := snap.WriteTo(&state); err != nil {
		t.Fatal(err)
	}
	if err := snap.Close(); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		n.kill()
	}
	n := newNode(t, "a")
	seed(t, n, &state)
	for round := range 3 {
		n.start()
		propose(t, []*node{n}, fmt.Sprint("after", round))
		for i := range 20 {
			if got := count(t, n, fmt.Sprint("c", i)); got != 1 {
				t.Fatalf("c%d was applied %d times", i, got)
			}
		}
		if members := n.group.Status().Members; len(members) != 1 || members[0].Address != n.address {
			t.Fatalf("members %+v", members)
		}
		if round < 2 {
			n.kill()
		}
	}
	if c := configurationOf(t, n.store); len(c.Voters) != 1 || c.Voters[0] != n.name {
		t.Fatalf("the ledger says %+v", c)
	}
	other := newNode(t, "b")
	other.start()
	if err := n.group.AddVoter(t.Context(), Server{other.name, other.address}); err != nil {
		t.Fatal(err)
	}
	propose(t, []*node{n, other}, "with two")
	agree(t, []*node{n, other})
	if count(t, other, "c7") != 1 || count(t, other, "with two") != 1 {
		t.Fatal("something is missing or doubled")
	}
}

func seed(t *testing.T, n *node, state *bytes.Buffer) {
	t.Helper()
	s, err := store.Open(filepath.Join(n.dir, "state"), store.Options{Hash: hash(t), MapSize: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	dir, self := filepath.Join(n.dir, "raft"), Server{n.name, n.address}
	if err := Seed(dir, s, self); err == nil || !strings.Contains(err.Error(), "no ledger") {
		t.Fatalf("without a ledger: %v", err)
	}
	if err := s.Restore(state); err != nil {
		t.Fatal(err)
	}
	if err := Seed(dir, s, self); err != nil {
		t.Fatal(err)
	}
	if err := Seed(dir, s, self); err == nil {
		t.Fatal("a log was seeded twice")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func configurationOf(t *testing.T, s *store.Store) (c ledger.Configuration) {
	t.Helper()
	if err := s.View(func(r ledger.Reader) (err error) {
		c, err = exchange.DecodeStored[ledger.Configuration](r.Get(ledger.TableMeta, ledger.KeyConfiguration))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return c
}
