package exchange

// Load is what callers take up of a whole node, whichever of its domains they
// call. Counters are since its process started.
type Load struct {
	Submissions       int    `json:"submissions"` // open
	SubmissionsLimit  int    `json:"submissions_limit"`
	Working           int    `json:"working"` // open, and not waiting for their senders
	Width             int    `json:"width"`   // how many are worked on at once, as found by measuring
	Waiting           int    `json:"waiting"`
	WaitingMostUrgent int    `json:"waiting_most_urgent"` // of them 特急
	Content           int64  `json:"content_bytes"`       // counted for open submissions
	ContentPeak       int64  `json:"content_peak_bytes"`
	ContentLimit      int64  `json:"content_limit_bytes"`
	ServiceMicros     uint64 `json:"service_us"` // that one submission takes at the moment
	Backlog           uint64 `json:"backlog"`    // refused and expected back, a guess
	Admitted          uint64 `json:"admitted"`
	Demoted           uint64 `json:"demoted"` // 特急 beyond the quota of its unit
	// Refused counts by reason: full, displaced, waited, gone (submissions);
	// downloads, watches, calls, connections; stalled (readers).
	Refused          []RefusedCount `json:"refused"`
	Downloads        int            `json:"downloads"`
	DownloadsLimit   int            `json:"downloads_limit"`
	Watches          int            `json:"watches"`
	WatchesLimit     int            `json:"watches_limit"`
	Calls            int            `json:"calls"`
	CallsLimit       int            `json:"calls_limit"`
	Connections      int            `json:"connections"`
	ConnectionsLimit int            `json:"connections_limit"`
}

// RefusedCount is how often something was refused for one reason.
type RefusedCount struct {
	Reason string `json:"reason"`
	Count  uint64 `json:"count"`
}

// RefusedTotal is how often anything was refused.
func (l Load) RefusedTotal() (n uint64) {
	for _, r := range l.Refused {
		n += r.Count
	}
	return n
}
