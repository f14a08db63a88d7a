package wire

import (
	"strings"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// EncodeError returns the part of an error that may be shown: everything but
// its cause. Text that is not UTF-8 is repaired, for an echoed request must
// not make its refusal unsendable.
func EncodeError(e *exchange.Error) *pb.ErrorDetail {
	return &pb.ErrorDetail{
		Code: utf8(string(e.Code)), Op: utf8(e.Op), Message: utf8(e.Message),
		Problems: each(e.Problems, func(p exchange.Problem) *pb.Problem {
			return &pb.Problem{
				Field: utf8(p.Field), Code: utf8(p.Code), Message: utf8(p.Message),
				Zh: utf8(p.Chinese), Clause: utf8(p.Clause), Remedy: utf8(p.Remedy),
			}
		}),
		RetryAfterMs: uint64(max(0, e.RetryAfter.Milliseconds())),
	}
}

// DecodeError is the inverse of EncodeError.
func DecodeError(d *pb.ErrorDetail) *exchange.Error {
	return &exchange.Error{
		Code: exchange.Code(d.GetCode()), Op: d.GetOp(), Message: d.GetMessage(),
		Problems: each(d.GetProblems(), func(p *pb.Problem) exchange.Problem {
			return exchange.Problem{
				Field: p.GetField(), Code: p.GetCode(), Message: p.GetMessage(),
				Chinese: p.GetZh(), Clause: p.GetClause(), Remedy: p.GetRemedy(),
			}
		}),
		RetryAfter: time.Duration(min(d.GetRetryAfterMs(), uint64(longestRetry.Milliseconds()))) * time.Millisecond,
	}
}

// longestRetry bounds what a server may ask its clients to wait.
const longestRetry = time.Hour

func utf8(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
