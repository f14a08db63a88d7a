package auth

import (
	"net/netip"
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// Bounds of what a limiter remembers, whoever calls.
const (
	maxSources = 4096
	maxProven  = 4096
)

// limiter counts failures by source: a bucket that holds burst failures and
// empties by one every refill. A whole office may share one address, so a
// digest that succeeded lately is let through even while its neighbours fail:
// one job with an outdated token must not lock the others out. It is still
// looked up, so a withdrawn token ends at once.
type limiter struct {
	burst  int
	refill time.Duration
	now    func() time.Time

	mu       sync.Mutex
	failures map[string]time.Time // when the bucket of a source will be empty
	proven   map[crypto.Digest]struct{}
}

func newLimiter(burst int, refill time.Duration, now func() time.Time) *limiter {
	return &limiter{
		burst: burst, refill: refill, now: now,
		failures: map[string]time.Time{}, proven: map[crypto.Digest]struct{}{},
	}
}

// blocked returns how long the source has to wait, 0 when it may try.
func (l *limiter) blocked(source string, digest crypto.Digest) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.proven[digest]; ok {
		return 0
	}
	until, ok := l.failures[sourceKey(source)]
	if !ok {
		return 0
	}
	return max(until.Sub(l.now())-time.Duration(l.burst-1)*l.refill, 0)
}

func (l *limiter) failed(source string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now, key := l.now(), sourceKey(source)
	if len(l.failures) >= maxSources {
		l.forget(now)
	}
	until := l.failures[key]
	if until.Before(now) {
		until = now
	}
	l.failures[key] = until.Add(l.refill)
}

// forget drops the sources whose buckets are empty and, if all are in use, an
// arbitrary half: memory stays bounded whatever addresses are made up.
func (l *limiter) forget(now time.Time) {
	for k, until := range l.failures {
		if until.Before(now) {
			delete(l.failures, k)
		}
	}
	for k := range l.failures {
		if len(l.failures) < maxSources/2 {
			return
		}
		delete(l.failures, k)
	}
}

func (l *limiter) succeeded(digest crypto.Digest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.proven) >= maxProven {
		clear(l.proven)
	}
	l.proven[digest] = struct{}{}
}

// sourceKey drops the port, and the half of an IPv6 address that its holder
// chooses freely.
func sourceKey(source string) string {
	ap, err := netip.ParseAddrPort(source)
	if err != nil {
		return source
	}
	addr := ap.Addr().Unmap()
	if addr.Is6() {
		if p, err := addr.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}
