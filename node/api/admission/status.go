package admission

import (
	"maps"
	"time"
)

// Status is what a door tells about itself. Counters are since it was made.
type Status struct {
	Open    int // submissions let in and not ended
	Working int // of them, those that do not wait for their senders
	Width   int // worked on at once, as found by measuring
	Waiting [classes]int

	Admitted     uint64
	Demoted      uint64 // 特急 beyond the unit's quota
	Refused      map[Reason]uint64
	RefusedClass [classes]uint64 // by what was claimed

	Content     int64 // bytes counted for what is open
	PeakContent int64
	Budget      int64
	Service     time.Duration // that one takes at the moment
	Backlog     int           // refused and expected back, a guess
}

// Status returns the present state.
func (d *Door) Status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.status
	s.Refused = maps.Clone(s.Refused)
	for c := range d.queues {
		s.Waiting[c] = d.queues[c].count
		s.Open += d.open[c]
	}
	s.Working, s.Width = d.busy, d.pace.open()
	s.Content, s.Budget = d.held[0]+d.held[1], d.limits.Content
	s.Service = time.Duration(d.pace.service * float64(time.Second))
	s.Backlog = d.backlog.ahead(d.now(), d.pace.perSecond())
	return s
}
