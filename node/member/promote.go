package member

import (
	"fmt"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

const (
	// Stabilisation is how long a new replica must have kept up before it
	// votes.
	Stabilisation = 10 * time.Second
	// MaxLag is how many log entries behind the leader counts as kept up.
	MaxLag = 256
	// MaxSkew is how far a clock may be off.
	MaxSkew = 5 * time.Second
)

// Seen is one look at a replica.
type Seen struct {
	exchange.Standing
	Err  error         // why it could not be asked
	Skew time.Duration // its clock against ours
}

// Candidates remembers since when each non-voter has kept up. The zero value is
// ready; it is forgotten with the leadership.
type Candidates struct {
	since map[exchange.Replica]time.Time
}

// Waits returns what a non-voter is not promoted for yet, "" when it is time.
func (c *Candidates) Waits(now time.Time, leader exchange.Standing, r exchange.Replica, s Seen) string {
	if why := behind(leader, s); why != "" {
		delete(c.since, r)
		return why
	}
	if c.since == nil {
		c.since = map[exchange.Replica]time.Time{}
	}
	since, ok := c.since[r]
	if !ok {
		c.since[r], since = now, now
	}
	if left := Stabilisation - now.Sub(since); left > 0 {
		return fmt.Sprintf("keeping up for another %v", left.Round(time.Second))
	}
	return ""
}

// Keep forgets whoever is not among the members any more.
func (c *Candidates) Keep(members []exchange.Member) {
	for r := range c.since {
		if m, ok := exchange.MemberOf(members, r); !ok || m.Voter {
			delete(c.since, r)
		}
	}
}

// behind tells what a replica still lacks.
func behind(leader exchange.Standing, s Seen) string {
	switch {
	case s.Err != nil:
		return "it cannot be reached: " + s.Err.Error()
	case s.Stopped != "":
		return "it has stopped: " + s.Stopped
	case s.Supports < leader.Level:
		return fmt.Sprintf("its program supports feature level %d, the domain is at %d", s.Supports, leader.Level)
	case s.Applied+MaxLag < leader.Commit:
		return fmt.Sprintf("state: applied %d of %d", s.Applied, leader.Commit)
	case s.Unchecked > MaxLag:
		return fmt.Sprintf("content: %d events still to look through, %d chunks missing", s.Unchecked, s.Missing)
	case s.Missing > 0:
		return fmt.Sprintf("content: %d chunks missing", s.Missing)
	case !s.TookPart:
		return "it has not noted yet that it takes part"
	case s.Skew.Abs() > MaxSkew:
		return fmt.Sprintf("its clock is off by %v", s.Skew.Round(time.Millisecond))
	}
	return ""
}

// Complete reports whether a replica has all content of the first events of the
// audit log.
func Complete(events uint64, s Seen) bool {
	return s.Err == nil && s.Stopped == "" && s.Missing == 0 && s.Looked >= events
}
