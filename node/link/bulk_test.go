package link

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

func TestChunksCrossInBothDirections(t *testing.T) {
	w := newWorld(t, quick)
	for n := range uint64(20) {
		w.down.want(county, w.up.offer(city, chunkOf(n, 1<<20)))
		w.up.want(city, w.down.offer(county, chunkOf(n, 1<<19)))
	}
	if !eventually(20*time.Second, func() bool { return w.down.stored(county) == 20 && w.up.stored(city) == 20 }) {
		t.Fatalf("%d up, %d down", w.down.stored(county), w.up.stored(city))
	}
	up, down := w.dialer.Counters(), w.parent.server.Counters()
	if up.ChunksSent.Load() != 20 || down.ChunksSent.Load() != 20 {
		t.Errorf("20 chunks each way needed %d and %d", up.ChunksSent.Load(), down.ChunksSent.Load())
	}
}

// TestAfterACutOnlyMissingChunksAreSent counts: what was in flight at a cut may
// be sent again, what was stored never.
func TestAfterACutOnlyMissingChunksAreSent(t *testing.T) {
	w := newWorld(t, quick)
	const chunks, cuts = 150, 5
	for n := range uint64(chunks) {
		w.down.want(county, w.up.offer(city, chunkOf(n, 256<<10)))
	}
	for i := range cuts {
		goal := (i + 1) * chunks / (cuts + 1)
		if !eventually(20*time.Second, func() bool { return w.down.stored(county) >= goal }) {
			t.Fatalf("%d chunks before cut %d", w.down.stored(county), i)
		}
		w.proxy.cut(false)
	}
	if !eventually(20*time.Second, func() bool { return w.down.stored(county) == chunks }) {
		t.Fatalf("%d chunks", w.down.stored(county))
	}
	w.down.look(county, func(b *book) {
		if b.twice != 0 {
			t.Errorf("%d chunks were stored twice", b.twice)
		}
	})
	if n := w.parent.server.Counters().ChunksRequested.Load(); n > chunks+cuts*8 {
		t.Errorf("%d chunks were asked for", n)
	}
	if n := w.dialer.Counters().ChunksSent.Load(); n > chunks+cuts*8 {
		t.Errorf("%d chunks were sent", n)
	}
}

func TestAMissingChunkIsAskedForAgainAndHoldsNothingUp(t *testing.T) {
	w := newWorld(t, quick)
	late := chunkOf(99, 1000)
	for n := range uint64(40) { // absent ones are the most urgent
		w.down.want(county, crypto.Digest(chunkOf(1000+n, 32)))
	}
	other := newModel(county, 1)
	d := other.offer(city, late)
	w.down.want(county, d)
	for n := range uint64(10) {
		w.down.want(county, w.up.offer(city, chunkOf(n, 1000)))
	}
	if !eventually(5*time.Second, func() bool { return w.down.stored(county) == 10 }) {
		t.Fatalf("%d stored behind missing ones", w.down.stored(county))
	}
	w.up.offer(city, late)
	if !eventually(8*time.Second, func() bool { return w.down.stored(county) == 11 }) {
		t.Fatal("the late chunk was not asked for again")
	}
	if w.parent.server.Counters().ChunksMissing.Load() < 41 {
		t.Error("missing chunks were not counted")
	}
}

func TestAStoreThatFailsPausesThePull(t *testing.T) {
	noLeaks(t)
	w := &world{up: newModel(county, 1), down: newModel(city, 1)}
	var failing atomic.Bool
	failing.Store(true)
	w.down.fault = func(op string) error {
		if op == "put" && failing.Load() {
			return exchange.Errorf(exchange.Unavailable, "model", "no majority")
		}
		return nil
	}
	for n := range uint64(50) {
		w.down.want(county, w.up.offer(city, chunkOf(n, 1000)))
	}
	w.start(t, quick)
	time.Sleep(300 * time.Millisecond)
	if n := w.dialer.Counters().ChunksSent.Load(); n > 16 {
		t.Errorf("%d chunks were sent to a store that takes none", n)
	}
	failing.Store(false)
	if !eventually(15*time.Second, func() bool { return w.down.stored(county) == 50 }) {
		t.Fatalf("%d stored", w.down.stored(county))
	}
}

func TestTheCapHoldsChunksAndNotMessages(t *testing.T) {
	opt := quick
	opt.Limit = func(int) time.Duration { return time.Hour }
	w := newWorld(t, opt)
	w.down.want(county, w.up.offer(city, chunkOf(1, 1000)))
	w.up.want(city, w.down.offer(county, chunkOf(2, 1000)))
	w.up.queue(city, exchange.ClassOrdinary, []byte("passes"))
	if !eventually(5*time.Second, func() bool {
		return w.down.got(county) == 1 && w.parent.server.Counters().ChunksRequested.Load() == 1
	}) {
		t.Fatal("a capped link is stuck")
	}
	if w.down.stored(county) != 0 {
		t.Error("the cap let a chunk pass")
	}
}
