package link

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	yizhanv1 "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// stream is what both ends of Link.Messages have in common.
type stream interface {
	Send(*yizhanv1.Frame) error
	Recv() (*yizhanv1.Frame, error)
}

// bulkStream is what both ends of Link.Bulk have in common.
type bulkStream interface {
	Send(*yizhanv1.BulkFrame) error
	Recv() (*yizhanv1.BulkFrame, error)
}

// line is one link as seen from one end, for as long as the process lives.
type line struct {
	self, peer exchange.Domain
	station    delivery.Station
	opt        Options
	count      *Counters
	state      *state
	log        *slog.Logger
	tasks      *sync.WaitGroup // every goroutine of the owner
}

var errRevoked = &closure{code: codeRevoked, text: "the peer's certificate has been revoked"}

func (l *line) revoked() bool { return l.opt.Revoked != nil && l.opt.Revoked(l.peer) }

// spawn runs f in a goroutine and hands its end, or its panic, to done.
func (l *line) spawn(f func() error, done func(error)) {
	l.tasks.Go(func() { done(l.guard(f)) })
}

func (l *line) guard(f func() error) error { return guard(l.count, l.log, f) }

// guard turns a panic into an error. The value may hold content, so only its
// type and the stack are logged.
func guard(count *Counters, log *slog.Logger, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			count.Panics.Add(1)
			log.Error("link: panic", "type", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
			err = &closure{code: codeInternal, text: "a defect; see the log of this replica"}
		}
	}()
	return f()
}

// within runs a blocking receive with a time limit. When it times out the
// caller must end the stream, which ends the receive.
func within[T any](ctx context.Context, l *line, limit time.Duration, receive func() (T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	got := make(chan answer, 1)
	var v T
	l.spawn(func() error {
		v, err := receive()
		got <- answer{v, err}
		return nil
	}, func(error) {})
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case a := <-got:
		return a.v, a.err
	case <-t.C:
		return v, &closure{code: codeLost, text: "the peer does not answer"}
	case <-ctx.Done():
		return v, &closure{code: codeLost, text: "the handshake was given up", cause: context.Cause(ctx)}
	}
}
