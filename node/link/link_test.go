package link

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
)

// inOrderOnce checks that one end received exactly what the other queued.
func inOrderOnce(tb testing.TB, from, to *model) {
	tb.Helper()
	var rows [exchange.ClassCount][]delivery.Row
	from.look(to.self, func(b *book) { rows = b.rows })
	to.look(from.self, func(b *book) {
		for c := range rows {
			if len(b.got[c]) != len(rows[c]) {
				tb.Fatalf("class %d: %d of %d messages arrived", c, len(b.got[c]), len(rows[c]))
			}
			for i, r := range rows[c] {
				if !bytes.Equal(b.got[c][i], r.Message) {
					tb.Fatalf("class %d: another message arrived in place of %d", c, i+1)
				}
			}
		}
	})
}

func TestMessagesCrossInBothDirectionsInOrder(t *testing.T) {
	w := newWorld(t, quick)
	for i := range 500 {
		w.up.queue(city, exchange.Class(i%4), fmt.Appendf(nil, "up %d", i))
		w.down.queue(county, exchange.Class(i%4), fmt.Appendf(nil, "down %d", i))
	}
	if !eventually(10*time.Second, func() bool { return w.down.got(county) == 500 && w.up.got(city) == 500 }) {
		t.Fatalf("%d up and %d down of 500; %+v", w.down.got(county), w.up.got(city), w.dialer.Status())
	}
	inOrderOnce(t, w.up, w.down)
	inOrderOnce(t, w.down, w.up)
	settled := func() (ok bool) {
		w.up.look(city, func(b *book) { ok = b.acked == [4]uint64{125, 125, 125, 125} })
		return ok
	}
	if !eventually(5*time.Second, settled) {
		t.Fatal("not everything was acknowledged")
	}
	if n := w.dialer.Counters().AckCommits.Load(); n > 100 {
		t.Errorf("%d commits for 500 acknowledgements", n)
	}
	if s := w.parent.server.Status(city); len(s) != 1 || s[0].State != StateConnected || s[0].Direction != DirectionDown {
		t.Errorf("the city sees %+v", s)
	}
}

// TestRepeatedCutsLoseAndRepeatNothing is the property behind the cursors: the
// stations hold exactly what was queued, in order, whatever happens between.
func TestRepeatedCutsLoseAndRepeatNothing(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { torment(t, seed) })
	}
}

func torment(t *testing.T, seed uint64) {
	noLeaks(t)
	w := &world{up: newModel(county, 1), down: newModel(city, 1)}
	for _, m := range []*model{w.up, w.down} {
		m.fault, m.after = faults(seed, 40, exchange.Unavailable), faults(seed+1, 40, exchange.Unknown)
	}
	w.start(t, quick)
	rnd := rand.New(rand.NewPCG(seed, 7))
	for i := range 60 {
		for range rnd.IntN(20) {
			msg := append(fmt.Appendf(nil, "%d/%d ", i, rnd.Uint64()), make([]byte, rnd.IntN(20<<10))...)
			w.up.queue(city, exchange.Class(rnd.IntN(4)), msg)
			w.down.queue(county, exchange.Class(rnd.IntN(4)), msg)
		}
		switch rnd.IntN(8) {
		case 0, 1, 2:
			w.proxy.cut(false)
		case 3:
			w.proxy.cut(true)
		case 4:
			w.proxy.set(time.Duration(rnd.IntN(3))*time.Millisecond, nil)
		case 5:
			n := rnd.IntN(5)
			w.proxy.set(0, func(c int) bool { return c%5 == n })
		default:
			w.proxy.set(0, nil)
		}
		time.Sleep(time.Duration(rnd.IntN(15)) * time.Millisecond)
	}
	w.proxy.set(0, nil)
	w.proxy.cut(false)
	want := w.up.queued(city)
	if !eventually(20*time.Second, func() bool { return w.down.got(county) >= want && w.up.got(city) >= want }) {
		t.Fatalf("%d up, %d down of %d; %+v", w.down.got(county), w.up.got(city), want, w.dialer.Status())
	}
	inOrderOnce(t, w.up, w.down)
	inOrderOnce(t, w.down, w.up)
}

// faults fails one call in n, by seed.
func faults(seed uint64, n int, code exchange.Code) func(string) error {
	var mu sync.Mutex
	rnd := rand.New(rand.NewPCG(seed, 11))
	return func(op string) error {
		mu.Lock()
		defer mu.Unlock()
		if rnd.IntN(n) == 0 {
			return exchange.Errorf(code, "model."+op, "injected")
		}
		return nil
	}
}

func TestAnUrgentMessageOvertakesTheQueue(t *testing.T) {
	noLeaks(t)
	opt := quick
	opt.Window = Window{1 << 20, 16}
	w := &world{up: newModel(county, 1), down: newModel(city, 1)}
	gate := make(chan struct{})
	var arrived []exchange.Class
	var once sync.Once
	w.down.fault = func(op string) error {
		if op == "receive" {
			<-gate
		}
		return nil
	}
	w.down.onRow = func(r delivery.Row) { arrived = append(arrived, r.Class) }
	for i := range 400 {
		w.up.queue(city, exchange.ClassOrdinary, fmt.Appendf(nil, "ordinary %d", i))
	}
	w.start(t, opt)
	t.Cleanup(func() { once.Do(func() { close(gate) }) })
	// Ordinary messages fill their share of the window and no more.
	if !eventually(5*time.Second, func() bool { return w.dialer.Counters().MessagesSent.Load() == 12 }) {
		t.Fatalf("%d sent", w.dialer.Counters().MessagesSent.Load())
	}
	w.up.queue(city, exchange.ClassMostUrgent, []byte("urgent"))
	// It is sent although the ordinary ones wait for credit.
	if !eventually(5*time.Second, func() bool { return w.dialer.Counters().MessagesSent.Load() == 13 }) {
		t.Fatal("the urgent message waits for credit")
	}
	once.Do(func() { close(gate) })
	if !eventually(5*time.Second, func() bool { return w.down.got(county) == 401 }) {
		t.Fatalf("%d arrived", w.down.got(county))
	}
	w.down.look(county, func(*book) {
		if arrived[12] != exchange.ClassMostUrgent {
			t.Errorf("the urgent message was overtaken: %v", arrived[:20])
		}
	})
}

func TestACutBulkConnectionDelaysNoMessage(t *testing.T) {
	w := newWorld(t, quick)
	w.connected(t)
	second := func(c int) bool { return c == 2 }
	if !eventually(5*time.Second, func() bool { w.proxy.mu.Lock(); defer w.proxy.mu.Unlock(); return w.proxy.opened == 2 }) {
		t.Fatal("chunks have no connection of their own")
	}
	w.proxy.set(0, second) // chunks vanish on the way
	for n := range uint64(16) {
		w.down.want(county, w.up.offer(city, chunkOf(n, 1<<20)))
	}
	time.Sleep(20 * time.Millisecond)
	for i := range 200 {
		w.up.queue(city, exchange.ClassMostUrgent, fmt.Appendf(nil, "%d", i))
	}
	if !eventually(5*time.Second, func() bool { return w.down.got(county) == 200 }) {
		t.Fatalf("%d of 200 messages while bulk hangs", w.down.got(county))
	}
	if w.down.stored(county) != 0 {
		t.Error("the bulk connection did not hang; the test shows nothing")
	}
}

func TestWithoutCreditNothingIsSentAndNewCreditIsTold(t *testing.T) {
	var open atomic.Bool
	opt := quick
	opt.Credits = func() (uint64, uint32) {
		if open.Load() {
			return 1 << 20, 100
		}
		return 1 << 20, 0
	}
	w := newWorld(t, opt)
	w.connected(t)
	w.up.queue(city, exchange.ClassControl, []byte("one"), []byte("two"))
	w.down.want(county, w.up.offer(city, chunkOf(1, 100)))
	time.Sleep(50 * time.Millisecond)
	if n := w.dialer.Counters().MessagesSent.Load(); n != 0 {
		t.Errorf("%d messages were sent without credit", n)
	}
	if n := w.parent.server.Counters().ChunksRequested.Load(); n != 0 {
		t.Errorf("%d chunks were asked for without credit", n)
	}
	open.Store(true)
	if !eventually(5*time.Second, func() bool { return w.down.got(county) == 2 && w.down.stored(county) == 1 }) {
		t.Fatal("new credit did not get through")
	}
}

func TestASlowReceiverHoldsNoMoreThanItsWindow(t *testing.T) {
	noLeaks(t)
	opt := quick
	opt.Window = Window{256 << 10, 40}
	opt.Dead = 10 * time.Second
	w := &world{up: newModel(county, 1), down: newModel(city, 1)}
	var committed, worst atomic.Int64
	w.down.fault = func(op string) error {
		if op == "receive" {
			time.Sleep(time.Millisecond)
			held := int64(w.parent.server.Counters().MessagesReceived.Load()) - committed.Load()
			worst.Store(max(worst.Load(), held))
		}
		return nil
	}
	w.down.onRow = func(delivery.Row) { committed.Add(1) }
	for i := range 1000 {
		w.up.queue(city, exchange.Class(i%4), make([]byte, 10<<10))
	}
	w.start(t, opt)
	if !eventually(20*time.Second, func() bool { return w.down.got(county) == 1000 }) {
		t.Fatalf("%d arrived", w.down.got(county))
	}
	if worst.Load() > 26 { // 256 KiB of 10 KiB messages
		t.Errorf("%d messages were held at once", worst.Load())
	}
	inOrderOnce(t, w.up, w.down)
}
