package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
)

// Authenticator tells whose credential a call carries. authorization is the
// value of the header, "" when there is none; source is the peer's address.
// It fails with *exchange.Error and is safe for concurrent use.
type Authenticator interface {
	Authenticate(ctx context.Context, authorization, source string) (exchange.Caller, error)
}

// gate stands before every method: it authenticates, authorizes, limits the
// time, recovers panics, translates errors and writes the request log.
type gate struct {
	auth   Authenticator
	rules  map[string]rule // set once, before the first call
	limits Limits
	log    *slog.Logger

	entrance *entrance
}

func (g *gate) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (out any, err error) {
	err = g.pass(ctx, info.FullMethod, g.limits.Unary, func(ctx context.Context) error {
		out, err = handler(ctx, req)
		return err
	})
	return out, err
}

func (g *gate) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	return g.pass(ss.Context(), info.FullMethod, g.limits.Stream, func(ctx context.Context) error {
		return handler(srv, withContext{ss, ctx})
	})
}

type withContext struct {
	grpc.ServerStream
	ctx context.Context
}

func (s withContext) Context() context.Context { return s.ctx }

// pass runs one call. The log line holds who (the unit, never the person),
// what and how long; never content.
func (g *gate) pass(ctx context.Context, method string, limit time.Duration, handle func(context.Context) error) error {
	begun, request := time.Now(), newRequestID()
	_ = grpc.SetHeader(ctx, metadata.Pairs("yizhan-request", request))
	caller, err := g.admit(ctx, method)
	admitted := err == nil
	if admitted {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(exchange.WithCaller(ctx, caller), limit)
		defer cancel()
		err = recovered(ctx, handle)
	}
	attrs := []slog.Attr{
		slog.String("request", request), slog.String("method", method), slog.String("unit", string(caller.Unit)),
		slog.Duration("took", time.Since(begun)),
	}
	if err == nil {
		g.log.LogAttrs(ctx, slog.LevelInfo, "call", attrs...)
		return nil
	}
	if _, standard := foreign[method]; standard && admitted {
		return err // already a status, and not about our matters
	}
	e := visible(err, wire.Changes(method), request)
	g.log.LogAttrs(ctx, levelOf(e.Code), "call", append(attrs, failure(ctx, e)...)...)
	return asStatus(e)
}

// admit returns the caller, or why the call is refused.
func (g *gate) admit(ctx context.Context, method string) (exchange.Caller, error) {
	r := g.rules[method]
	if r.public {
		return exchange.Caller{}, nil
	}
	var authorization string
	if v := metadata.ValueFromIncomingContext(ctx, "authorization"); len(v) == 1 {
		authorization = v[0]
	}
	caller, err := g.auth.Authenticate(ctx, authorization, source(ctx))
	if err != nil {
		return exchange.Caller{}, err
	}
	if !caller.Unit.Valid() || !caller.Person.Valid() {
		return exchange.Caller{}, exchange.Errorf(exchange.Internal, "api.authenticate", "the credential names no unit and person")
	}
	if err := r.admits(caller); err != nil {
		return caller, err
	}
	g.entrance.known.remember(authorization, caller.Unit)
	if err := entryOf(ctx).identify(caller.Unit); err != nil {
		g.entrance.refusals.add()
		return caller, err
	}
	return caller, nil
}

// recovered turns a panic into an error that holds the place but not the
// value: a panic's value may hold content, a runtime error's text does not.
func recovered(ctx context.Context, handle func(context.Context) error) (err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		what := fmt.Sprintf("%T", v)
		if re, ok := v.(runtime.Error); ok {
			what = re.Error()
		}
		err = fmt.Errorf("panic: %s\n%s", what, debug.Stack())
	}()
	return handle(ctx)
}

func failure(ctx context.Context, e *exchange.Error) []slog.Attr {
	attrs := []slog.Attr{slog.String("code", string(e.Code)), slog.String("op", e.Op), slog.Int("problems", len(e.Problems))}
	if e.Code == exchange.Unauthenticated || e.Code == exchange.Exhausted {
		attrs = append(attrs, slog.String("source", source(ctx)))
	}
	if e.Cause != nil {
		attrs = append(attrs, slog.String("cause", e.Cause.Error()))
	}
	return attrs
}

func levelOf(c exchange.Code) slog.Level {
	switch c {
	case exchange.Internal, exchange.Corrupt:
		return slog.LevelError
	case exchange.Unauthenticated, exchange.Denied, exchange.Unknown, exchange.Exhausted:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

func source(ctx context.Context) string {
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		return p.Addr.String()
	}
	return ""
}

func newRequestID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
