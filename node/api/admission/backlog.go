package admission

import (
	"math"
	"time"
)

const (
	shortestHint = 500 * time.Millisecond
	longestHint  = time.Minute
	urgentHint   = 2 * time.Second // the most that 特急 is asked to wait
	// optimism makes those who were sent away come a little early: better that
	// a few are refused once more than that nobody is there.
	optimism = 0.7
)

// backlog guesses how many were refused and will come back, so that each can
// be told a time of its own: a queue that is kept by those who wait in it, and
// costs this node nothing.
type backlog struct {
	count float64
	at    time.Time
}

// arrived counts one that asks: perhaps one that was refused before.
func (b *backlog) arrived(now time.Time) {
	b.age(now)
	b.count = max(0, b.count-1)
}

// refused counts one more, and returns when it should come back.
func (b *backlog) refused(now time.Time, perSecond float64, c Class) time.Duration {
	b.age(now)
	b.count++
	hint := time.Duration(optimism * b.count / perSecond * float64(time.Second))
	hint = min(max(hint, shortestHint), longestHint)
	if c == MostUrgent {
		hint = min(hint, urgentHint)
	}
	return hint.Round(time.Millisecond)
}

// age forgets those who do not come back.
func (b *backlog) age(now time.Time) {
	if d := now.Sub(b.at); b.count > 0 && d > 0 {
		b.count *= math.Exp(-float64(d) / float64(longestHint))
	}
	b.at = now
}
