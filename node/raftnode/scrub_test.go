package raftnode

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// TestADamagedLedgerStopsItsReplicaOnly flips a bit in a row of one replica
// while it runs.
func TestADamagedLedgerStopsItsReplicaOnly(t *testing.T) {
	nodes := newCluster(t, nil)
	mark := bytes.Repeat([]byte("mark"), 50)
	propose(t, nodes, string(mark))
	agree(t, nodes)
	victim := without(nodes, leaderOf(t, nodes))[0]
	path := filepath.Join(victim.dir, "state", "state.db")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for at := 0; ; { // every copy of the row, also in pages that are free
		i := bytes.Index(b[at:], mark)
		if i < 0 {
			break
		}
		at += i + len(mark) - 1
		if _, err := f.WriteAt([]byte{b[at] ^ 4}, int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	_ = victim.store.Scrub(func() error { return nil })
	select {
	case <-victim.group.Done():
	case <-time.After(20 * time.Second):
		err := victim.store.View(func(r ledger.Reader) error { r.Get(ledger.TableExchange, mark); return nil })
		t.Fatalf("it goes on; reading: %v", err)
	}
	if victim.group.StoppedErr() == nil {
		t.Error("it does not say why")
	}
	propose(t, without(nodes, victim), "the others go on")
}
