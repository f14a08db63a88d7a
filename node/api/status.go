package api

import (
	"context"
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
)

// visible returns what may be said about an error: the *exchange.Error in its
// chain, or one that says nothing but where to look. changes tells whether the
// call could have changed something, for then running out of time leaves the
// outcome unknown.
func visible(err error, changes bool, request string) *exchange.Error {
	var e *exchange.Error
	switch {
	case errors.As(err, &e) && find(e.Code).code == e.Code:
		return e
	case !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled):
		e = exchange.Errorf(exchange.Internal, "api", "a defect; the log of the node tells more under request %s", request)
	case changes:
		e = exchange.Errorf(exchange.Unknown, "api", "time ran out; it may or may not have been done")
	default:
		e = exchange.Errorf(exchange.Unavailable, "api", "time ran out")
	}
	e.Cause = err
	return e
}

// asStatus puts an error into a gRPC status with its detail.
func asStatus(e *exchange.Error) error {
	detail := wire.EncodeError(e)
	details := []protoadapt.MessageV1{detail}
	if e.RetryAfter > 0 { // also in the form that clients in other languages know
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(e.RetryAfter)})
	}
	s := status.New(GRPCCode(e.Code), detail.Message)
	if with, err := s.WithDetails(details...); err == nil {
		s = with
	}
	return s.Err()
}
