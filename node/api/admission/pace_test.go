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
	p.sample(64*kib, alone, now, false) // one comes alone before the storm
	for range 5000 {
		now = now.Add(alone)
		p.sample(64*kib, machine(cores, alone, p.open()), now, true)
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
		p.sample(64*kib, 20*time.Millisecond, now, false)
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
		p.sample(64*kib, time.Second, now, true)
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
		p.sample(1<<30, time.Hour, time.Unix(0, 0), true)
	}
	if p.open() != firstOpen || p.perSecond() != firstOpen/firstGuess.Seconds() {
		t.Errorf("%+v", p)
	}
}
