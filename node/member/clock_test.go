package member

import (
	"errors"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

func voters(names ...exchange.Replica) (out []exchange.Member) {
	for _, n := range names {
		out = append(out, exchange.Member{Replica: n, Voter: true})
	}
	return out
}

func TestAClockIsJudgedByTheMiddleOfAll(t *testing.T) {
	self := exchange.Standing{Replica: "a", Members: append(voters("a", "b", "c", "d"), exchange.Member{Replica: "n"})}
	at := func(d time.Duration) Seen { return Seen{Skew: d} }
	gone := Seen{Err: errors.New("gone")}
	for name, x := range map[string]struct {
		seen  map[exchange.Replica]Seen
		off   time.Duration
		known bool
	}{
		"all agree":                       {map[exchange.Replica]Seen{"b": at(0), "c": at(time.Millisecond)}, 0, true},
		"this one is a minute ahead":      {map[exchange.Replica]Seen{"b": at(-time.Minute), "c": at(-time.Minute)}, time.Minute, true},
		"this one is an hour behind":      {map[exchange.Replica]Seen{"b": at(time.Hour), "c": at(time.Hour), "d": at(time.Hour)}, -time.Hour, true},
		"another is wrong":                {map[exchange.Replica]Seen{"b": at(0), "c": at(-time.Hour)}, 0, true},
		"two against two":                 {map[exchange.Replica]Seen{"b": at(0), "c": at(time.Hour), "d": at(time.Hour)}, 0, true},
		"one of two is wrong":             {map[exchange.Replica]Seen{"b": at(time.Hour), "c": gone}, 0, false},
		"one that does not vote is wrong": {map[exchange.Replica]Seen{"b": at(time.Hour), "n": at(time.Hour)}, 0, false},
		"alone":                           {nil, 0, false},
	} {
		if off, known := Off(self, x.seen); off != x.off || known != x.known {
			t.Errorf("%s: off by %s, %v; want %s, %v", name, off, known, x.off, x.known)
		}
	}
}

func TestAReplicaIsContradictedByAMajorityThatAgrees(t *testing.T) {
	three := append(voters("a", "b", "c"), exchange.Member{Replica: "n"})
	five := voters("a", "b", "c", "d", "e")
	for name, x := range map[string]struct {
		members []exchange.Member
		others  map[exchange.Replica]int
		want    Contradiction
	}{
		"all agree":                       {three, map[exchange.Replica]int{"b": 1, "c": 1}, Contradiction{Agree: 2}},
		"both others have another":        {three, map[exchange.Replica]int{"b": 2, "c": 2}, Contradiction{Differ: 2, Majority: true}},
		"all three differ":                {three, map[exchange.Replica]int{"b": 2, "c": 3}, Contradiction{Differ: 2}},
		"one against one":                 {three, map[exchange.Replica]int{"b": 2}, Contradiction{Differ: 1}},
		"another is wrong":                {three, map[exchange.Replica]int{"b": 1, "c": 2}, Contradiction{Agree: 1, Differ: 1}},
		"one that does not vote":          {three, map[exchange.Replica]int{"b": 2, "n": 2}, Contradiction{Differ: 1}},
		"three of five":                   {five, map[exchange.Replica]int{"b": 1, "c": 2, "d": 2, "e": 2}, Contradiction{Agree: 1, Differ: 3, Majority: true}},
		"two of five, and two are silent": {five, map[exchange.Replica]int{"b": 2, "c": 2}, Contradiction{Differ: 2}},
	} {
		if got := Compare(1, x.members, "a", x.others); got != x.want {
			t.Errorf("%s: %+v, want %+v", name, got, x.want)
		}
	}
}
