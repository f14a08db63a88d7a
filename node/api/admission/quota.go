package admission

import "time"

// maxFlows bounds what is remembered of units, whoever calls.
const maxFlows = 4096

// quota counts what each unit may have a minute: a bucket that is full at
// first and fills evenly.
type quota struct {
	perMinute float64
	buckets   map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

// take reports whether the flow had one left.
func (q *quota) take(flow string, now time.Time) bool {
	b, known := q.buckets[flow]
	if !known {
		q.forget(now)
		b = bucket{q.perMinute, now}
	}
	b = q.filled(b, now)
	ok := b.left >= 1
	if ok {
		b.left--
	}
	q.buckets[flow] = b
	return ok
}

func (q *quota) filled(b bucket, now time.Time) bucket {
	passed := max(0, now.Sub(b.at).Minutes())
	return bucket{min(q.perMinute, b.left+passed*q.perMinute), now}
}

// forget makes room: first by dropping full buckets, which are as if unknown,
// and if that is not enough an arbitrary half.
func (q *quota) forget(now time.Time) {
	if len(q.buckets) < maxFlows {
		return
	}
	for name, b := range q.buckets {
		if q.filled(b, now).left >= q.perMinute {
			delete(q.buckets, name)
		}
	}
	for name := range q.buckets {
		if len(q.buckets) <= maxFlows/2 {
			return
		}
		delete(q.buckets, name)
	}
}
