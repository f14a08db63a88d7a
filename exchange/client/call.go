package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
)

// Waits between rounds over the endpoints, with full jitter.
const (
	firstWait   = 100 * time.Millisecond
	longestWait = 5 * time.Second
	connectWait = 3 * time.Second
)

// request is one call and how it may be repeated.
type request struct {
	op     string
	method string // full name; decides whether a lost answer matters
	// repeats allows another try after an unknown outcome.
	repeats bool
	// begun, when set, tells that the answer has begun to reach the caller, so
	// that the call can no longer be repeated.
	begun func() bool
	do    func(ctx context.Context, e *endpoint) error
}

// run tries the endpoints in rounds. An answer of the domain, good or bad, is
// final; Unavailable, which says that nothing was done, is worth another
// endpoint and another round, and a refusal for want of room is worth another
// round after the time that it asks for. Once an outcome is unknown it stays
// unknown until the domain answers.
func (c *Client) run(ctx context.Context, r request) error {
	deadline := time.Now().Add(c.config.Patience)
	unknown := false
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := c.round(ctx, r, &unknown)
		if err != nil && unknown && !settles(err.Code) && !c.worthAnotherTry(r, err) {
			return r.verdict(ctx, err, unknown)
		}
		if err == nil || !c.worthAnotherTry(r, err) {
			return orNil(err)
		}
		pause := rand.N(wait)
		if err.RetryAfter > 0 { // spread round what was asked for
			pause = err.RetryAfter/2 + rand.N(err.RetryAfter)
		}
		patient := r.repeats && wire.Changes(r.method) || time.Now().Add(pause).Before(deadline)
		if !patient || !c.sleep(ctx, err, pause) {
			return r.verdict(ctx, err, unknown)
		}
	}
}

// settles tells whether an answer says what became of an earlier try whose
// answer was lost. A refusal for want of room, of a person or of a leader says
// only that this try did nothing.
func settles(c exchange.Code) bool {
	return c == exchange.Conflict || c == exchange.Invalid || c == exchange.NotFound
}

func orNil(e *exchange.Error) error {
	if e == nil {
		return nil
	}
	return e
}

// round tries each endpoint once, beginning with the one that answered last.
func (c *Client) round(ctx context.Context, r request, unknown *bool) *exchange.Error {
	var last *exchange.Error
	first := int(c.preferred.Load())
	for i := range c.endpoints {
		n := (first + i) % len(c.endpoints)
		e := c.endpoints[n]
		if !e.connect(ctx) {
			if last == nil {
				last = e.unreachable(r.op)
			}
			continue
		}
		err := r.do(ctx, e)
		if err == nil {
			c.preferred.Store(int32(n))
			return nil
		}
		last = explain(r.op, r.method, err)
		*unknown = *unknown || last.Code == exchange.Unknown
		if last.Code == exchange.Unknown || last.Code == exchange.Unavailable { // it may hang until the caller gives up: the next call asks another first
			c.preferred.CompareAndSwap(int32(n), int32((n+1)%len(c.endpoints)))
		}
		if last.RetryAfter > 0 { // the others have the same storm; one of them is asked next time
			c.preferred.Store(int32((n + 1) % len(c.endpoints)))
			return last
		}
		if !c.worthAnotherTry(r, last) {
			return last
		}
	}
	return last
}

func (c *Client) worthAnotherTry(r request, e *exchange.Error) bool {
	if r.begun != nil && r.begun() {
		return false
	}
	if e.RetryAfter > 0 {
		return !c.config.RefusalsFinal
	}
	return e.Code == exchange.Unavailable || e.Code == exchange.Unknown && r.repeats
}

// verdict is what is said when no try is left.
func (r request) verdict(ctx context.Context, last *exchange.Error, unknown bool) error {
	code, message := last.Code, last.Message
	switch {
	case unknown:
		code, message = exchange.Unknown, "no answer came; it may or may not have been done"
	case ctx.Err() != nil:
		message = "given up, and nothing was done: " + last.Message
	}
	return &exchange.Error{Code: code, Op: r.op, Message: message, Problems: last.Problems, RetryAfter: last.RetryAfter, Cause: errors.Join(last.Cause, ctx.Err())}
}

func (c *Client) sleep(ctx context.Context, cause error, d time.Duration) bool {
	if ctx.Err() != nil {
		return false
	}
	if c.config.OnRetry != nil {
		c.config.OnRetry(cause, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
