package powercut

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/check"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

func TestMain(m *testing.M) {
	m.Run()
	fleet.Clean()
}

// county is one domain of three replicas, each with a disk of its own.
type county struct {
	*fleet.Fleet
	t      *testing.T
	places map[string]*Place
	names  []string

	stop    chan struct{}
	workers sync.WaitGroup
	asked   atomic.Int64
	mu      sync.Mutex
	acked   map[string]exchange.Submitted
	refused []string // keys of which it was said that nothing was done
	client  *client.Client
}

const recipient = "bgs@320582"

// newCounty mounts the disks; nothing runs yet.
func newCounty(t *testing.T) *county {
	c := &county{t: t, places: map[string]*Place{}, stop: make(chan struct{}), acked: map[string]exchange.Submitted{}}
	first := NewPlace(t)
	c.Fleet = fleet.New(t, func(f *founding.Federation) {
		f.Domains = f.Domains[2:]
		f.Domains[0].Parent = ""
	})
	for _, name := range []string{"county-1", "county-2", "county-3"} {
		p := first
		if first = nil; p == nil {
			p = NewPlace(t)
		}
		c.places[name] = p
		c.names = append(c.names, name)
		n := c.Config(name)
		n.Data = filepath.Join(p.Dir, "data")
		n.Domains[0].Heartbeat = config.Duration(500 * time.Millisecond)
		n.Domains[0].Limits.FreeDisk = config.Size(1 << 20)
		c.Save(name)
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("last words of %s:\n%s", name, c.Words(name))
			}
			c.Kill(name)
		})
	}
	c.client = c.Client("wjw@320582")
	return c
}

func content(key string) []byte {
	size := 200
	if strings.HasSuffix(key, "0") || strings.HasSuffix(key, "5") {
		size = 50_000 // too large to ride in a command
	}
	return bytes.Repeat([]byte(key+"\n"), 1+size/len(key))
}

func (c *county) submit(ctx context.Context, key string) (exchange.Submitted, error) {
	return c.submitBy(ctx, c.client, key)
}

func (c *county) submitBy(ctx context.Context, by *client.Client, key string) (exchange.Submitted, error) {
	b := content(key)
	return by.Submit(ctx, exchange.Submission{Key: key, Kind: "case", To: []string{recipient}, Type: "上报件", Title: "事项 " + key,
		Files: []exchange.File{{Name: "材料.txt", Size: int64(len(b))}}},
		func(int) (io.Reader, error) { return bytes.NewReader(b), nil })
}

// traffic submits until settle, and remembers what was acknowledged. What was
// not is asked again under the same key.
func (c *county) traffic(clients int) {
	for range clients {
		c.workers.Go(func() {
			for {
				key := fmt.Sprintf("p-%d", c.asked.Add(1))
				if !c.insist(key) {
					return
				}
			}
		})
	}
}

// insist submits until it is acknowledged, or the traffic ends.
func (c *county) insist(key string) bool {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		go func() {
			select {
			case <-c.stop:
				cancel()
			case <-ctx.Done():
			}
		}()
		done, err := c.submit(ctx, key)
		cancel()
		if err == nil {
			c.mu.Lock()
			c.acked[key] = done
			c.mu.Unlock()
		}
		select {
		case <-c.stop:
			return false
		default:
		}
		if err == nil {
			return true
		}
		if code := exchange.CodeOf(err); code == exchange.Corrupt || code == exchange.Conflict || code == exchange.Internal {
			c.t.Errorf("%s: %v", key, err)
			return false
		}
	}
}

func (c *county) count() int { c.mu.Lock(); defer c.mu.Unlock(); return len(c.acked) }

// until waits for n more acknowledgements.
func (c *county) until(n int) {
	c.t.Helper()
	n += c.count()
	c.Eventually(2*time.Minute, "acknowledgements", func(context.Context) error {
		if got := c.count(); got < n {
			return fmt.Errorf("%d of %d", got, n)
		}
		return nil
	})
}

// cut takes the power from some replicas and gives it back to them. Each loses
// something else, or all lose everything that they did not sync.
func (c *county) cut(r *rand.Rand, names ...string) {
	c.t.Helper()
	left := map[string]*Disk{}
	worst := r.IntN(2) == 0
	for _, name := range names {
		loss := Loss(r.IntN(int(losses)))
		if worst {
			loss = LoseAll
		}
		seed := r.Uint64()
		c.t.Logf("%s loses power, what is lost: %s; %d acknowledged; not synced: %s", name, loss, c.count(), c.places[name].Disk.Unsynced())
		left[name] = c.places[name].Disk.Cut(loss, seed)
	}
	for _, name := range names {
		c.Kill(name)
		c.places[name].Put(left[name])
	}
}

// settle ends the traffic and holds what was acknowledged against what is
// there: asked again, each gives the receipt that it gave first, and the
// outbox has each once.
func (c *county) settle() {
	c.t.Helper()
	close(c.stop)
	c.workers.Wait()
	c.WaitReady(time.Minute)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for key, first := range c.acked {
		again, err := c.submit(ctx, key)
		if err != nil || again.ID != first.ID || !again.Replayed || !reflect.DeepEqual(again.Receipt.Signed, first.Receipt.Signed) {
			c.t.Errorf("%s was acknowledged as %s, and now: %s, again %v, %v", key, first.ID, again.ID, again.Replayed, err)
		}
	}
	titles := map[string]exchange.ID{}
	for q := (exchange.ListQuery{Limit: 500}); ; {
		page, err := c.client.Outbox(ctx, q)
		must(c.t, err)
		for _, s := range page.Items {
			if other, twice := titles[s.Title]; twice {
				c.t.Errorf("%s was done twice: %s and %s", s.Title, other, s.ID)
			}
			titles[s.Title] = s.ID
		}
		if q.Before = page.Next; page.Next == "" {
			break
		}
	}
	for key, first := range c.acked {
		if got := titles["事项 "+key]; got != first.ID {
			c.t.Errorf("%s was acknowledged as %s and stands in the outbox as %q", key, first.ID, got)
		}
	}
	for _, key := range c.refused {
		if got, done := titles["事项 "+key]; done {
			c.t.Errorf("%s was refused, nothing was to be done, and it stands in the outbox as %s", key, got)
		}
	}
	c.t.Logf("%d acknowledged, %d asked for, %d in the outbox", len(c.acked), c.asked.Load(), len(titles))
}

// sound stops everything and has each replica checked by itself and against the
// others. Chunks that one replica lacks are said and allowed here, not chunks
// that two lack. The check is a process of its own: one that maps a file and
// serves the disk which the file is on waits for itself sooner or later.
func (c *county) sound(expected ...func(*check.Report, check.Finding) bool) {
	c.t.Helper()
	var all []*check.Report
	missing := map[string]int{}
	for _, name := range c.names {
		c.Stop(name)
	}
	for _, name := range c.names {
		all = append(all, c.check(name)...)
	}
	for _, r := range all {
		for _, found := range r.Findings {
			if found.Code == check.ContentMissing {
				missing[fmt.Sprint(found)]++
				continue
			}
			if len(expected) == 0 || !expected[0](r, found) {
				c.t.Errorf("%s: %s", r.Replica, found)
			}
		}
	}
	for what, replicas := range missing {
		if replicas > 1 {
			c.t.Errorf("on %d replicas: %s", replicas, what)
		}
	}
	for _, found := range check.Replicas(all...) {
		c.t.Error(found)
	}
}

func (c *county) check(name string) []*check.Report {
	c.t.Helper()
	command := fleet.Command{Program: fleet.Program(c.t, ""), Within: 5 * time.Minute}
	ended := command.Run(c.t, "cluster", "check", "--config", filepath.Join(c.Dir, "nodes", name, "node.yaml"), "--signatures", "--content", "-o", "json")
	var out struct {
		Replicas []*check.Report `json:"replicas"`
	}
	if err := json.Unmarshal([]byte(ended.Stdout), &out); err != nil || len(out.Replicas) == 0 {
		c.t.Errorf("checking %s: status %d, %v\n%s%s", name, ended.Status, err, ended.Stdout, ended.Stderr)
	}
	return out.Replicas
}
