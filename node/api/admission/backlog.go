package admission

import "time"

const (
	shortestHint = 500 * time.Millisecond
	longestHint  = 2 * time.Minute
	urgentHint   = time.Second // 特急 is not asked to wait behind the others
	// optimism makes those who were sent away come a little early: better that
	// a few are refused once more than that nobody is there.
	optimism = 0.8
)

// backlog gives each that is refused a time of its own to come back, one after
// the other as fast as they can be served: a queue that is kept by those who
// wait in it, and costs this node one number. Whoever does not come back leaves
// a gap, and whoever comes back too early is given a place at the end.
type backlog struct{ until time.Time } // the time that was given last

// refused returns when one more should come back.
func (b *backlog) refused(now time.Time, perSecond float64, c Class) time.Duration {
	if c == MostUrgent {
		return urgentHint
	}
	next := b.until.Add(time.Duration(optimism / perSecond * float64(time.Second)))
	if next.Before(now.Add(shortestHint)) {
		next = now.Add(shortestHint)
	}
	if latest := now.Add(longestHint); next.After(latest) {
		next = latest
	}
	b.until = next
	return next.Sub(now).Round(time.Millisecond)
}

// ahead is about how many were given a time that has not come yet.
func (b *backlog) ahead(now time.Time, perSecond float64) int {
	return int(max(0, b.until.Sub(now).Seconds()) * perSecond / optimism)
}
