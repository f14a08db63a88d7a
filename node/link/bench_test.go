package link

import (
	"context"
	"encoding/binary"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
)

// stream of chunks without end: one end wants total chunks and forgets each,
// the other makes them from their address.
type endless struct {
	*model
	total   uint64
	data    []byte
	done    [1 << 16]atomic.Bool
	stored  atomic.Uint64
	onStore func()
}

func (e *endless) Wanted(_ exchange.Domain, limit int) (out []crypto.Digest, _ error) {
	for n := uint64(0); n < e.total && len(out) < limit; n++ {
		if !e.done[n].Load() {
			var d crypto.Digest
			binary.BigEndian.PutUint64(d[:], n)
			out = append(out, d)
		}
	}
	return out, nil
}

func (e *endless) PutChunk(_ context.Context, _ delivery.Session, d crypto.Digest, _ []byte) error {
	if e.onStore != nil {
		e.onStore()
	}
	e.done[binary.BigEndian.Uint64(d[:])].Store(true)
	e.stored.Add(1)
	return nil
}

func (e *endless) Chunk(context.Context, exchange.Domain, crypto.Digest) ([]byte, error) {
	return e.data, nil
}

func TestMemoryDoesNotGrowWithTheFile(t *testing.T) {
	if testing.Short() {
		t.Skip("moves half a gigabyte")
	}
	noLeaks(t)
	const total = 512
	var peak atomic.Uint64
	down := &endless{model: newModel(city, 1), total: total}
	var stores atomic.Uint64
	down.onStore = func() {
		if stores.Add(1)%16 != 0 {
			return
		}
		runtime.GC() // what is held counts, not when garbage was collected
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak.Store(max(peak.Load(), m.HeapInuse+m.StackInuse))
	}
	up := &endless{model: newModel(county, 1), data: make([]byte, 1<<20)}
	p := newParent(t, down, quick)
	newChild(t, up, quick, p.addr)
	if !eventually(60*time.Second, func() bool { return down.stored.Load() == total }) {
		t.Fatalf("%d of %d chunks", down.stored.Load(), total)
	}
	t.Logf("%d MiB for both ends together", peak.Load()>>20)
	if peak.Load() > 96<<20 { // 48 MiB for each end: 24 chunks, twice
		t.Errorf("%d MiB in use", peak.Load()>>20)
	}
}

func BenchmarkMessages(b *testing.B) {
	msg := make([]byte, 4<<10)
	opt := quick
	opt.Heartbeat, opt.Dead = 0, 0
	w := newWorld(b, opt)
	w.dialerDirect(b, opt)
	b.SetBytes(int64(len(msg)))
	b.ResetTimer()
	for sent := 0; sent < b.N; {
		batch := make([][]byte, min(256, b.N-sent))
		for i := range batch {
			batch[i] = msg
		}
		w.up.queue(city, exchange.ClassOrdinary, batch...)
		sent += len(batch)
	}
	for w.down.got(county) < b.N {
		time.Sleep(100 * time.Microsecond)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

func BenchmarkRoundTrip(b *testing.B) {
	msg := make([]byte, 4<<10)
	arrived := make(chan struct{}, 1)
	w := &world{up: newModel(county, 1), down: newModel(city, 1)}
	w.up.onRow = func(delivery.Row) { arrived <- struct{}{} }
	w.down.onRow = func(delivery.Row) { go w.down.queue(county, exchange.ClassControl, []byte("receipt")) }
	w.start(b, quick)
	w.dialerDirect(b, quick)
	b.ResetTimer()
	for range b.N {
		w.up.queue(city, exchange.ClassOrdinary, msg)
		<-arrived
	}
}

func BenchmarkBulk(b *testing.B) {
	down := &endless{model: newModel(city, 1), total: uint64(b.N)}
	up := &endless{model: newModel(county, 1), data: make([]byte, 1<<20)}
	p := newParent(b, down, quick)
	b.SetBytes(1 << 20)
	b.ResetTimer()
	newChild(b, up, quick, p.addr)
	for down.stored.Load() < uint64(b.N) {
		time.Sleep(100 * time.Microsecond)
	}
}

// dialerDirect replaces the world's link by one without the proxy.
func (w *world) dialerDirect(tb testing.TB, opt Options) {
	w.proxy.close()
	w.dialer, _ = newChild(tb, w.up, opt, w.parent.addr)
	w.connected(tb)
}
