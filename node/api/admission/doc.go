// Package admission decides who may come in while there is not room for all:
// a door for submissions, which has a queue, and seats for everything else,
// which have none. It knows no network: node/api asks it and says its answers.
// The design of node/api argues the rules; the tests here hold them, on a clock
// of their own.
package admission

import (
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Class is what a submission waits among. Lower ones are more urgent.
type Class uint8

// Classes. A large submission is Bulk unless it is 特急.
const (
	MostUrgent Class = iota // 特急
	Urgent                  // 加急
	Ordinary                // 平件
	Bulk                    // 大件, above BulkSize
	classes
)

var classNames = [classes]string{"most_urgent", "urgent", "ordinary", "bulk"}

// String returns the name in status and metrics.
func (c Class) String() string { return classNames[c] }

// weights share what is granted between the classes that wait, 特急 apart: each
// gets its part however many wait in the others.
var weights = [classes]float64{Urgent: 4, Ordinary: 2, Bulk: 1}

// BulkSize is above what size a submission waits with the large ones.
const BulkSize = 8 << 20

// ClassOf returns where a submission of an urgency and a size waits.
func ClassOf(u exchange.Urgency, size int64) Class {
	switch {
	case u == exchange.MostUrgent:
		return MostUrgent
	case size > BulkSize:
		return Bulk
	case u == exchange.Urgent:
		return Urgent
	}
	return Ordinary
}

// Limits bound what a door lets in. Submissions, Waiting and Patience must be positive,
// Content at least LeastContent.
type Limits struct {
	// Submissions is how many may be open at once; a quarter of them, at least
	// one, is kept for 特急.
	Submissions int
	// Content is how many bytes their content may hold in memory; a quarter of
	// them is kept for 特急.
	Content int64
	// MostUrgent is how many 特急 of one unit a minute go before the others.
	MostUrgent int
	// Waiting is how many may wait in each class at most.
	Waiting int
	// Patience is how long one waits before it is refused.
	Patience time.Duration
}

// What one submission holds: the buffer that a chunk is sealed in, and what is
// received and not yet kept on a majority, twice, as it is sent to the others.
const (
	holdsFixed  = 1 << 20
	holdsAtMost = 4 << 20
	// MaxHold is the most that one submission is counted for.
	MaxHold = holdsFixed + 2*holdsAtMost
	// LeastContent has room for one 特急 and one of the others, however large.
	LeastContent = 2 * MaxHold
)

// hold is what a submission of size bytes, -1 when unknown, is counted for.
func hold(size int64) int64 {
	if size < 0 || size > holdsAtMost {
		size = holdsAtMost
	}
	return holdsFixed + 2*size
}

// Reason is why a submission was refused, for metrics.
type Reason string

// Reasons.
const (
	Full      Reason = "full"      // nobody else could wait
	Displaced Reason = "displaced" // made way for a unit that had fewer waiting
	Waited    Reason = "waited"    // no place came free within the patience
	Gone      Reason = "gone"      // the caller went away while it waited
)
