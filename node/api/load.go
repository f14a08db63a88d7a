package api

import (
	"cmp"
	"slices"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/api/admission"
)

// Load tells what callers take up at the moment.
func (s *Server) Load() exchange.Load {
	e := s.entrance
	d := e.door.Status()
	l := exchange.Load{
		Submissions: d.Open, SubmissionsLimit: e.room.Submissions, Working: d.Working, Width: d.Width,
		WaitingMostUrgent: d.Waiting[admission.MostUrgent], Content: d.Content, ContentPeak: d.PeakContent, ContentLimit: d.Budget,
		ServiceMicros: uint64(d.Service.Microseconds()), Backlog: uint64(d.Backlog), Admitted: d.Admitted, Demoted: d.Demoted,
		ConnectionsLimit: e.room.Connections,
	}
	for _, n := range d.Waiting {
		l.Waiting += n
	}
	refused := map[string]uint64{"stalled": s.stalls.count.Load()}
	for why, n := range d.Refused {
		refused[string(why)] = n
	}
	l.Downloads, l.DownloadsLimit, refused["downloads"] = e.readers.Status()
	l.Watches, l.WatchesLimit, refused["watches"] = e.watches.Status()
	l.Calls, l.CallsLimit, refused["calls"] = e.calls.Status()
	_, _, officers := e.officers.Status()
	refused["calls"] += officers
	l.Connections, refused["connections"] = s.connections()
	for why, n := range refused {
		if n > 0 {
			l.Refused = append(l.Refused, exchange.RefusedCount{Reason: why, Count: n})
		}
	}
	slices.SortFunc(l.Refused, func(a, b exchange.RefusedCount) int { return cmp.Compare(a.Reason, b.Reason) })
	return l
}

func (s *Server) connections() (open int, refused uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		o, r := l.status()
		open, refused = open+o, refused+r
	}
	return open, refused
}
