package api

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/peer"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// stalls counts readers that took nothing for the allowed time.
type stalls struct {
	limit time.Duration
	count atomic.Uint64
}

var errStalled = errors.New("the reader took nothing")

// send bounds one message of a stream to a reader. When it is not taken in
// time the call ends, whose context also ends the blocked send.
func (s *stalls) send(ctx context.Context, send func() error) error {
	in := entryOf(ctx)
	if in == nil {
		return send()
	}
	timer := time.AfterFunc(s.limit, func() { in.end(errStalled) })
	err := send()
	timer.Stop()
	if err == nil || !errors.Is(context.Cause(ctx), errStalled) {
		return err
	}
	s.count.Add(1)
	if p, ok := peer.FromContext(ctx); ok {
		if c, ok := p.AuthInfo.(connInfo); ok {
			c.conn.stalled()
		}
	}
	return exchange.Errorf(exchange.Unavailable, "api.send", "the reader took nothing for %s and was ended; ask again", s.limit)
}
