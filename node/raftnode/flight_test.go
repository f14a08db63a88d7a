package raftnode

import (
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

func TestCallersAreToldWhenNothingComesThrough(t *testing.T) {
	var f flight
	now := time.Unix(0, 0)
	told := func() bool { return exchange.CodeOf(f.stuck(opPropose, now)) == exchange.Exhausted }
	later := func(d time.Duration) { now = now.Add(d) }
	later(time.Hour)
	f.begin(now)
	f.begin(now)
	if later(stuckAfter - 1); told() {
		t.Error("before it is late")
	}
	if f.end(now); told() {
		t.Error("when one has come through")
	}
	if later(stuckAfter); !told() {
		t.Error("the other is stuck, and nobody is told")
	}
	if f.end(now); told() {
		t.Error("when nothing is under way")
	}
	later(time.Hour)
	if f.begin(now); told() {
		t.Error("when one has just set out")
	}
}
