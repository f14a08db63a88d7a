package auth

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Tokens knows whose token has a digest. Implementations are safe for
// concurrent use and compare digests in constant time (Match). Suspended
// persons and units are not found. Errors are *exchange.Error: Unavailable
// when the domain cannot say at the moment.
type Tokens interface {
	Lookup(ctx context.Context, domain exchange.Domain, digest crypto.Digest) (exchange.Caller, bool, error)
}

// BearerConfig is what a Bearer needs. Sum and Tokens are required.
type BearerConfig struct {
	Tokens Tokens
	Sum    func(parts ...[]byte) crypto.Digest // SM3
	Now    func() time.Time                    // nil: time.Now
	// Burst failures of one source are answered before it must wait; after
	// that one more is answered every Refill. Zero: 20 and 3 s.
	Burst  int
	Refill time.Duration
}

// Bearer authenticates by bearer tokens. It is safe for concurrent use.
type Bearer struct {
	tokens Tokens
	sum    func(parts ...[]byte) crypto.Digest
	limit  *limiter
}

// NewBearer checks the configuration.
func NewBearer(c BearerConfig) (*Bearer, error) {
	if c.Tokens == nil || c.Sum == nil {
		return nil, errors.New("auth: a bearer needs tokens and SM3")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Burst <= 0 {
		c.Burst = 20
	}
	if c.Refill <= 0 {
		c.Refill = 3 * time.Second
	}
	return &Bearer{tokens: c.Tokens, sum: c.Sum, limit: newLimiter(c.Burst, c.Refill, c.Now)}, nil
}

// Authenticate returns the caller named by the value of an Authorization
// header. source is the address of the peer, and only limits failures. It
// fails with Unauthenticated, with Exhausted after too many failures of one
// source, or as Tokens does. No error tells why a token was refused.
func (b *Bearer) Authenticate(ctx context.Context, authorization, source string) (exchange.Caller, error) {
	const op = "auth.bearer"
	scheme, text, _ := strings.Cut(authorization, " ")
	if text == "" || !strings.EqualFold(scheme, "bearer") {
		return exchange.Caller{}, exchange.Errorf(exchange.Unauthenticated, op, "a bearer token is needed")
	}
	token, err := ParseToken(text)
	digest := crypto.Digest{}
	if err == nil {
		digest = token.Digest(b.sum)
	}
	if wait := b.limit.blocked(source, digest); wait > 0 {
		return exchange.Caller{}, exchange.Errorf(exchange.Exhausted, op,
			"too many refused tokens from this address; try again in %s", wait.Round(time.Second))
	}
	if err != nil {
		return exchange.Caller{}, b.refuse(op, source)
	}
	caller, found, err := b.tokens.Lookup(ctx, token.Domain(), digest)
	if err != nil {
		return exchange.Caller{}, err
	}
	if !found || caller.Unit.Domain() != token.Domain() {
		return exchange.Caller{}, b.refuse(op, source)
	}
	b.limit.succeeded(digest)
	return caller, nil
}

func (b *Bearer) refuse(op, source string) error {
	b.limit.failed(source)
	return exchange.Errorf(exchange.Unauthenticated, op, "the token is not known here")
}
