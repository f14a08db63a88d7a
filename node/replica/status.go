package replica

import (
	"errors"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Between replicas the gRPC code says little and the attached detail says
// everything: an answer without it did not come from a replica but from the
// transport, and then nobody knows what was done.

// leaderHint is implemented by the error of a replica that does not lead.
type leaderHint interface {
	error
	LeaderHint() (exchange.Replica, string)
}

// toStatus keeps the code, and names the leader if the error does.
func toStatus(err error) error {
	var e *exchange.Error
	if !errors.As(err, &e) {
		e = &exchange.Error{Code: exchange.Internal, Op: opServer, Message: "internal error"}
	}
	d := wire.EncodeError(e)
	var hint leaderHint
	if errors.As(err, &hint) {
		leader, _ := hint.LeaderHint()
		d.Problems = append(d.Problems, &pb.Problem{Field: string(leader), Code: codeNotLeader})
	}
	s, failed := status.New(grpcCode(e.Code), e.Message).WithDetails(d)
	if failed != nil { // only for a status of OK or a message that cannot be encoded
		return status.Error(codes.Internal, e.Message)
	}
	return s.Err()
}

func grpcCode(c exchange.Code) codes.Code {
	switch c {
	case exchange.Unauthenticated:
		return codes.Unauthenticated
	case exchange.Denied:
		return codes.PermissionDenied
	case exchange.NotFound:
		return codes.NotFound
	}
	return codes.FailedPrecondition // read the detail
}

// fromStatus is the inverse of toStatus. silent is the code of an answer that
// did not come from a replica.
func fromStatus(op string, silent exchange.Code, err error) error {
	if err == nil {
		return nil
	}
	for _, d := range status.Convert(err).Details() {
		if detail, ok := d.(*pb.ErrorDetail); ok {
			return decode(detail, err)
		}
	}
	return exchange.Errorf(silent, op, "no answer from the replica: %w", err)
}

func decode(d *pb.ErrorDetail, cause error) error {
	e := wire.DecodeError(d)
	e.Cause = cause
	for i, p := range e.Problems {
		if p.Code == codeNotLeader {
			e.Problems = append(e.Problems[:i:i], e.Problems[i+1:]...)
			return &NotLeaderError{Leader: exchange.Replica(p.Field), cause: e}
		}
	}
	return e
}

// NotLeaderError says that nothing was done because the replica asked does not
// lead. Its code is Unavailable.
type NotLeaderError struct {
	Leader exchange.Replica // "" when the replica knows of none
	cause  *exchange.Error
}

// Error implements error.
func (e *NotLeaderError) Error() string { return e.cause.Error() }

// Unwrap returns the *exchange.Error.
func (e *NotLeaderError) Unwrap() error { return e.cause }
