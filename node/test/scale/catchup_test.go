//go:build soak

package scale

import (
	"context"
	"flag"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/raftnode"
	"github.com/yizhan-exchange/yizhan/node/store"
)

var (
	rate    = flag.Int64("rate", 0, "bytes a second of the state on its way; the default of node/raftnode when 0")
	clients = flag.Int("clients", 8, "clients that submit meanwhile")
)

type tcp struct{ net.Listener }

func (tcp) Dial(ctx context.Context, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

func listen(t *testing.T, address string) tcp {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return tcp{l}
}

// latencies collects how long commits take.
type latencies struct {
	mu   sync.Mutex
	took []time.Duration
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, d)
}

// report tells what was collected since the last report.
func (l *latencies) report(t *testing.T, what string, over time.Duration) (p99 time.Duration) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	slices.Sort(l.took)
	n := len(l.took)
	if n == 0 {
		t.Errorf("%s: nothing was committed in %s", what, over)
		return 0
	}
	p99 = l.took[n*99/100]
	t.Logf("%-8s %6d commits in %6s: p50 %7s  p99 %7s  longest %7s", what, n, over.Round(100*time.Millisecond),
		l.took[n/2].Round(10*time.Microsecond), p99.Round(10*time.Microsecond), l.took[n-1].Round(10*time.Microsecond))
	l.took = l.took[:0]
	return p99
}

// TestCatchUpBesideALeader sends the state of a large replica to an empty one
// while clients submit. Sender and receiver share disk and processors here.
func TestCatchUpBesideALeader(t *testing.T) {
	h := newHome(t)
	h.found(t)
	p, err := sm.New("")
	if err != nil {
		t.Fatal(err)
	}
	large := h.large(t, p)
	address, name := h.conf.Domains[0].Address(), h.conf.Domains[0].Replica
	start := func(name exchange.Replica, dir, address string, s *store.Store, l tcp) *raftnode.Group {
		g, err := raftnode.Start(raftnode.Config{Domain: domain, Replica: name, Dir: dir, Address: address, Stream: l, Store: s,
			Applier: &ledger.Machine{Sum: p.Sum}, Logger: slog.New(slog.DiscardHandler), TransferRate: *rate, SnapshotInterval: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = g.Close(context.Background()); _ = s.Close() })
		return g
	}
	leader := start(name, h.path("log"), address, large, listen(t, address))
	for !leader.IsLeader() {
		time.Sleep(10 * time.Millisecond)
	}

	var seen latencies
	h.traffic(t, p, leader, &seen)
	const quiet = 15 * time.Second
	time.Sleep(quiet)
	before := seen.report(t, "before", quiet)

	dir, l := t.TempDir(), listen(t, "127.0.0.1:0")
	late, err := store.Open(filepath.Join(dir, "state"), store.Options{Hash: p.Sum})
	if err != nil {
		t.Fatal(err)
	}
	follower := start("late", filepath.Join(dir, "log"), l.Addr().String(), late, l)
	begun := time.Now()
	if err := leader.AddNonvoter(t.Context(), raftnode.Server{Replica: "late", Address: l.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	for installed := time.Duration(0); ; time.Sleep(20 * time.Millisecond) {
		at := late.AppliedIndex()
		if at > 0 && installed == 0 {
			installed = time.Since(begun)
			t.Logf("the state was installed after %s", installed.Round(time.Millisecond))
		}
		if at > 0 && leader.Status().Applied < at+16 {
			break
		}
		if time.Since(begun) > 30*time.Minute {
			t.Fatalf("still not caught up: at %d of %d", at, leader.Status().Applied)
		}
	}
	took := time.Since(begun)
	during := seen.report(t, "during", took)
	info, err := late.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	size := info.Size()
	_ = info.Close()
	t.Logf("caught up after %s: %d MiB, %.0f MiB a second; states received: %d", took.Round(time.Millisecond), size>>20, float64(size>>20)/took.Seconds(), follower.Status().Received)
	time.Sleep(quiet)
	seen.report(t, "after", quiet)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("heap of sender and receiver together: %d MiB, taken from the system %d MiB", m.HeapAlloc>>20, m.Sys>>20)
	if n := follower.Status().Received; n != 1 {
		t.Errorf("the state was sent %d times", n)
	}
	t.Logf("the 99th percentile rose %.1f times", float64(during)/float64(before))
}

// large opens the store of the home, filled.
func (h home) large(t *testing.T, p sm.Provider) *store.Store {
	t.Helper()
	s, err := store.Open(h.path("state"), store.Options{Hash: p.Sum})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, s, p, *exchanges)
	adopt(t, s, h.path("log"), h.conf.Domains[0].Replica, h.conf.Domains[0].Address())
	return s
}

// traffic submits until the test ends.
func (h home) traffic(t *testing.T, p sm.Provider, leader *raftnode.Group, seen *latencies) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for c := range *clients {
		x := newShaper(p.Sum, uint64(time.Now().UnixNano())+uint64(c), time.Now(), time.Millisecond)
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				command := x.submit(i)
				begun := time.Now()
				if _, err := leader.Propose(ctx, command); err == nil {
					seen.add(time.Since(begun))
				}
				select {
				case <-time.After(10 * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
	}
	t.Cleanup(func() { cancel(); wg.Wait() })
}
