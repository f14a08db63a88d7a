package exchange

import "time"

// Time is milliseconds since the Unix epoch, UTC. Zero means unset.
type Time int64

// TimeOf converts from the standard library, dropping below milliseconds.
func TimeOf(t time.Time) Time { return Time(t.UnixMilli()) }

// Std converts to the standard library, in UTC.
func (t Time) Std() time.Time { return time.UnixMilli(int64(t)).UTC() }

// Add returns t+d.
func (t Time) Add(d time.Duration) Time { return t + Time(d.Milliseconds()) }

// Clock tells the time. Everything outside a composition root takes one.
type Clock func() Time
