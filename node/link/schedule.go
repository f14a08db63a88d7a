package link

import "github.com/yizhan-exchange/yizhan/exchange"

// weights are messages per round, by class. The last entry is the floor: of any
// 29 messages at least one is ordinary while ordinary ones wait.
var weights = [exchange.ClassCount]int{16, 8, 4, 1}

// schedule is weighted round robin over the classes of a link: within a round
// the most urgent class with turns left goes first.
type schedule struct {
	turns [exchange.ClassCount]int
}

// pick returns the class to serve next among those that are ready.
func (s *schedule) pick(ready func(exchange.Class) bool) (exchange.Class, bool) {
	waiting := false
	for c := range exchange.Class(exchange.ClassCount) {
		if ready(c) {
			if s.turns[c] > 0 {
				return c, true
			}
			waiting = true
		}
	}
	if !waiting {
		return 0, false
	}
	s.turns = weights
	return s.pick(ready)
}

// took consumes a turn. A pick that was not followed by took may be repeated,
// and then a class that has become ready meanwhile goes first.
func (s *schedule) took(c exchange.Class) { s.turns[c]-- }
