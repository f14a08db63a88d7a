// Package test holds the tests that need whole processes: they are killed and
// cut off while traffic runs.
package test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// file submits one small filing and returns its id once it is acknowledged.
func file(ctx context.Context, c *client.Client, key, to string) (exchange.ID, error) {
	content := []byte("content of " + key)
	done, err := c.Submit(ctx, exchange.Submission{Key: key, Kind: "case", To: []string{to}, Type: "上报件", Title: "事项 " + key,
		Files: []exchange.File{{Name: "材料.txt", Size: int64(len(content))}}},
		func(int) (io.Reader, error) { return bytes.NewReader(content), nil })
	return done.ID, err
}

// traffic files n cases from several clients at once and remembers which were
// acknowledged.
func traffic(t *testing.T, c *client.Client, name string, n, clients int, to string, progress *atomic.Int64) map[exchange.ID]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	var mu sync.Mutex
	done := map[exchange.ID]string{}
	var wg sync.WaitGroup
	next := atomic.Int64{}
	for range clients {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				key := fmt.Sprintf("%s-%d", name, i)
				id, err := file(ctx, c, key, to)
				if err != nil {
					t.Errorf("filing %s: %v", key, err)
					return
				}
				mu.Lock()
				if other, twice := done[id]; twice {
					t.Errorf("%s and %s have the same id", key, other)
				}
				done[id] = key
				mu.Unlock()
				progress.Add(1)
			}
		})
	}
	wg.Wait()
	return done
}

// list reads a whole inbox.
func list(ctx context.Context, c *client.Client) (map[exchange.ID]exchange.Summary, error) {
	out := map[exchange.ID]exchange.Summary{}
	q := exchange.ListQuery{Limit: 500}
	for {
		page, err := c.Inbox(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Items {
			if _, twice := out[s.ID]; twice {
				return nil, fmt.Errorf("%s stands twice in the inbox", s.ID)
			}
			out[s.ID] = s
		}
		if q.Before = page.Next; page.Next == "" {
			return out, nil
		}
	}
}

// allArrived checks that what was acknowledged, and nothing else, is in the
// recipient's inbox once, and that the sender holds every receipt.
func allArrived(t *testing.T, f *fleet.Fleet, from, to *client.Client, sent map[exchange.ID]string) {
	t.Helper()
	f.Eventually(2*time.Minute, "every acknowledged filing arrives", func(ctx context.Context) error {
		got, err := list(ctx, to)
		if err != nil {
			return err
		}
		titles := map[string]exchange.ID{}
		for id, s := range got {
			if other, twice := titles[s.Title]; twice {
				t.Fatalf("%q arrived as %s and as %s", s.Title, other, id)
			}
			titles[s.Title] = id
		}
		for id, key := range sent {
			if got[id].Title != "事项 "+key {
				return fmt.Errorf("%d of %d arrived; %s (%s) has not: %q", len(got), len(sent), key, id, got[id].Title)
			}
		}
		return nil
	})
	f.Eventually(2*time.Minute, "the sender holds every receipt", func(ctx context.Context) error {
		for id, key := range sent {
			tr, err := from.Track(ctx, id.String())
			if err != nil {
				return err
			}
			if d := tr.Deliveries; len(d) != 1 || d[0].State != "arrived" || len(d[0].Receipts) < 2 {
				return fmt.Errorf("%s: %+v", key, d)
			}
		}
		return nil
	})
}

func TestTheCitysLeaderIsKilledWithFilingsInFlight(t *testing.T) {
	if testing.Short() {
		t.Skip("nine processes; left out of short runs")
	}
	f := fleet.New(t, nil)
	f.StartAll()
	from, to := f.Client("wjw@320582"), f.Client("wjw@320500")
	const filings = 500
	var progress atomic.Int64
	var sent map[exchange.ID]string
	var wg sync.WaitGroup
	wg.Go(func() { sent = traffic(t, from, "k", filings, 32, "wjw@320500", &progress) })
	for progress.Load() < filings/4 && !t.Failed() {
		time.Sleep(5 * time.Millisecond)
	}
	leader := f.Leader("320500")
	at := progress.Load()
	f.Kill(leader)
	t.Logf("killed %s, leader of the city, after %d of %d acknowledgements", leader, at, filings)
	wg.Wait()
	if len(sent) != filings {
		t.Fatalf("%d of %d filings were acknowledged", len(sent), filings)
	}
	allArrived(t, f, from, to, sent)
	f.Start(leader)
	more := traffic(t, from, "after", 20, 4, "wjw@320500", &progress)
	for id, key := range more {
		sent[id] = key
	}
	allArrived(t, f, from, to, sent)
	soundStores(t, f)
}
