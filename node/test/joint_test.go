package test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// road is traffic from one unit to another that goes on until it is stopped.
type road struct {
	from, to *client.Client
	name     string
	target   string
	mu       sync.Mutex
	sent     map[exchange.ID]string
	longest  time.Duration // between two acknowledgements
	last     time.Time
}

func newRoad(f *fleet.Fleet, from, to string) *road {
	return &road{from: f.Client(from), to: f.Client(to), name: from + ">" + to, target: to, sent: map[exchange.ID]string{}, last: time.Now()}
}

// run files one case after another. Every one must be acknowledged, however
// long that takes: the client asks again with the same key.
func (r *road) run(ctx context.Context, t *testing.T) {
	for i := 0; ctx.Err() == nil; i++ {
		key := fmt.Sprintf("%s-%d", r.name, i)
		try, cancel := context.WithTimeout(context.Background(), time.Minute)
		id, err := file(try, r.from, key, r.target)
		cancel()
		if err != nil {
			t.Errorf("filing %s: %v", key, err)
			return
		}
		r.mu.Lock()
		r.sent[id] = key
		r.longest = max(r.longest, time.Since(r.last))
		r.last = time.Now()
		r.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
}

// gap returns the longest wait for an acknowledgement since the last call.
func (r *road) gap() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := max(r.longest, time.Since(r.last))
	r.longest = 0
	return g
}

func TestAnyHostOfAJointFederationMayFail(t *testing.T) {
	if testing.Short() {
		t.Skip("three processes killed in turn; left out of short runs")
	}
	f := fleet.New(t, func(d *founding.Federation) { d.Topology, d.BasePort = founding.Joint, 0 })
	f.StartAll()
	roads := []*road{newRoad(f, "wjw@320582", "wjw@320500"), newRoad(f, "wjw@320500", "wjw@320000"), newRoad(f, "wjw@320000", "wjw@320582")}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	halt := func() { cancel(); wg.Wait() }
	t.Cleanup(halt) // also when an outage ends the test
	for _, r := range roads {
		wg.Go(func() { r.run(ctx, t) })
	}
	for _, name := range []string{"province", "city", "county"} {
		if !t.Failed() {
			outage(t, f, roads, name)
		}
	}
	halt()
	for _, r := range roads {
		t.Logf("%s: %d acknowledged", r.name, len(r.sent))
		allArrived(t, f, r.from, r.to, r.sent)
	}
	soundStores(t, f)
}

// outage kills one host under traffic. Every domain must accept and deliver
// again within ten seconds, and the host must catch up when it returns.
func outage(t *testing.T, f *fleet.Fleet, roads []*road, name string) {
	t.Helper()
	const limit = 10 * time.Second
	for _, r := range roads {
		r.gap()
	}
	f.Kill(name)
	killed := time.Now()
	for _, r := range roads {
		probe := fmt.Sprintf("probe-%s-%s", name, r.name)
		f.Eventually(limit-time.Since(killed), r.name+" delivers without "+name, func(ctx context.Context) error {
			id, err := file(ctx, r.from, probe, r.target)
			if err != nil {
				return err
			}
			r.mu.Lock()
			r.sent[id] = probe
			r.mu.Unlock()
			return hasState(ctx, r.from, id, "arrived")
		})
		t.Logf("without %s, %s delivers after %v", name, r.name, time.Since(killed).Round(time.Millisecond))
	}
	time.Sleep(time.Second)
	for _, r := range roads {
		if g := r.gap(); g > limit {
			t.Errorf("%s was not accepted for %v", r.name, g)
		}
	}
	f.Start(name)
	f.Eventually(time.Minute, name+" catches up", func(ctx context.Context) error { return caughtUp(ctx, f, name) })
}

// caughtUp checks that a returned host has applied, in every domain, what the
// others had when it was asked.
func caughtUp(ctx context.Context, f *fleet.Fleet, name string) error {
	for _, d := range f.Domains() {
		now, err := f.LeaderStatus(ctx, d)
		if err != nil {
			return err
		}
		here, err := f.StatusAt(ctx, d, name)
		if err != nil {
			return err
		}
		if here.Role == "stopped" || here.AppliedIndex+50 < now.AppliedIndex {
			return fmt.Errorf("%s of %s is %s at %d, the leader at %d", name, d, here.Role, here.AppliedIndex, now.AppliedIndex)
		}
	}
	return nil
}
