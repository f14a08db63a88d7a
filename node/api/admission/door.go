package admission

import (
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// In each class as many may wait as are served within half of the patience: so
// first come can be first served, and nobody waits in vain. A longer queue
// would only make everybody late.
const leastWaiting = 8

// Door lets submissions in. Methods are safe for concurrent use and wait for
// nothing; only Ticket.Wait does.
type Door struct {
	limits  Limits
	reserve int // of limits.Submissions, for 特急
	now     func() time.Time
	after   func(time.Duration, func()) // time.AfterFunc but in tests

	mu      sync.Mutex
	queues  [classes]queue
	pass    [classes]float64 // how much of its weight each class has used
	passed  float64          // that of the class served last, before it was
	flows   map[string]int   // open submissions of each flow
	pace    pace
	backlog backlog
	quota   quota
	status  Status // counters; the rest is filled in when asked
	open    [classes]int
	working [2]int    // shares of those open that do not wait for their senders: others, 特急
	busy    int       // how many those are
	held    [2]int64  // bytes of content: others, 特急
	urgent  time.Time // when 特急 was let in last
	rests   bool      // only 特急 is let in: see rest
}

// pressing is how long after one 特急 room is made for the next.
const pressing = 10 * time.Second

// NewDoor makes a door. now is time.Now but in tests.
func NewDoor(l Limits, now func() time.Time) *Door {
	reserve := max(1, l.Submissions/4)
	return &Door{
		limits: l, reserve: reserve, now: now, after: later, flows: map[string]int{},
		pace: newPace(max(1, l.Submissions-reserve)), quota: quota{perMinute: float64(l.MostUrgent), buckets: map[string]bucket{}},
	}
}

// Claim is what is known of a submission before a byte of it is read.
type Claim struct {
	Flow  string // who asks: the unit where it is known, else the address
	Known bool   // it is the unit; only units have a quota of 特急
	Class Class
	Size  int64 // of all content; -1 when unknown
}

// Arrive gives a ticket, granted or waiting, or refuses with Exhausted and the
// time after which to come back. It costs the caller nothing to be refused,
// and this node little. Every ticket must be ended by Done.
func (d *Door) Arrive(c Claim) (*Ticket, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	t := &Ticket{door: d, flow: c.Flow, known: c.Known, class: c.Class, claimed: c.Class, size: c.Size, hold: hold(c.Size), turn: make(chan struct{})}
	if c.Known {
		d.charge(t, now)
	}
	return t, d.admit(t)
}

// charge takes one of the unit's 特急, or makes the ticket one like others.
func (d *Door) charge(t *Ticket, now time.Time) {
	if t.class == MostUrgent && !d.quota.take(t.flow, now) {
		t.class = ClassOf(exchange.Ordinary, t.size)
		t.demoted = true
		d.status.Demoted++
	}
}

// admit queues a ticket and serves whoever is first. Only a unit that is known
// makes others give way: whoever shows a made-up credential could be anybody.
func (d *Door) admit(t *Ticket) error {
	q := &d.queues[t.class]
	if q.count >= d.room(t.class) {
		long := q.longest()
		if long == nil || !t.known || q.waiting(long.flow) <= q.waiting(t.flow)+1 {
			t.end(d.refuse(t, Full))
			return t.refusal
		}
		d.drop(long, Displaced)
	}
	if q.count == 0 { // what a class did not use while it had nobody is gone
		d.pass[t.class] = max(d.pass[t.class], d.passed)
	}
	q.push(t)
	d.serve()
	return nil
}

// room is how many may wait in a class.
func (d *Door) room(c Class) int {
	perSecond := d.pace.perSecond()
	if c == MostUrgent {
		perSecond *= 1 + float64(d.reserve)/d.pace.width
	}
	return min(max(leastWaiting, int(perSecond*d.limits.Patience.Seconds()/2)), d.limits.Waiting)
}

// serve grants as long as anybody who waits may come in: 特急 first, out of
// what is kept for it as well, then the others by weight.
func (d *Door) serve() {
	for {
		t := d.first()
		if t == nil {
			return
		}
		d.queues[t.class].serve(t)
		if t.class != MostUrgent {
			d.passed = d.pass[t.class]
			d.pass[t.class] += 1 / weights[t.class]
		}
		d.grant(t)
	}
}

func (d *Door) first() *Ticket {
	if t := d.queues[MostUrgent].peek(d.mayOpenMore); t != nil && d.fits(t) {
		return t
	}
	var next *Ticket
	for c := Urgent; c < classes; c++ {
		t := d.queues[c].peek(d.mayOpenMore)
		if t != nil && d.fits(t) && (next == nil || d.pass[c] < d.pass[next.class]) {
			next = t
		}
	}
	return next
}

// mayOpenMore keeps a unit from filling the whole door, with uploads that do
// not end for example.
func (d *Door) mayOpenMore(flow string) bool {
	return d.flows[flow] < max(1, d.limits.Submissions-d.limits.Submissions/4)
}

// fits reports whether there is room for a ticket now: to be open, to be
// worked on, and for its content. 特急 always leaves one place and the content
// of one submission to the others, and a quarter of them may be large.
func (d *Door) fits(t *Ticket) bool {
	urgent, others := d.open[MostUrgent], d.open[Urgent]+d.open[Ordinary]+d.open[Bulk]
	most, width := d.limits.Submissions, d.pace.open()*whole
	switch {
	case urgent+others >= most:
		return false
	case t.class == MostUrgent:
		return urgent < max(1, most-1) && d.working[0]+d.working[1] < width+d.reserve*whole && d.affords(t, 1, MaxHold)
	case others >= max(1, most-d.reserve), t.class == Bulk && d.open[Bulk] >= max(1, most/4):
		return false
	}
	return !d.rests && d.working[0] < max(1, width-d.working[1]) && d.affords(t, 0, d.limits.Content/4)
}

// affords reports whether content fits with what its group leaves to the
// other. What is alone in its group fits by itself: limits are checked to be
// larger than two.
func (d *Door) affords(t *Ticket, group int, leaves int64) bool {
	own, all := d.held[group], d.held[0]+d.held[1]
	return all+t.hold <= d.limits.Content && (own == 0 || own+t.hold <= d.limits.Content-leaves)
}

// group separates 特急 from the others in what is counted.
func (t *Ticket) group() int {
	if t.class == MostUrgent {
		return 1
	}
	return 0
}

func (d *Door) grant(t *Ticket) {
	t.state, t.began = granted, d.now()
	d.open[t.class]++
	d.flows[t.flow]++
	d.work(t, +1)
	d.holds(t, t.hold)
	if t.class == MostUrgent {
		d.urgent = t.began
	}
	d.status.Admitted++
	close(t.turn)
}

// work counts a ticket among those worked on, or out of them.
func (d *Door) work(t *Ticket, by int) {
	if by > 0 {
		t.share = share(t.size)
	}
	d.working[t.group()] += by * t.share
	d.busy += by
	t.idle = by < 0
}

// share is how much of the door a submission takes while it is worked on. One
// that rides in a command needs no file of its own, and many of them share an
// entry of the log and its sync: one alone at a time would pay for all of it.
func share(size int64) int {
	if size >= 0 && size <= riding {
		return 1
	}
	return whole
}

// holds counts bytes of content.
func (d *Door) holds(t *Ticket, by int64) {
	d.held[t.group()] += by
	d.status.PeakContent = max(d.status.PeakContent, d.held[0]+d.held[1])
}

// rest keeps the door closed to all but 特急 for a while: one at a time is still
// too much, because what was taken in goes on to other domains afterwards.
func (d *Door) rest(gap time.Duration) {
	if gap <= 0 || d.rests {
		return
	}
	d.rests = true
	d.after(gap, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.rests = false
		d.serve()
	})
}

func later(d time.Duration, f func()) { time.AfterFunc(d, f) }

// drop refuses a ticket that waits.
func (d *Door) drop(t *Ticket, why Reason) {
	d.queues[t.class].remove(t)
	t.end(d.refuse(t, why))
}

// refuse counts a refusal and words it.
func (d *Door) refuse(t *Ticket, why Reason) error {
	if d.status.Refused == nil {
		d.status.Refused = map[Reason]uint64{}
	}
	d.status.Refused[why]++
	d.status.RefusedClass[t.claimed]++
	hint := d.backlog.refused(d.now(), d.pace.perSecond(), t.class)
	return refusal(hint, t.demoted, d.limits.MostUrgent)
}

func refusal(hint time.Duration, demoted bool, quota int) error {
	e := exchange.Errorf(exchange.Exhausted, "api.admit", "more is being handed in than this node can take at once, and nothing was taken; send it again with the same key in %s", hint)
	e.RetryAfter = hint
	var p exchange.Problems
	p.Add("", "overload", "the node has no room for this submission at the moment", "节点繁忙，本次提交未被接收", "",
		"send it again with the same key after "+hint.String()+"; nothing is done twice")
	if demoted {
		p.Add("urgency", "urgency.quota", "the unit has used up its 特急 of this minute, so this one waits with the others", "本单位本分钟特急件已超限额，按平件排队", "",
			"mark as 特急 only what is; the administrator sets limits.most_urgent")
	}
	e.Problems = p
	return e
}
