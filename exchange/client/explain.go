package client

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// explain makes the *exchange.Error out of whatever a call failed with. What
// the domain said is taken as it is. Where it said nothing, the connection
// broke after the call was made, and what that means depends on the method.
func explain(op, method string, err error) *exchange.Error {
	var e *exchange.Error
	if errors.As(err, &e) { // made on this side
		return e
	}
	s, ok := status.FromError(err)
	if !ok {
		s = status.FromContextError(err)
	}
	for _, d := range s.Details() {
		if d, ok := d.(*pb.ErrorDetail); ok {
			return wire.DecodeError(d)
		}
	}
	e = silent(op, method, s)
	e.Cause = err
	return e
}

// silent explains a status without detail, which gRPC itself made.
func silent(op, method string, s *status.Status) *exchange.Error {
	switch s.Code() {
	case codes.Unimplemented:
		return exchange.Errorf(exchange.Unavailable, op, "this server does not know the call; it may be older than this client")
	case codes.ResourceExhausted:
		return exchange.Errorf(exchange.Exhausted, op, "a message is too large, or too many calls are under way")
	case codes.Unauthenticated:
		return exchange.Errorf(exchange.Unauthenticated, op, "the connection cannot carry the token")
	case codes.Internal, codes.InvalidArgument:
		return exchange.Errorf(exchange.Internal, op, "the call was not understood: %s", s.Message())
	}
	if wire.Changes(method) {
		return exchange.Errorf(exchange.Unknown, op, "the answer was lost; it may or may not have been done")
	}
	return exchange.Errorf(exchange.Unavailable, op, "the connection was lost")
}

// local marks a failure on this side: of a reader, a writer or a callback.
func local(op string, err error) error {
	var e *exchange.Error
	if err == nil || errors.As(err, &e) || errors.Is(err, context.Canceled) {
		return err
	}
	return exchange.Errorf(exchange.Internal, op, "on this side: %w", err)
}
