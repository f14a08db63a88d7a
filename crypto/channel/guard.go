package channel

import (
	"context"
	"fmt"
	"net"
	"time"
)

// guard runs a handshake within the limits of time and of ctx. A panic of a
// library ends this connection and not the process. Whatever fails closes raw.
func guard(ctx context.Context, limit time.Duration, raw, inner net.Conn, handshake func() (*Conn, error)) (c *Conn, err error) {
	defer func() {
		if r := recover(); r != nil {
			c, err = nil, fmt.Errorf("%w: the library gave up on the peer's bytes: %v", ErrHandshake, r)
		}
		if err != nil {
			c = nil
			_ = raw.Close() // the handshake's error is the one to tell
		}
	}()
	if err := raw.SetDeadline(time.Now().Add(limit)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	c, err = handshake()
	if !stop() && err == nil {
		err = fmt.Errorf("%w: %w", ErrHandshake, context.Cause(ctx))
	}
	if err == nil {
		err = inner.SetDeadline(time.Time{})
	}
	if err != nil && c != nil {
		_ = c.Close() // also forgets it in Live
	}
	return c, err
}
