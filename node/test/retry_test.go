package test

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// clientAt speaks as an identity of the fleet to one address.
func clientAt(t *testing.T, f *fleet.Fleet, as, address string) *client.Client {
	t.Helper()
	conf := identity(t, f, as)
	conf.Endpoints = []string{address}
	c, err := client.Dial(conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func identity(t *testing.T, f *fleet.Fleet, as string) client.Config {
	t.Helper()
	settings, err := client.LoadConfig(filepath.Join(f.Dir, "client.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	conf, err := settings.Pick(as)
	if err != nil {
		t.Fatal(err)
	}
	return conf
}

// again hands in the filing of a key. The words are the same for every key.
func again(ctx context.Context, c *client.Client, key, content string) (exchange.Submitted, error) {
	return c.Submit(ctx, exchange.Submission{Key: key, Kind: "case", To: []string{"wjw@320500"}, Type: "上报件", Title: "重复提交",
		Files: []exchange.File{{Name: "材料.txt", Size: int64(len(content))}}},
		func(int) (io.Reader, error) { return bytes.NewReader([]byte(content)), nil })
}

// sameReceipt reports whether two answers hold one receipt, byte for byte.
func sameReceipt(a, b exchange.Submitted) bool {
	x, y := a.Receipt.Signed, b.Receipt.Signed
	return a.ID == b.ID && len(x.Bytes) > 0 && bytes.Equal(x.Bytes, y.Bytes) && x.Sig == y.Sig && x.Key == y.Key
}

func TestARetryGetsTheOriginalReceipt(t *testing.T) {
	if testing.Short() {
		t.Skip("five processes; left out of short runs")
	}
	f := small(t, func(f *founding.Federation) { f.Domains[2].Replicas = 3 })
	f.StartAll()
	t.Run("after the answer was lost", func(t *testing.T) { lostAnswer(t, f) })
	t.Run("at once through different replicas", func(t *testing.T) { allAtOnce(t, f) })
	f.Eventually(time.Minute, "the city has each exchange once", func(ctx context.Context) error {
		got, err := list(ctx, f.Client("wjw@320500"))
		if err == nil && len(got) != 2 {
			err = exchange.Errorf(exchange.Unavailable, "test", "%d in the inbox", len(got))
		}
		return err
	})
}

// lostAnswer cuts the connection after the request and before the answer.
func lostAnswer(t *testing.T, f *fleet.Fleet) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	proxy := fleet.NewProxy(t, f.Config("county-1").Listen.API)
	direct, cut := f.Client("wjw@320582"), clientAt(t, f, "wjw@320582", proxy.Address())
	if _, err := cut.Capabilities(ctx); err != nil { // connected
		t.Fatal(err)
	}
	proxy.Mute()
	type outcome struct {
		exchange.Submitted
		error
	}
	answer := make(chan outcome, 1)
	go func() { done, err := again(ctx, cut, "lost", "once"); answer <- outcome{done, err} }()
	f.Eventually(30*time.Second, "the request is done", func(ctx context.Context) error {
		out, err := direct.Outbox(ctx, exchange.ListQuery{})
		if err == nil && len(out.Items) != 1 {
			err = exchange.Errorf(exchange.Unavailable, "test", "%d in the outbox", len(out.Items))
		}
		return err
	})
	proxy.Cut()
	select {
	case got := <-answer:
		t.Fatalf("an answer came through a cut connection: %+v", got)
	default:
	}
	proxy.Mend()
	got := <-answer
	if got.error != nil || !got.Replayed {
		t.Fatalf("the client asked again and was told %+v, %v", got.Submitted, got.error)
	}
	for i := range 3 {
		c := clientAt(t, f, "wjw@320582", f.Config([]string{"county-1", "county-2", "county-3"}[i]).Listen.API)
		if more, err := again(ctx, c, "lost", "once"); err != nil || !more.Replayed || !sameReceipt(more, got.Submitted) {
			t.Errorf("asked once more: %+v, %v; before %+v", more, err, got.Submitted)
		}
		if _, err := again(ctx, c, "lost", "ONCE"); exchange.CodeOf(err) != exchange.Conflict {
			t.Errorf("other content under the same key: %v", err)
		}
	}
	tr, err := direct.Track(ctx, got.ID.String())
	if err != nil || !bytes.Equal(tr.Deliveries[0].Receipts[0].Signed.Bytes, got.Receipt.Signed.Bytes) {
		t.Errorf("the ledger has another receipt: %+v, %v", tr, err)
	}
}

// allAtOnce has eight callers use one key through three replicas.
func allAtOnce(t *testing.T, f *fleet.Fleet) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var clients []*client.Client
	for _, name := range []string{"county-1", "county-2", "county-3"} {
		clients = append(clients, clientAt(t, f, "wjw@320582", f.Config(name).Listen.API))
	}
	var answers [8]exchange.Submitted
	var errs [8]error
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i], errs[i] = again(ctx, clients[i%3], "together", "once") })
	}
	wg.Wait()
	originals := 0
	for i, got := range answers {
		if errs[i] != nil || !sameReceipt(got, answers[0]) {
			t.Errorf("caller %d: %+v, %v; the first has %+v", i, got, errs[i], answers[0])
		}
		if !got.Replayed {
			originals++
		}
	}
	if originals != 1 {
		t.Errorf("%d callers are told that theirs is the original", originals)
	}
}
