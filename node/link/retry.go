package link

import "time"

// backoff draws waiting times with full jitter. It is not safe for concurrent
// use.
type backoff struct {
	Retry
	random   func() float64
	failures int
}

// next returns the wait after one more failure.
func (b *backoff) next() time.Duration {
	cap := b.Ceiling
	if b.failures < 32 && b.Base<<b.failures < b.Ceiling && b.Base<<b.failures > 0 {
		cap = b.Base << b.failures
	}
	b.failures++
	return time.Duration(b.random() * float64(cap))
}

// slow returns a wait near the ceiling, for refusals that trying again will
// not cure by itself.
func (b *backoff) slow() time.Duration {
	b.failures = 32
	return b.Ceiling/2 + time.Duration(b.random()*float64(b.Ceiling/2))
}

// mostAsked bounds the wait for an administrator, who is at the telephone.
const mostAsked = 20 * time.Second

// asked returns a wait for a refusal that somebody was asked to lift.
func (b *backoff) asked() time.Duration {
	most := min(b.Ceiling, mostAsked)
	return most/2 + time.Duration(b.random()*float64(most/2))
}

// reset forgets past failures.
func (b *backoff) reset() { b.failures = 0 }

// failover is the time in which a parent that lost its leader has another one,
// with much to spare on a busy machine. A wait that has grown to eight seconds
// by then would be the longest part of the outage.
const failover = 30 * time.Second

// pacer decides which of the parent's replicas is tried next, and when. A
// round tries each once without waiting; only a whole round without a session
// costs a wait. Waits begin to double when the link has been down for longer
// than a failover takes.
type pacer struct {
	backoff
	now      func() time.Time
	replicas int
	current  int
	tried    int       // in this round
	lost     time.Time // the first failure since the last good session; zero: none
}

// after digests how the last attempt ended and returns how long to wait.
// healthy tells that its session had moved or kept something.
func (p *pacer) after(c *closure, healthy bool) time.Duration {
	if healthy {
		p.reset()
		p.tried, p.lost = 0, time.Time{}
	}
	if !healthy || c.pace() == atOnce {
		p.current = (p.current + 1) % p.replicas
		p.tried++
	}
	switch {
	case c.pace() == asked:
		p.tried = 0
		return max(p.asked(), c.after)
	case c.pace() == slow:
		p.tried = 0
		return max(p.slow(), c.after)
	case p.tried > 0 && p.tried < p.replicas:
		return 0
	}
	p.tried = 0
	return max(p.again(), min(c.after, p.Ceiling))
}

// again returns the wait after a round without a session.
func (p *pacer) again() time.Duration {
	now := p.now()
	if p.lost.IsZero() {
		p.lost = now
	}
	if now.Sub(p.lost) < failover {
		p.reset()
	}
	return p.next()
}
