package raftnode

import (
	"errors"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/yizhan-exchange/yizhan/exchange"
)

func TestUnreadableLogStopsTheGroupAndNotTheProcess(t *testing.T) {
	nodes := newCluster(t, nil)
	propose(t, nodes, "x")
	agree(t, nodes)
	victim := without(nodes, leaderOf(t, nodes))[0]
	d := victim.group.disk
	if err := d.GetLog(1_000_000, new(raft.Log)); !errors.Is(err, raft.ErrLogNotFound) {
		t.Fatalf("an entry beyond the end: %v", err)
	}
	first, err := d.FirstIndex()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.log.Close(); err != nil { // from now on every read fails
		t.Fatal(err)
	}
	left := make(chan struct{})
	go func() {
		defer close(left)
		_ = d.GetLog(first, new(raft.Log))
		t.Error("it returned, so Raft would panic")
	}()
	<-left
	<-victim.group.Done()
	if victim.group.StoppedErr() == nil {
		t.Fatal("it does not say why it stopped")
	}
	propose(t, nodes, "y")
}

func TestTermThatCannotBeKeptStopsTheGroup(t *testing.T) {
	nodes := newCluster(t, nil)
	leader := leaderOf(t, nodes)
	victim := without(nodes, leader)[0]
	agree(t, nodes)
	if err := victim.group.disk.log.Close(); err != nil {
		t.Fatal(err)
	}
	leader.kill() // the others need a new term
	select {
	case <-victim.group.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
	if victim.group.StoppedErr() == nil {
		t.Fatal("it does not say why it stopped")
	}
}

// TestCloseUnderLoadAnswersEveryone ends a leader while proposals are on their
// way at every stage.
func TestCloseUnderLoadAnswersEveryone(t *testing.T) {
	nodes := newCluster(t, nil)
	leader := leaderOf(t, nodes)
	answers := make(chan error, 500)
	command := make([]byte, 20_000) // a few fill an entry, so that one is carried over
	for i := range cap(answers) {
		go func() {
			_, err := leader.group.Propose(t.Context(), append(command[:len(command):len(command)], byte(i), byte(i>>8)))
			answers <- err
		}()
	}
	time.Sleep(20 * time.Millisecond)
	leader.kill()
	for range cap(answers) {
		select {
		case err := <-answers:
			switch exchange.CodeOf(err) {
			case "", exchange.Unknown, exchange.Unavailable:
			default:
				t.Fatal(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("a proposal was never answered")
		}
	}
}
