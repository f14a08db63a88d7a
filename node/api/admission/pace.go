package admission

import "time"

const (
	leastOpen  = 1           // worked on at once, however slow it gets
	leastPart  = 0.25        // of the time in which one is worked on, while there is 特急
	firstOpen  = 2           // before anything was measured: a storm finds a small door
	tolerance  = 2           // times the undisturbed time at which the door narrows
	narrowing  = 0.85        // of the width, each time; half of it when it is twice too slow
	settling   = 3           // samples until a width below one is changed again
	longestGap = time.Second // between two, however narrow and slow it is
	smoothing  = 0.15        // weight of the newest sample
	baseWindow = time.Minute
	fading     = 10                    // a window of which most came while others waited lengthens the undisturbed time by a tenth at most
	calmAfter  = 5                     // in a row while nobody waits, until there is an undisturbed time
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
// waited, so that more could have been worked on; pressing, that there is 特急
// to make room for.
func (p *pace) sample(size int64, took time.Duration, now time.Time, busy, pressing bool) {
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
	base := p.base[i].add(took, now, busy)
	p.ratio += smoothing * (float64(took)/float64(base) - p.ratio)
	p.service += smoothing * (took.Seconds() - p.service)
	floor := float64(leastOpen)
	if pressing {
		floor = leastPart
	}
	p.width = max(p.width, floor)
	if p.since++; p.since < int(p.width) || p.width < 1 && p.since < settling {
		return
	}
	switch {
	case p.ratio > 2*tolerance:
		p.width = max(floor, p.width/2)
	case p.ratio > tolerance:
		p.width = max(floor, p.width*narrowing)
	case busy && p.width < 1:
		p.width = min(1, p.width/narrowing)
	case busy:
		p.width = min(p.most, p.width+1)
	default:
		return
	}
	p.since = 0
}

// open is how many may be worked on at once.
func (p *pace) open() int { return max(1, int(p.width)) }

// gap is for how long nobody is let in after one was worked on.
func (p *pace) gap() time.Duration {
	if p.width >= 1 {
		return 0
	}
	return min(longestGap, time.Duration(p.service*(1/p.width-1)*float64(time.Second)))
}

// perSecond is how many can be done in a second at this pace.
func (p *pace) perSecond() float64 { return p.width / max(p.service, 0.001) }

// least is the shortest that submissions took on the average for a while, in
// the last one to two windows. A storm must not pass for the ordinary, and it
// has lulls: before several came while nobody waited, it is not above
// firstGuess, and where most come while others wait, it is forgotten slowly.
type least struct {
	average       time.Duration // 0: none yet
	quiet         bool          // there was an undisturbed time
	alone         int           // in a row that came while nobody waited
	calm, crowded int           // in this window: while nobody waited, and while somebody did
	began         time.Time
	current, last time.Duration
}

func (l *least) add(took time.Duration, now time.Time, busy bool) time.Duration {
	l.count(busy)
	if l.average == 0 {
		l.average, l.began, l.current, l.last = took, now, took, took
	}
	l.average += time.Duration(smoothing * float64(took-l.average))
	l.current = min(l.current, l.average)
	if now.Sub(l.began) >= baseWindow {
		l.roll(now)
	}
	shortest := min(l.current, l.last)
	if !l.quiet {
		shortest = min(shortest, firstGuess)
	}
	return shortest
}

// count notes whether others waited, and begins anew when it has become quiet
// for the first time.
func (l *least) count(busy bool) {
	if busy {
		l.crowded++
		l.alone = 0
		return
	}
	l.calm++
	if l.alone++; l.alone == calmAfter && !l.quiet {
		*l = least{quiet: true}
	}
}

func (l *least) roll(now time.Time) {
	if l.crowded > l.calm {
		l.current = min(l.current, l.last+l.last/fading)
	}
	l.began, l.last, l.current, l.calm, l.crowded = now, l.current, l.average, 0, 0
}
