package api

import (
	"net/http"

	"google.golang.org/grpc/codes"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// row says how one code of exchange looks to gRPC and to HTTP.
type row struct {
	code exchange.Code
	grpc codes.Code
	http int
}

// table is the only place where codes are translated. The client does not
// need it: the code itself travels in the detail of the status.
var table = []row{
	{exchange.Invalid, codes.InvalidArgument, http.StatusUnprocessableEntity},
	{exchange.NotFound, codes.NotFound, http.StatusNotFound},
	{exchange.Conflict, codes.FailedPrecondition, http.StatusConflict},
	{exchange.Unauthenticated, codes.Unauthenticated, http.StatusUnauthorized},
	{exchange.Denied, codes.PermissionDenied, http.StatusForbidden},
	{exchange.Unavailable, codes.Unavailable, http.StatusServiceUnavailable},
	{exchange.Unknown, codes.Unknown, http.StatusGatewayTimeout},
	{exchange.Exhausted, codes.ResourceExhausted, http.StatusTooManyRequests},
	{exchange.Stale, codes.Aborted, http.StatusConflict},
	{exchange.Corrupt, codes.DataLoss, http.StatusInternalServerError},
	{exchange.Internal, codes.Internal, http.StatusInternalServerError},
}

// GRPCCode returns the gRPC code of a code; one that is not listed is a
// defect, and Internal.
func GRPCCode(c exchange.Code) codes.Code { return find(c).grpc }

// HTTPStatus returns the HTTP status of a code.
func HTTPStatus(c exchange.Code) int { return find(c).http }

func find(c exchange.Code) row {
	for _, r := range table {
		if r.code == c {
			return r
		}
	}
	return row{exchange.Internal, codes.Internal, http.StatusInternalServerError}
}
