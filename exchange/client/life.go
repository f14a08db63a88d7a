package client

import (
	"context"

	"google.golang.org/grpc"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

var _ exchange.Admitter = (*Client)(nil)

// Asked implements exchange.Admitter.
func (c *Client) Asked(ctx context.Context) ([]exchange.AskedIncarnation, error) {
	return call(ctx, c, "client.asked", pb.Life_ListAsked_FullMethodName, &pb.ListAskedRequest{},
		func(e *endpoint) func(context.Context, *pb.ListAskedRequest, ...grpc.CallOption) (*pb.ListAskedResponse, error) {
			return e.life().ListAsked
		}, sure(wire.DecodeAsked))
}

// Admit implements exchange.Admitter.
func (c *Client) Admit(ctx context.Context, child exchange.Domain, incarnation uint64) (exchange.Admission, error) {
	return call(ctx, c, "client.admit", pb.Life_Admit_FullMethodName, &pb.AdmitRequest{Domain: string(child), Incarnation: incarnation},
		func(e *endpoint) func(context.Context, *pb.AdmitRequest, ...grpc.CallOption) (*pb.AdmitResponse, error) {
			return e.life().Admit
		}, sure(wire.DecodeAdmission))
}
