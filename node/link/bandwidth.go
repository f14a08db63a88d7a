package link

import (
	"fmt"
	"sync"
	"time"
)

// BandwidthWindow caps chunks during some hours of the day. FromHour is
// inclusive and ToHour exclusive, 0 to 24; a window may pass midnight (22 to
// 6), and equal hours mean the whole day. Zero BytesPerSecond stops chunks
// until the window ends.
type BandwidthWindow struct {
	FromHour, ToHour int
	BytesPerSecond   int64
}

// covers reports whether an hour of the day lies in the window.
func (w BandwidthWindow) covers(hour int) bool {
	from, to := w.FromHour%24, w.ToHour%24
	if from < to {
		return from <= hour && hour < to
	}
	return hour >= from || hour < to
}

// left is the time until the window ends.
func (w BandwidthWindow) left(at time.Time) time.Duration {
	end := time.Date(at.Year(), at.Month(), at.Day(), w.ToHour%24, 0, 0, 0, at.Location())
	if !end.After(at) {
		end = end.AddDate(0, 0, 1)
	}
	return end.Sub(at)
}

// Bandwidth is a cap on chunks by hours of the day, shared by all links that
// use its Delay as Options.Limit. Outside all windows nothing is capped. It is
// safe for concurrent use.
type Bandwidth struct {
	windows []BandwidthWindow
	now     func() time.Time
	mu      sync.Mutex
	free    time.Time // when what was let through so far will have passed
}

// NewBandwidth returns a cap. now tells the local time of day; nil: time.Now.
// The first window that covers an hour applies.
func NewBandwidth(windows []BandwidthWindow, now func() time.Time) (*Bandwidth, error) {
	for _, w := range windows {
		if w.FromHour < 0 || w.FromHour > 23 || w.ToHour < 0 || w.ToHour > 24 || w.BytesPerSecond < 0 {
			return nil, fmt.Errorf("link: no bandwidth window: from %d to %d, %d bytes per second", w.FromHour, w.ToHour, w.BytesPerSecond)
		}
	}
	if now == nil {
		now = time.Now
	}
	return &Bandwidth{windows: windows, now: now}, nil
}

// Delay reserves n bytes and returns how long to wait before sending them.
func (b *Bandwidth) Delay(n int) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	start := now
	if b.free.After(now) {
		start = b.free
	}
	for range len(b.windows) + 1 { // windows that follow one another may all stop chunks
		w, ok := b.window(start)
		if !ok {
			break
		}
		if w.BytesPerSecond > 0 {
			b.free = start.Add(time.Duration(float64(n) / float64(w.BytesPerSecond) * float64(time.Second)))
			break
		}
		start = start.Add(w.left(start))
	}
	return start.Sub(now)
}

func (b *Bandwidth) window(at time.Time) (BandwidthWindow, bool) {
	for _, w := range b.windows {
		if w.covers(at.Hour()) {
			return w, true
		}
	}
	return BandwidthWindow{}, false
}
