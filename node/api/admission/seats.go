package admission

import (
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// seatHint is when to come back for a seat.
const seatHint = 2 * time.Second

// Seats counts what has a place or none, without a queue: streams to readers,
// and calls. One unit has at most a quarter of them. It is safe for concurrent
// use.
type Seats struct {
	what, chinese string
	total, each   int

	mu      sync.Mutex
	taken   int
	flows   map[string]int
	refused uint64
}

// NewSeats makes seats for what, in both languages.
func NewSeats(what, chinese string, total int) *Seats {
	return &Seats{what: what, chinese: chinese, total: total, each: max(1, total/4), flows: map[string]int{}}
}

// Take gives a seat to nobody in particular yet, or refuses with Exhausted.
func (s *Seats) Take() (*Seat, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= s.total {
		return nil, s.refuse("this node")
	}
	s.taken++
	return &Seat{seats: s}, nil
}

func (s *Seats) refuse(who string) error {
	s.refused++
	e := exchange.Errorf(exchange.Exhausted, "api.admit", "%s has as many %s under way as it may; try again in %s", who, s.what, seatHint)
	e.RetryAfter = seatHint
	var p exchange.Problems
	p.Add("", "overload.seats", "too many "+s.what+" are under way", s.chinese+"过多，请稍后再试", "", "end some of them, or try again in a while")
	e.Problems = p
	return e
}

// Seat is one place. Its methods may be called by several goroutines.
type Seat struct {
	seats *Seats
	flow  string
	ended bool
}

// Assign names the unit that sits, or refuses when it sits too often already;
// the seat must still be ended by Leave.
func (t *Seat) Assign(flow string) error {
	s := t.seats
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.ended || t.flow != "" {
		return nil
	}
	if s.flows[flow] >= s.each {
		return s.refuse(flow)
	}
	s.flows[flow]++
	t.flow = flow
	return nil
}

// Leave ends it; only the first call counts.
func (t *Seat) Leave() {
	s := t.seats
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.ended {
		return
	}
	t.ended = true
	s.taken--
	if t.flow == "" {
		return
	}
	if s.flows[t.flow]--; s.flows[t.flow] == 0 {
		delete(s.flows, t.flow)
	}
}

// Status returns how many are taken and how often one was refused.
func (s *Seats) Status() (taken, total int, refused uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken, s.total, s.refused
}
