package test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

const (
	largeChunks = largeSize >> 20
	memoryLimit = 200 << 20
	inFlight    = 24 // chunks that may have been on their way when the line broke
)

// stream is reproducible content that fits nowhere in memory.
type stream struct {
	source *rand.ChaCha8
	left   int64
}

func newStream(size int64) *stream {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(size))
	return &stream{rand.NewChaCha8(seed), size}
}

func (s *stream) Read(b []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.source.Read(b[:min(int64(len(b)), s.left)])
	s.left -= int64(n)
	return n, err
}

// watchMemory keeps the largest anonymous memory of each process.
func watchMemory(f *fleet.Fleet) (stop func() map[string]int64) {
	peak, done := map[string]int64{}, make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for tick := time.NewTicker(100 * time.Millisecond); ; {
			for _, name := range f.Names() {
				peak[name] = max(peak[name], f.AnonymousMemory(name))
			}
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	})
	return func() map[string]int64 { close(done); wg.Wait(); return peak }
}

// throughProxies puts a proxy before every link address of the city, as the
// county sees it.
func throughProxies(t *testing.T, f *fleet.Fleet) (proxies []*fleet.Proxy) {
	byTarget := map[string]*fleet.Proxy{}
	for _, name := range f.Names() {
		c := f.Config(name)
		if c.Domains[0].Domain != "320582" {
			continue
		}
		for i, target := range c.Domains[0].Superior.Endpoints {
			if byTarget[target] == nil {
				byTarget[target] = fleet.NewProxy(t, target)
				proxies = append(proxies, byTarget[target])
			}
			c.Domains[0].Superior.Endpoints[i] = byTarget[target].Address()
		}
		c.Domains[0].Superior.Retry = config.Retry{First: config.Duration(100 * time.Millisecond), Ceiling: config.Duration(time.Second)}
		f.Save(name)
	}
	return proxies
}

func TestALargeFilingIsRelayedAndResumesWhereTheLineBroke(t *testing.T) {
	if testing.Short() {
		t.Skip("more than a process may hold, through nine processes; left out of short runs")
	}
	f := fleet.New(t, func(d *founding.Federation) { d.BasePort = 0 })
	proxies := throughProxies(t, f)
	f.StartAll()
	stop := watchMemory(f)
	county, province := f.Client("wjw@320582"), f.Client("wjw@320000")
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	begun := time.Now()
	sent := sha256.New()
	done, err := county.Submit(ctx, exchange.Submission{Key: "large", Kind: "case", To: []string{"wjw@320000"}, Type: "上报件", Title: "影像资料",
		Files: []exchange.File{{Name: "影像.bin", Size: largeSize}}},
		func(int) (io.Reader, error) { sent.Reset(); return io.TeeReader(newStream(largeSize), sent), nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("accepted after %v", time.Since(begun))
	received := func() uint64 {
		return chunks(ctx, f, "320500", func(l exchange.LinkStatus) uint64 { return l.ChunksReceived })
	}
	f.Eventually(5*time.Minute, "half of the chunks are at the city", func(context.Context) error { return atLeast(received(), largeChunks/2) })
	for _, p := range proxies {
		p.Cut()
	}
	f.Eventually(time.Minute, "the city notices", func(ctx context.Context) error { return disconnected(ctx, f, "320500") })
	half := received()
	if half >= largeChunks {
		t.Fatalf("the line broke after everything had arrived: %d chunks", half)
	}
	for _, p := range proxies {
		p.Mend()
	}
	f.Eventually(6*time.Minute, "it arrives at the province", func(ctx context.Context) error { return hasState(ctx, county, done.ID, "arrived") })
	t.Logf("arrived after %v; the line broke after %d chunks", time.Since(begun), half)
	if total := received(); total < largeChunks || total > largeChunks+1+inFlight {
		t.Errorf("the city received %d chunks of %d: chunks that had arrived were sent again", total, largeChunks+1)
	}
	sameContent(ctx, t, f, done.ID, sent, province)
	for name, peak := range stop() {
		t.Logf("%s: at most %d MiB of anonymous memory", name, peak>>20)
		if peak > memoryLimit {
			t.Errorf("%s held %d MiB of anonymous memory, more than %d", name, peak>>20, memoryLimit>>20)
		}
	}
}

func sameContent(ctx context.Context, t *testing.T, _ *fleet.Fleet, id exchange.ID, sent hash.Hash, to exchange.Service) {
	t.Helper()
	got := sha256.New()
	if err := to.Fetch(ctx, id.String(), nil, func(int, exchange.File) (io.Writer, error) { return got, nil }); err != nil {
		t.Fatal(err)
	}
	if string(got.Sum(nil)) != string(sent.Sum(nil)) {
		t.Error("the content is not byte-identical")
	}
}
