package admission

import "time"

const (
	leastOpen  = 1    // worked on at once, however slow it gets
	firstOpen  = 2    // before anything was measured: a storm finds a small door
	tolerance  = 2.5  // times the undisturbed time at which the door narrows
	narrowing  = 0.85 // of the width, each time
	smoothing  = 0.15 // weight of the newest sample
	baseWindow = time.Minute
	firstGuess = 50 * time.Millisecond // of a submission's time, before any was measured

	riding = 32 << 10 // bytes up to which content rides in the command
	whole  = 12       // of those that ride are worked on where one that does not is
)

// sizes are the bounds of what is compared with each other: a submission takes
// longer the more it holds.
var sizes = [...]int64{256 << 10, 1 << 20}

// pace finds how many submissions are worked on at once. It widens while they
// take about as long as undisturbed ones and somebody waits, and narrows when
// they take longer, whatever became scarce: processor, disk, or the leader.
type pace struct {
	width   float64
	most    float64
	ratio   float64 // of recent times to undisturbed ones
	service float64 // seconds that recent ones took
	since   int     // samples since the last change
	base    [len(sizes)]least
}

func newPace(most int) pace {
	return pace{width: min(firstOpen, float64(most)), most: float64(most), ratio: 1, service: firstGuess.Seconds()}
}

// sample takes the time of one that was accepted. busy tells whether others
// waited, so that more could have been worked on.
func (p *pace) sample(size int64, took time.Duration, now time.Time, busy bool) {
	i := 0
	for i < len(sizes) && size > sizes[i] {
		i++
	}
	if i == len(sizes) || took <= 0 {
		return // large ones take as long as their senders' lines
	}
	if size <= riding { // it waits for the entry that it shares: that says nothing of what is scarce
		p.service += smoothing * (took.Seconds()/whole - p.service)
		return
	}
	base := p.base[i].add(took, now)
	p.ratio += smoothing * (float64(took)/float64(base) - p.ratio)
	p.service += smoothing * (took.Seconds() - p.service)
	if p.since++; p.since < int(p.width) {
		return
	}
	switch {
	case p.ratio > tolerance:
		p.width = max(min(leastOpen, p.most), p.width*narrowing)
	case busy:
		p.width = min(p.most, p.width+1)
	default:
		return
	}
	p.since = 0
}

// open is how many may be worked on at once.
func (p *pace) open() int { return int(p.width) }

// perSecond is how many can be done in a second at this pace.
func (p *pace) perSecond() float64 { return p.width / max(p.service, 0.001) }

// least is the smallest value of the last one to two windows.
type least struct {
	began         time.Time
	current, last time.Duration
}

func (l *least) add(v time.Duration, now time.Time) time.Duration {
	switch {
	case l.current == 0:
		l.began, l.current, l.last = now, v, v
	case now.Sub(l.began) >= baseWindow:
		l.began, l.last, l.current = now, l.current, v
	}
	l.current = min(l.current, v)
	return min(l.current, l.last)
}
