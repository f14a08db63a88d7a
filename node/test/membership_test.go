package test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/check"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// province is the one domain of oneDomain.
const province = exchange.Domain("320000")

// oneDomain leaves the top domain alone, with three replicas.
func oneDomain(f *founding.Federation) { f.Domains = f.Domains[:1] }

// carry runs traffic until stop is called, which also waits for it.
func carry(t *testing.T, r *road) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { r.run(ctx, t) })
	return func() { cancel(); wg.Wait() }
}

// fileLarge files what does not fit into the log.
func fileLarge(t *testing.T, f *fleet.Fleet, r *road, key string) {
	t.Helper()
	content := bytes.Repeat([]byte("content of "+key), 20_000)
	f.Eventually(time.Minute, "a large filing is accepted", func(ctx context.Context) error {
		done, err := r.from.Submit(ctx, exchange.Submission{Key: key, Kind: "case", To: []string{r.target}, Type: "上报件", Title: "事项 " + key,
			Files: []exchange.File{{Name: "材料.bin", Size: int64(len(content))}}},
			func(int) (io.Reader, error) { return bytes.NewReader(content), nil })
		if err == nil {
			r.mu.Lock()
			r.sent[done.ID] = key
			r.mu.Unlock()
		}
		return err
	})
}

func memberOf(ctx context.Context, f *fleet.Fleet, d exchange.Domain, r exchange.Replica) (exchange.MemberStatus, error) {
	s, err := f.LeaderStatus(ctx, d)
	if err != nil {
		return exchange.MemberStatus{}, err
	}
	for _, m := range s.Members {
		if m.Replica == r {
			return m, nil
		}
	}
	return exchange.MemberStatus{}, fmt.Errorf("%s is no member: %+v", r, s.Members)
}

func isVoter(ctx context.Context, f *fleet.Fleet, d exchange.Domain, r exchange.Replica) error {
	m, err := memberOf(ctx, f, d, r)
	if err == nil && !m.Voter {
		err = errors.New("it waits: " + m.WaitsFor)
	}
	return err
}

func another(f *fleet.Fleet, not ...string) string {
	for _, name := range []string{"province-1", "province-2", "province-3"} {
		if !strings.Contains(strings.Join(not, " "), name) {
			return name
		}
	}
	return ""
}

func TestAReplicaIsReplacedUnderTraffic(t *testing.T) {
	if testing.Short() {
		t.Skip("four processes; left out of short runs")
	}
	t.Parallel()
	f := fleet.New(t, oneDomain)
	f.StartAll()
	r := newRoad(f, "wjw@320000", "bgs@320000")
	admin := f.Client(f.Administrator(province))
	ctx := t.Context()
	fileLarge(t, f, r, "large")
	stop := carry(t, r)

	leader := f.Leader(province)
	moved, err := admin.TransferLeadership(ctx, "")
	if err != nil || moved.Leader == exchange.Replica(leader) {
		t.Errorf("leadership of %s was handed over to %q: %v", leader, moved.Leader, err)
	}
	leader = f.Leader(province)
	victim := another(f, leader)
	third := another(f, leader, victim)
	address := f.Prepare(third, "province-4")
	if _, err := admin.JoinReplica(ctx, "province-4", address); exchange.CodeOf(err) != exchange.Conflict {
		t.Errorf("a replica that does not run was joined: %v", err)
	}
	f.Start("province-4")
	f.Eventually(time.Minute, "the new replica is joined", func(ctx context.Context) error {
		_, err := admin.JoinReplica(ctx, "province-4", address)
		return err
	})
	if err := isVoter(ctx, f, province, "province-4"); err == nil {
		t.Error("it votes at once")
	}

	f.Kill(victim)
	f.Eventually(time.Minute, "a removal that would leave no majority is refused", func(ctx context.Context) error {
		_, err := admin.RemoveReplica(ctx, exchange.Replica(third), true)
		if err == nil {
			t.Fatal("it was done")
		}
		if exchange.CodeOf(err) != exchange.Conflict {
			return err
		}
		return nil
	})
	f.Eventually(2*time.Minute, "the new replica votes", func(ctx context.Context) error { return isVoter(ctx, f, province, "province-4") })
	f.Eventually(time.Minute, "the dead replica is removed", func(ctx context.Context) error {
		_, err := admin.RemoveReplica(ctx, exchange.Replica(victim), false)
		if exchange.CodeOf(err) == exchange.NotFound {
			err = nil // the answer before was lost
		}
		return err
	})
	f.Start(victim)
	f.Eventually(time.Minute, "the removed replica learns of it and stops", func(context.Context) error {
		if !f.Said(victim, "this replica was removed from the domain") {
			return errors.New("it goes on")
		}
		return nil
	})
	stop()
	fileLarge(t, f, r, "large too")
	allArrived(t, f, r.from, r.to, r.sent)
	f.Eventually(time.Minute, "all members have caught up", func(ctx context.Context) error { return wellAtLast(ctx, f) })
	sound(t, f, check.Options{Signatures: true, Content: true, Strict: true}, leader, third, "province-4")
}

// wellAtLast checks that every member has everything.
func wellAtLast(ctx context.Context, f *fleet.Fleet) error {
	s, err := f.LeaderStatus(ctx, province)
	if err != nil {
		return err
	}
	if s.Health.State != "healthy" || s.Health.CanLose != 1 {
		return fmt.Errorf("%+v", s.Health)
	}
	for _, m := range s.Members {
		if m.Applied != s.AppliedIndex {
			return fmt.Errorf("%s has applied %d of %d", m.Replica, m.Applied, s.AppliedIndex)
		}
	}
	return nil
}

func TestTheLossOfAMajorityIsRecoveredFrom(t *testing.T) {
	if testing.Short() {
		t.Skip("three processes; left out of short runs")
	}
	t.Parallel()
	f := fleet.New(t, oneDomain)
	f.StartAll()
	r := newRoad(f, "wjw@320000", "bgs@320000")
	fileLarge(t, f, r, "large")
	fileSome(t, f, r, "before", 20)
	f.Eventually(time.Minute, "all have applied it", func(ctx context.Context) error { return wellAtLast(ctx, f) })
	survivor := another(f, f.Leader(province))
	lost := []string{another(f, survivor), another(f, survivor, another(f, survivor))}
	f.KillTogether(lost...)
	refusedWithoutMajority(t, r)
	f.Stop(survivor)

	point := recovered(t, f, survivor)
	f.Start(survivor)
	f.Eventually(time.Minute, "the survivor leads a new life", func(ctx context.Context) error {
		s, err := f.StatusAt(ctx, province, survivor)
		if err == nil && (s.Role != "leader" || s.Incarnation <= point.Incarnation || len(s.Members) != 1) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
	fileSome(t, f, r, "after", 10)
	for _, name := range lost {
		f.Start(name)
	}
	for _, name := range lost {
		f.Eventually(time.Minute, name+" learns that its life is over", func(context.Context) error {
			if !f.Said(name, "the domain began a new life") {
				return errors.New("it goes on")
			}
			return nil
		})
	}
	fileSome(t, f, r, "with the old ones about", 10)
	allArrived(t, f, r.from, r.to, r.sent)

	// Where they reach none of the new life, they remember.
	for _, name := range append(lost, survivor) {
		f.Stop(name)
	}
	for _, name := range lost {
		f.Start(name)
	}
	for _, name := range lost {
		f.Eventually(time.Minute, name+" remembers that its life is over", func(ctx context.Context) error {
			c := f.ClientAt("wjw@320000", name)
			short, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, err := c.Inbox(short, exchange.ListQuery{})
			if err == nil {
				t.Fatal("it serves its old life")
			}
			if !strings.Contains(err.Error(), "hosts 320000 no more") {
				return err
			}
			return nil
		})
		f.Stop(name)
	}
	sound(t, f, check.Options{Signatures: true, Content: true, Strict: true}, survivor)
	wiped(t, f, survivor)
}

// fileSome files n small cases, every one acknowledged.
func fileSome(t *testing.T, f *fleet.Fleet, r *road, name string, n int) {
	t.Helper()
	for i := range n {
		key := fmt.Sprintf("%s-%d", name, i)
		f.Eventually(time.Minute, key+" is accepted", func(ctx context.Context) error {
			id, err := file(ctx, r.from, key, r.target)
			if err == nil {
				r.sent[id] = key
			}
			return err
		})
	}
}

// refusedWithoutMajority checks that nothing is acknowledged then.
func refusedWithoutMajority(t *testing.T, r *road) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if id, err := file(ctx, r.from, "without", r.target); err == nil {
		t.Fatalf("%s was acknowledged without a majority", id)
	}
}

// survivorView is what cluster inspect and recover print of one replica.
type survivorView struct {
	Replica     exchange.Replica  `json:"replica"`
	LastLog     uint64            `json:"last_log"`
	Applied     uint64            `json:"applied_index"`
	Exchanges   uint64            `json:"exchanges"`
	Incarnation uint64            `json:"incarnation"`
	Members     []exchange.Member `json:"members"`
	Index       uint64            `json:"index"`
}

// recovered recovers by the documented commands, and checks that they ask
// before they do.
func recovered(t *testing.T, f *fleet.Fleet, survivor string) survivorView {
	t.Helper()
	run := fleet.Command{Program: fleet.Program(t, "")}
	path := f.ConfigFile(survivor)
	var before []survivorView
	if err := json.Unmarshal([]byte(f.Yizhan("cluster", "inspect", "--config", path, "-o", "json")), &before); err != nil || len(before) != 1 {
		t.Fatalf("inspect: %v, %+v", err, before)
	}
	for _, confirm := range []string{"", "320500"} {
		if end := run.Run(t, "cluster", "recover", "--config", path, "--domain", string(province), "--as-of-survivor", "--confirm", confirm); end.Status != 1 {
			t.Fatalf("recovered with confirmation %q: %+v", confirm, end)
		}
	}
	var after []survivorView
	if err := json.Unmarshal([]byte(f.Yizhan("cluster", "inspect", "--config", path, "-o", "json")), &after); err != nil || after[0].LastLog != before[0].LastLog {
		t.Fatalf("a recovery that was not confirmed changed the log: %+v, then %+v, %v", before, after, err)
	}
	var done survivorView
	out := f.Yizhan("cluster", "recover", "--config", path, "--domain", string(province), "--as-of-survivor", "--confirm", string(province), "-o", "json")
	if err := json.Unmarshal([]byte(out), &done); err != nil || done.LastLog != before[0].LastLog || done.Index != done.LastLog+1 || len(done.Members) != 3 {
		t.Fatalf("recover: %v, %+v after %+v", err, done, before)
	}
	return done
}

// wiped empties a voter's data and tries to start it under its name.
func wiped(t *testing.T, f *fleet.Fleet, name string) {
	t.Helper()
	if err := os.RemoveAll(f.Config(name).Data); err != nil {
		t.Fatal(err)
	}
	end := fleet.Command{Program: fleet.Program(t, "")}.Run(t, "run", "--config", f.ConfigFile(name))
	if end.Status != 1 || !strings.Contains(end.Stderr, "took part in its domain before") || !strings.Contains(end.Stderr, "cluster remove "+name) {
		t.Errorf("a voter without its data: %+v", end)
	}
}
