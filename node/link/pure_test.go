package link

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
)

func TestEveryClassGetsItsShareAndUrgentOnesGoFirst(t *testing.T) {
	var s schedule
	all := func(exchange.Class) bool { return true }
	var served [exchange.ClassCount]int
	for range 290 {
		c, _ := s.pick(all)
		s.took(c)
		served[c]++
	}
	if served != [exchange.ClassCount]int{160, 80, 40, 10} {
		t.Errorf("290 turns went to %v", served)
	}
}

func TestAnArrivingUrgentMessageWaitsAtMostForTheOthersTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s schedule
		var ready [exchange.ClassCount]bool
		isReady := func(c exchange.Class) bool { return ready[c] }
		for _, c := range rapid.SliceOf(rapid.IntRange(0, 3)).Draw(t, "history") {
			ready[c] = !ready[c]
			if c, ok := s.pick(isReady); ok {
				s.took(c)
			}
		}
		late := exchange.Class(rapid.IntRange(0, 3).Draw(t, "late"))
		ready = [exchange.ClassCount]bool{true, true, true, true}
		bound := 0
		for c, w := range weights {
			if exchange.Class(c) != late {
				bound += 2 * w // what is left of this round, and of the next before it
			}
		}
		for n := 0; ; n++ {
			c, _ := s.pick(isReady)
			s.took(c)
			if c == late {
				return
			}
			if n > bound {
				t.Fatalf("class %d is starved", late)
			}
		}
	})
}

// TestTheWindowIsNeverOverrunAndAlwaysReopens drives a window at random against
// a plain account of what is in flight.
func TestTheWindowIsNeverOverrunAndAlwaysReopens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		grant := Window{rapid.Uint64Range(0, 1000).Draw(t, "bytes"), rapid.Uint32Range(0, 10).Draw(t, "messages")}
		w := newWindow(grant, [exchange.ClassCount]uint64{})
		var flying [exchange.ClassCount][]int
		sum := func() (n, bytes int) {
			for _, f := range flying {
				for _, size := range f {
					n, bytes = n+1, bytes+size
				}
			}
			return n, bytes
		}
		var acked [exchange.ClassCount]uint64
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			c := exchange.Class(rapid.IntRange(0, 3).Draw(t, "class"))
			size := rapid.IntRange(1, 400).Draw(t, "size")
			if w.share(c, size) && w.fits(size) {
				w.sent(c, size)
				flying[c] = append(flying[c], size)
			}
			if n, bytes := sum(); n > int(grant.Messages) || (n > 1 && bytes > int(grant.Bytes)) {
				t.Fatalf("%d messages of %d bytes under %v", n, bytes, grant)
			}
			if k := rapid.IntRange(0, len(flying[c])).Draw(t, "acked"); rapid.Bool().Draw(t, "ack") {
				acked[c] += uint64(k)
				if n, ok := w.acknowledged(c, acked[c]); n != k || !ok {
					t.Fatalf("%d rows released instead of %d", n, k)
				}
				flying[c] = flying[c][k:]
			}
			if _, ok := w.acknowledged(c, acked[c]+uint64(len(flying[c]))+1); ok {
				t.Fatal("an ack of what was not sent was taken")
			}
		}
		for c := range flying {
			w.acknowledged(exchange.Class(c), acked[c]+uint64(len(flying[c])))
		}
		open := grant.Bytes > 0 && grant.Messages > 0
		if w.total != (load{}) || w.patient != (load{}) || w.fits(5000) != open || w.share(3, 5000) != open {
			t.Fatalf("after everything was acknowledged: %+v", w)
		}
	})
}

func TestAnInboxBatchFitsALedgerEntry(t *testing.T) {
	b := newInbox(Window{4 << 20, 1000}, Window{}, [exchange.ClassCount]uint64{})
	for i := range uint64(600) {
		size := 1
		if i < 5 {
			size = maxMessage / 2
		}
		if err := b.put(delivery.Row{Class: 3, Sequence: i + 1, Message: make([]byte, size)}); err != nil {
			t.Fatal(err)
		}
	}
	var sizes []int
	for batch := b.take(); len(batch) > 0; batch = b.take() {
		sizes = append(sizes, len(batch))
		b.keep(batch)
	}
	if len(sizes) != 5 || sizes[0] != 2 || sizes[1] != 2 || sizes[2] != 256 {
		t.Errorf("batches of %v rows", sizes)
	}
	if a := b.ack(func() Window { return Window{1, 1} }); a.GetSequence() != 600 || a.GetClass() != 3 {
		t.Errorf("acknowledged %v", a)
	}
	if b.ack(nil) != nil || b.held != (load{}) {
		t.Error("more than one acknowledgement for everything")
	}
}

func TestThePacerTriesEveryReplicaBeforeItWaits(t *testing.T) {
	clock := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	p := pacer{backoff: backoff{Retry: Retry{time.Second, 15 * time.Minute}, random: func() float64 { return 1 }}, now: func() time.Time { return clock }, replicas: 3}
	lost, follower := &closure{code: codeLost}, &closure{code: codeNotLeader}
	for i, step := range []struct {
		c       *closure
		healthy bool
		wait    time.Duration
		next    int
	}{
		{lost, false, 0, 1}, {follower, false, 0, 2}, {lost, false, time.Second, 0},
		{lost, false, 0, 1}, {lost, false, 0, 2}, {lost, false, time.Second, 0},
		{lost, true, time.Second, 0}, // a good session was cut: jitter, then the same replica
		{follower, true, 0, 1},       // the leader moved: the next at once
		{lost, true, time.Second, 1}, // failures forgotten
		{&closure{code: codeDenied}, false, 15 * time.Minute, 2},
		{&closure{code: codeUnavailable}, false, 0, 0},
		{&closure{code: codeOverloaded, after: time.Hour}, true, 15 * time.Minute, 0}, // its wish, within reason
	} {
		if wait := p.after(step.c, step.healthy); wait != step.wait || p.current != step.next {
			t.Errorf("step %d: wait %v and replica %d, want %v and %d", i, wait, p.current, step.wait, step.next)
		}
	}
}

func TestWaitsGrowOnlyWhenAFailoverWouldBeOver(t *testing.T) {
	clock := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	p := pacer{backoff: backoff{Retry: Retry{time.Second, 15 * time.Minute}, random: func() float64 { return 1 }}, now: func() time.Time { return clock }, replicas: 2}
	outage := func(c *closure) (waits []time.Duration) {
		for range 40 {
			wait := p.after(c, false)
			if wait == 0 {
				wait = p.after(c, false)
			}
			clock = clock.Add(wait)
			waits = append(waits, wait)
		}
		return waits
	}
	for _, c := range []*closure{{code: codeLost}, {code: codeNotLeader}} {
		waits := outage(c)
		for n, wait := range waits[:30] {
			if wait != time.Second {
				t.Errorf("%s: wait %d is %v, while the superior elects a leader", c.code, n, wait)
			}
		}
		if waits[30] != 2*time.Second || waits[39] != 15*time.Minute {
			t.Errorf("%s: later waits are %v", c.code, waits[30:])
		}
		if wait := p.after(&closure{code: codeLost}, true); wait != time.Second {
			t.Errorf("%s: after a good session the wait is %v", c.code, wait)
		}
	}
}

func TestBackoffIsFullJitterUpToItsCeiling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.Float64Range(0, 0.999).Draw(t, "random")
		b := backoff{Retry: Retry{time.Second, 15 * time.Minute}, random: func() float64 { return r }}
		for n := range 100 {
			bound := 15 * time.Minute
			if n < 10 {
				bound = min(bound, time.Second<<n)
			}
			if d := b.next(); d != time.Duration(r*float64(bound)) {
				t.Fatalf("wait %d is %v", n, d)
			}
		}
	})
}

func TestBandwidthFollowsTheHours(t *testing.T) {
	now := time.Date(2026, 3, 2, 7, 59, 59, 0, time.Local)
	b, err := NewBandwidth([]BandwidthWindow{{8, 12, 1000}, {12, 13, 0}, {22, 6, 1 << 20}}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	at := func(h, m int) { now = time.Date(2026, 3, 2, h, m, 0, 0, time.Local) }
	check := func(n int, want time.Duration) {
		t.Helper()
		if d := b.Delay(n); d != want {
			t.Errorf("at %v: %d bytes wait %v, want %v", now.Format("15:04:05"), n, d, want)
		}
	}
	check(1<<30, 0) // no window
	at(8, 0)
	check(1000, 0)
	check(2000, time.Second)
	check(1, 3*time.Second)
	at(12, 30)
	check(1, 30*time.Minute) // stopped until 13
	at(23, 0)
	check(1<<20, 0)
	check(1<<20, time.Second)
	at(14, 0)
	for _, w := range []BandwidthWindow{{-1, 2, 1}, {0, 25, 1}, {24, 2, 1}, {0, 0, -1}} {
		if _, err := NewBandwidth([]BandwidthWindow{w}, nil); err == nil {
			t.Errorf("%+v was accepted", w)
		}
	}
	always, _ := NewBandwidth([]BandwidthWindow{{0, 0, 0}}, func() time.Time { return now })
	if d := always.Delay(1); d < time.Hour {
		t.Errorf("a stop for the whole day lets pass after %v", d)
	}
}

func TestCursorsOnlyCountInTheirOwnNumbering(t *testing.T) {
	next := [exchange.ClassCount]uint64{5, 1, 0, 9}
	a, b := [16]byte{1}, [16]byte{2}
	if got := cursors(next, a, a); got != [exchange.ClassCount]uint64{4, 0, 0, 8} {
		t.Errorf("same numbering: %v", got)
	}
	if got := cursors(next, a, b); got != [exchange.ClassCount]uint64{} {
		t.Errorf("another numbering: %v", got)
	}
}

func TestAWantIsInFlightOnce(t *testing.T) {
	w := newWants(2)
	now := time.Now()
	d := func(b byte) crypto.Digest { return crypto.Digest{b} }
	wanted := []crypto.Digest{d(1), d(2), d(3)}
	if got := w.choose(wanted, now); len(got) != 2 || got[0] != d(1) {
		t.Fatalf("chose %v", got)
	}
	if w.free(now) || len(w.choose(wanted, now)) != 0 || w.arrived(d(3)) {
		t.Error("more than two in flight")
	}
	if !w.arrived(d(1)) || w.arrived(d(1)) || w.missing(d(1), now) {
		t.Error("a chunk may arrive once")
	}
	w.stored(d(1), now)
	if !w.missing(d(2), now) {
		t.Error("a chunk in flight may be missing")
	}
	if got := w.choose(wanted, now); len(got) != 1 || got[0] != d(3) {
		t.Errorf("set aside were not passed over: %v", got)
	}
	later := now.Add(1500 * time.Millisecond)
	if got := w.choose(wanted, later); len(got) != 1 || got[0] != d(2) {
		t.Errorf("a missing chunk comes back first: %v", got)
	}
	if w.free(now.Add(time.Hour)); len(w.deferred) != 0 {
		t.Errorf("%d addresses are remembered for ever", len(w.deferred))
	}
}

func TestOptionsThatContradictThemselvesAreRefused(t *testing.T) {
	for _, o := range []Options{
		{Heartbeat: time.Second, Dead: time.Second}, {Retry: Retry{time.Minute, time.Second}},
		{ChunksInFlight: 25}, {ChunksInFlight: -1}, {Heartbeat: -1},
	} {
		if _, err := o.withDefaults(); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	o, err := Options{}.withDefaults()
	if err != nil || o.Dead != 20*time.Second || o.Retry != (Retry{time.Second, 15 * time.Minute}) {
		t.Errorf("defaults are %+v, %v", o, err)
	}
}
