package raftnode

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/store"
)

func TestCommandIsCommittedOnEveryReplica(t *testing.T) {
	nodes := newCluster(t, nil)
	propose(t, nodes, "hello")
	agree(t, nodes)
	for _, n := range nodes {
		if count(t, n, "hello") != 1 {
			t.Fatalf("%s applied it %d times", n.name, count(t, n, "hello"))
		}
	}
}

func TestEveryReplicaKnowsTheConfiguration(t *testing.T) {
	nodes := newCluster(t, nil)
	leaderOf(t, nodes)
	agree(t, nodes)
	err := nodes[1].store.View(func(r ledger.Reader) error {
		c, err := exchange.Decode[ledger.Configuration](r.Get(ledger.TableMeta, ledger.KeyConfiguration))
		if len(c.Voters) != 3 || c.Index == 0 {
			t.Errorf("configuration %v", c)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFollowerRefusesAndNamesTheLeader(t *testing.T) {
	nodes := newCluster(t, nil)
	leader := leaderOf(t, nodes)
	follower := without(nodes, leader)[0]
	eventually(t, "follower knows the leader", func() error {
		_, err := follower.group.Propose(t.Context(), []byte("x"))
		var not *NotLeaderError
		if !errors.As(err, &not) || exchange.CodeOf(err) != exchange.Unavailable {
			t.Fatalf("error %v", err)
		}
		if not.Leader != leader.name || not.Address != leader.address {
			return err
		}
		return nil
	})
	if err := follower.group.ReadCurrent(t.Context()); exchange.CodeOf(err) != exchange.Unavailable {
		t.Fatal(err)
	}
}

func TestKilledLeaderIsReplacedAndReplaysNothingTwice(t *testing.T) {
	nodes := newCluster(t, nil)
	for i := range 20 {
		propose(t, nodes, fmt.Sprint("before-", i))
	}
	old := leaderOf(t, nodes)
	old.kill()
	rest := without(nodes, old)
	for i := range 20 {
		propose(t, rest, fmt.Sprint("after-", i))
	}
	old.start()
	agree(t, nodes)
	for i := range 20 {
		for _, c := range []string{fmt.Sprint("before-", i), fmt.Sprint("after-", i)} {
			if n := count(t, old, c); n != 1 {
				t.Fatalf("%s was applied %d times", c, n)
			}
		}
	}
}

func TestAllReplicasCrashAndNothingIsLostOrDoneTwice(t *testing.T) {
	nodes := newCluster(t, nil)
	for round := range 3 {
		propose(t, nodes, fmt.Sprint("round-", round))
		for _, n := range nodes {
			n.kill()
		}
		for _, n := range nodes {
			n.start()
		}
		leaderOf(t, nodes)
	}
	agree(t, nodes)
	for round := range 3 {
		if n := count(t, nodes[0], fmt.Sprint("round-", round)); n != 1 {
			t.Fatalf("round %d was applied %d times", round, n)
		}
	}
}

func TestRefusedCommandIsAResultWithoutMutations(t *testing.T) {
	nodes := newCluster(t, nil)
	result, err := leaderOf(t, nodes).group.Propose(t.Context(), []byte("refuse it"))
	if err != nil || string(result) != "refused" || count(t, leaderOf(t, nodes), "refuse it") != 0 {
		t.Fatalf("%q, %v", result, err)
	}
}

func TestThousandConcurrentProposalsShareEntries(t *testing.T) {
	nodes := newCluster(t, func(c *Config) { c.Heartbeat = 2 * time.Second }) // no election on a busy machine
	leader := leaderOf(t, nodes)
	before := leader.group.Status().LastLog
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			command := fmt.Sprint("c", i)
			result, err := leader.group.Propose(t.Context(), []byte(command))
			if err != nil || string(result) != command {
				t.Errorf("%s got %q, %v", command, result, err)
			}
		})
	}
	wg.Wait()
	if n := leader.group.Status().LastLog - before; n > 500 {
		t.Errorf("1000 commands made %d entries", n)
	}
	agree(t, nodes)
	for i := range 1000 {
		if n := count(t, nodes[i%3], fmt.Sprint("c", i)); n != 1 {
			t.Fatalf("c%d was applied %d times", i, n)
		}
	}
}

func TestLimitsAreCheckedBeforeQueueing(t *testing.T) {
	nodes := newCluster(t, nil)
	g := leaderOf(t, nodes).group
	if _, err := g.Propose(t.Context(), make([]byte, MaxCommand+1)); exchange.CodeOf(err) != exchange.Invalid {
		t.Fatal(err)
	}
	big := strings.Repeat("k", 20_000) // a key, so below the limit of bbolt
	if _, err := g.Propose(t.Context(), []byte(big)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Propose(ctx, []byte("late")); exchange.CodeOf(err) != exchange.Unavailable {
		t.Fatal(err)
	}
}

func TestProposalWithoutAMajorityIsUnknownNotUnavailable(t *testing.T) {
	nodes := newCluster(t, func(c *Config) { c.Heartbeat = 2 * time.Second })
	leader := leaderOf(t, nodes)
	for _, n := range without(nodes, leader) {
		n.kill()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := leader.group.Propose(ctx, []byte("lost?")); exchange.CodeOf(err) != exchange.Unknown {
		t.Fatalf("code %s: %v", exchange.CodeOf(err), err)
	}
	if err := leader.group.ReadCurrent(ctx); exchange.CodeOf(err) != exchange.Unavailable {
		t.Fatalf("read: %v", err)
	}
}

func TestFailingStateMachineStopsItsGroupOnly(t *testing.T) {
	nodes := newCluster(t, nil)
	leader := leaderOf(t, nodes)
	victim := without(nodes, leader)[0]
	propose(t, nodes, "poison "+string(victim.name))
	eventually(t, "victim stops", func() error {
		if victim.group.StoppedErr() == nil {
			return errors.New("still runs")
		}
		return nil
	})
	var stopped *store.StoppedError
	if !errors.As(victim.group.StoppedErr(), &stopped) || stopped.Index == 0 {
		t.Fatalf("reason %v", victim.group.StoppedErr())
	}
	<-victim.group.Done()
	if s := victim.group.Status(); s.State != "stopped" || !strings.Contains(s.Stopped, "index") {
		t.Fatalf("status %+v", s)
	}
	if _, err := victim.group.Propose(t.Context(), []byte("x")); exchange.CodeOf(err) != exchange.Unavailable {
		t.Fatal(err)
	}
	propose(t, nodes, "still alive")
	agree(t, without(nodes, victim))
	if victim.store.AppliedIndex() != stopped.Index-1 {
		t.Fatalf("victim applied %d, stopped at %d", victim.store.AppliedIndex(), stopped.Index)
	}
}

func TestFailingLeaderAnswersUnknown(t *testing.T) {
	nodes := newCluster(t, nil)
	leader := leaderOf(t, nodes)
	_, err := leader.group.Propose(t.Context(), []byte("poison "+string(leader.name)))
	if exchange.CodeOf(err) != exchange.Unknown {
		t.Fatalf("code %s: %v", exchange.CodeOf(err), err)
	}
	propose(t, without(nodes, leader), "next")
}

func TestUndecodableEntryStopsTheGroup(t *testing.T) {
	nodes := newCluster(t, nil)
	leader := leaderOf(t, nodes)
	_ = leader.group.raft.Apply([]byte{99}, time.Second).Error()
	// The third may never hear that the entry was committed.
	eventually(t, "a majority stops", func() error {
		stopped := 0
		for _, n := range nodes {
			if errors.Is(n.group.StoppedErr(), errFrame) {
				stopped++
			}
		}
		if stopped < 2 {
			return fmt.Errorf("%d stopped", stopped)
		}
		return nil
	})
}

func TestCurrentReadsSeeWhatWasCommitted(t *testing.T) {
	nodes := newCluster(t, nil)
	for i := range 20 {
		c := fmt.Sprint("read-", i)
		propose(t, nodes, c)
		var leader *node
		var index uint64
		eventually(t, "reading", func() (err error) {
			leader = leaderOf(t, nodes)
			if err = leader.group.ReadCurrent(t.Context()); err == nil {
				index, err = leader.group.ReadIndex(t.Context())
			}
			return err
		})
		follower := without(nodes, leader)[0]
		if err := follower.group.WaitApplied(t.Context(), index); err != nil {
			t.Fatal(err)
		}
		if count(t, follower, c) != 1 {
			t.Fatalf("%s is not there after a current read", c)
		}
	}
}

func TestConcurrentReadsShareVerifications(t *testing.T) {
	nodes := newCluster(t, nil)
	leader := leaderOf(t, nodes)
	var wg sync.WaitGroup
	for range 500 {
		wg.Go(func() {
			if err := leader.group.ReadCurrent(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestLeadershipIsAnnouncedAfterTheBarrierAndEndsWithIt(t *testing.T) {
	nodes := newCluster(t, nil)
	leader := leaderOf(t, nodes)
	events := make(chan string, 16)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() {
			n.group.WhileLeader(ctx, func(ctx context.Context, term uint64) {
				if n.store.AppliedIndex() == 0 || term == 0 {
					t.Error("announced before anything was applied")
				}
				events <- "begin " + string(n.name)
				<-ctx.Done()
				events <- "end " + string(n.name)
			})
		})
	}
	if e := <-events; e != "begin "+string(leader.name) {
		t.Fatal(e)
	}
	next := without(nodes, leader)[0]
	eventually(t, "handing over", func() error { return leader.group.TransferLeadership(t.Context(), next.name) })
	seen := []string{<-events, <-events}
	if got := strings.Join(seen, ","); !strings.Contains(got, "end "+string(leader.name)) || !strings.Contains(got, "begin "+string(next.name)) {
		t.Fatal(got)
	}
	cancel()
	wg.Wait()
}

func TestSlowWatcherNeverBlocksAndSeesTheNewest(t *testing.T) {
	nodes := newCluster(t, nil)
	leader := leaderOf(t, nodes)
	changes, stop := leader.group.Leadership()
	defer stop()
	for i := range 10 {
		leader.group.leadership.publish(t.Context(), Leadership{true, uint64(100 + i)})
	}
	if v := <-changes; v.Term != 109 {
		t.Fatalf("got %v", v)
	}
}
