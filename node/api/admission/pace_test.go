package admission

import (
	"testing"
	"time"
)

// machine is a node that works on so many at once in the same time each, and
// on more of them more slowly.
func machine(cores int, alone time.Duration, at int) time.Duration {
	if at <= cores {
		return alone
	}
	return alone * time.Duration(at) / time.Duration(cores)
}

func settle(p *pace, cores int, alone time.Duration) {
	now := time.Unix(0, 0)
	p.sample(64*kib, alone, now, false, false) // one comes alone before the storm
	for range 5000 {
		now = now.Add(alone)
		p.sample(64*kib, machine(cores, alone, p.open()), now, true, false)
	}
}

func TestTheDoorIsAsWideAsTheMachineIs(t *testing.T) {
	small, large := newPace(24), newPace(96)
	settle(&small, 2, 20*time.Millisecond)
	settle(&large, 32, 20*time.Millisecond)
	if small.open() < leastOpen || small.open() > 6 {
		t.Errorf("two at a time: the door is %d wide", small.open())
	}
	if large.open() < 32 || large.open() > 96 {
		t.Errorf("thirty-two at a time: the door is %d wide", large.open())
	}
}

func TestADoorThatNobodyWaitsAtStaysAsItIs(t *testing.T) {
	p := newPace(24)
	now := time.Unix(0, 0)
	for range 1000 {
		p.sample(64*kib, 20*time.Millisecond, now, false, false)
	}
	if p.open() != firstOpen {
		t.Errorf("it is %d wide", p.open())
	}
}

func TestATimeOfTroubleIsForgotten(t *testing.T) {
	p := newPace(24)
	settle(&p, 8, 20*time.Millisecond)
	before := p.open()
	now := time.Unix(1000, 0)
	for range 200 { // the disk is slow for a while
		p.sample(64*kib, time.Second, now, true, false)
	}
	if p.open() != leastOpen {
		t.Errorf("in trouble it is %d wide", p.open())
	}
	settle(&p, 8, 20*time.Millisecond)
	if p.open() < before-2 {
		t.Errorf("afterwards it is %d wide, %d before", p.open(), before)
	}
}

func TestLargeSubmissionsSayNothingOfTheMachine(t *testing.T) {
	p := newPace(24)
	for range 100 {
		p.sample(1<<30, time.Hour, time.Unix(0, 0), true, false)
	}
	if p.open() != firstOpen || p.perSecond() != firstOpen/firstGuess.Seconds() {
		t.Errorf("%+v", p)
	}
}

func TestTheDoorNarrowsBelowOneOnlyWhereThereIsMostUrgent(t *testing.T) {
	now := time.Unix(0, 0)
	slow := func(pressing bool) *pace {
		p := newPace(24)
		p.sample(64*kib, 20*time.Millisecond, now, false, pressing)
		for range 200 {
			p.sample(64*kib, 100*time.Millisecond, now, true, pressing)
		}
		return &p
	}
	others, pressed := slow(false), slow(true)
	if others.width != leastOpen || others.gap() != 0 {
		t.Errorf("without 特急 it is %v wide and rests for %v", others.width, others.gap())
	}
	if pressed.width != leastPart || pressed.open() != 1 {
		t.Errorf("with 特急 it is %v wide", pressed.width)
	}
	if gap := pressed.gap().Round(time.Millisecond); gap != 300*time.Millisecond { // three quarters of the time
		t.Errorf("with 特急 it rests for %v after each of 100 ms", gap)
	}
	for range 200 {
		pressed.sample(64*kib, 20*time.Millisecond, now, true, true)
	}
	if pressed.width <= 1 || pressed.gap() != 0 {
		t.Errorf("when it is fast again it is %v wide", pressed.width)
	}
	pressed = slow(true)
	pressed.sample(64*kib, 100*time.Millisecond, now, true, false)
	if pressed.width != leastOpen {
		t.Errorf("when there is no 特急 any more it is %v wide", pressed.width)
	}
}

func TestAStormDoesNotPassForTheOrdinary(t *testing.T) {
	p := newPace(24)
	now := time.Unix(0, 0)
	for i := range 200 { // nothing was measured before it, and it has a lull
		p.sample(64*kib, 400*time.Millisecond, now, i != 100, false)
	}
	if p.open() != leastOpen {
		t.Errorf("in a storm from the start it is %d wide", p.open())
	}
	for range 50 { // it is over, and this is a slow machine
		p.sample(64*kib, 400*time.Millisecond, now, false, false)
	}
	for range 50 {
		p.sample(64*kib, 400*time.Millisecond, now, true, false)
	}
	if p.open() < 8 {
		t.Errorf("where 400 ms are ordinary it is %d wide", p.open())
	}
}

func TestALongStormDoesNotBecomeTheOrdinary(t *testing.T) {
	p := newPace(24)
	now := time.Unix(0, 0)
	for range calmAfter {
		p.sample(64*kib, 20*time.Millisecond, now, false, false)
	}
	storm := func(d time.Duration) {
		for i, end := 1, now.Add(d); now.Before(end); i, now = i+1, now.Add(100*time.Millisecond) {
			p.sample(64*kib, 100*time.Millisecond, now, i%50 != 0, false) // it has lulls
		}
	}
	storm(7 * time.Minute)
	if p.open() != leastOpen {
		t.Errorf("after minutes of a storm that is five times slower it is %d wide", p.open())
	}
	storm(20 * time.Minute) // then this machine is a slower one
	if p.open() == leastOpen {
		t.Error("it never learns that a machine has become slower")
	}
}
