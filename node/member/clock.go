package member

import (
	"slices"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Off returns how far the clock of this replica is ahead of the middle of the
// voters' clocks, its own among them. With fewer than three nobody can say which
// of two that differ is wrong, and known is false. Of two in the middle the
// nearer counts: one that goes right must not be blamed for others.
func Off(self exchange.Standing, seen map[exchange.Replica]Seen) (off time.Duration, known bool) {
	skews := []time.Duration{0}
	for _, m := range self.Members {
		if s, ok := seen[m.Replica]; ok && m.Voter && m.Replica != self.Replica && s.Err == nil {
			skews = append(skews, s.Skew)
		}
	}
	if len(skews) < 3 {
		return 0, false
	}
	slices.Sort(skews)
	low, high := skews[(len(skews)-1)/2], skews[len(skews)/2]
	if low.Abs() < high.Abs() {
		return -low, true
	}
	return -high, true
}

// Contradiction is what the others say about the state of a replica after one
// entry.
type Contradiction struct {
	Agree, Differ int  // voters besides this replica that answered
	Majority      bool // a majority of the voters has one other state
}

// Compare judges a replica's digest after one entry by those of the other voters
// that know theirs.
func Compare[D comparable](own D, members []exchange.Member, self exchange.Replica, others map[exchange.Replica]D) (c Contradiction) {
	voters, same := 0, map[D]int{}
	for _, m := range members {
		if !m.Voter {
			continue
		}
		voters++
		d, known := others[m.Replica]
		switch {
		case m.Replica == self || !known:
		case d == own:
			c.Agree++
		default:
			c.Differ++
			same[d]++
		}
	}
	for _, n := range same {
		c.Majority = c.Majority || n > voters/2
	}
	return c
}
