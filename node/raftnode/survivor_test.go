package raftnode

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/node/store"
)

// inspected looks at a killed replica.
func inspected(t *testing.T, n *node, do func(Offline)) {
	t.Helper()
	s, err := store.Open(filepath.Join(n.dir, "state"), store.Options{Hash: hash(t), MapSize: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	do(Offline{Dir: filepath.Join(n.dir, "raft"), Store: s})
}

func TestASurvivorCommitsWhatItsLogHoldsAndGoesOnAlone(t *testing.T) {
	nodes := newCluster(t, nil)
	propose(t, nodes, "acknowledged")
	agree(t, nodes)
	survivor := leaderOf(t, nodes)
	for _, n := range without(nodes, survivor) {
		n.kill()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	eventually(t, "a command is in the log of the survivor alone", func() error {
		_, err := survivor.group.Propose(ctx, []byte("unknown"))
		if err == nil {
			t.Fatal("committed without a majority")
		}
		if last := survivor.group.raft.LastIndex(); last <= survivor.store.AppliedIndex() {
			return err // refused before it was appended
		}
		return nil
	})
	term := survivor.group.Term()
	survivor.kill()

	inspected(t, survivor, func(o Offline) {
		i, err := Inspect(o)
		if err != nil {
			t.Fatal(err)
		}
		if len(i.Members) != 3 || i.Term < term || i.LastLog <= i.Applied || len(i.Uncertain) == 0 || i.LastAt.IsZero() {
			t.Fatalf("%+v", i)
		}
		if !slices.ContainsFunc(i.Uncertain, func(e LogEntry) bool {
			return slices.ContainsFunc(e.Commands, func(c []byte) bool { return string(c) == "unknown" })
		}) {
			t.Errorf("the uncertain command is not told: %+v", i.Uncertain)
		}
		for range 2 { // twice is harmless
			if _, err := Recover(o, Server{survivor.name, survivor.address}); err != nil {
				t.Fatal(err)
			}
		}
	})

	survivor.start()
	alone := []*node{survivor}
	propose(t, alone, "after")
	for _, command := range []string{"acknowledged", "unknown", "after"} {
		if n := count(t, survivor, command); n != 1 {
			t.Errorf("%q was applied %d times", command, n)
		}
	}
	if members := survivor.group.Membership(); len(members) != 1 || members[0].Replica != survivor.name {
		t.Errorf("members: %v", members)
	}
	if now := survivor.group.Term(); now < term+termLeap {
		t.Errorf("term %d is within reach of the old life, which was at %d", now, term)
	}

	fresh := newNode(t, "d")
	fresh.start()
	if err := survivor.group.AddNonvoter(t.Context(), Server{fresh.name, fresh.address}); err != nil {
		t.Fatal(err)
	}
	agree(t, append(alone, fresh))
}

func TestInspectingChangesNothingAndNeedsALog(t *testing.T) {
	n := newNode(t, "a")
	n.bootstrap = []Server{{n.name, n.address}}
	n.start()
	propose(t, []*node{n}, "one")
	n.kill()
	inspected(t, n, func(o Offline) {
		first, err := Inspect(o)
		if err != nil {
			t.Fatal(err)
		}
		second, err := Inspect(o)
		if err != nil || first.LastLog != second.LastLog || first.Term != second.Term {
			t.Errorf("%+v, then %+v, %v", first, second, err)
		}
		o.Dir = filepath.Join(t.TempDir(), "empty")
		if _, err := Inspect(o); !errors.Is(err, ErrNoLog) {
			t.Errorf("no log: %v", err)
		}
		if _, err := os.Stat(o.Dir); err == nil {
			t.Error("looking made a directory")
		}
	})
}

func TestAReplicaThatTookPartDoesNotStartWithoutItsLog(t *testing.T) {
	nodes := newCluster(t, nil)
	propose(t, nodes, "one")
	wiped := without(nodes, leaderOf(t, nodes))[0]
	wiped.kill()
	for _, dir := range []string{"raft", "state"} {
		if err := os.RemoveAll(filepath.Join(wiped.dir, dir)); err != nil {
			t.Fatal(err)
		}
	}
	c := wiped.config()
	c.TookPart = true
	if g, err := Start(c); !errors.Is(err, ErrWiped) {
		t.Fatalf("%v, %v: it would vote without what it promised", g, err)
	}
	_ = wiped.store.Close()
}

func TestTakingPartIsNotedBeforeTheFirstVote(t *testing.T) {
	n := newNode(t, "a")
	n.bootstrap = []Server{{n.name, n.address}}
	c := n.config()
	c.TakePart = func() error { return errors.New("the key store is full") }
	if _, err := Start(c); err == nil {
		t.Fatal("it takes part, and nothing remembers it")
	}
	_ = n.store.Close()
}

func TestWhoeverMayNotLeadStops(t *testing.T) {
	over := errors.New("the domain lives on without this replica")
	n := newNode(t, "a")
	n.bootstrap = []Server{{n.name, n.address}}
	n.tune = func(c *Config) { c.MayLead = func(context.Context) error { return over } }
	n.start()
	eventually(t, "the group stops", func() error {
		if n.group.IsLeader() {
			t.Fatal("it leads")
		}
		if !errors.Is(n.group.StoppedErr(), over) {
			return errors.New("it has not stopped")
		}
		return nil
	})
}
