package client

import (
	"context"

	"google.golang.org/grpc"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

var _ exchange.Keeper = (*Client)(nil)

// Held implements exchange.Keeper.
func (c *Client) Held(ctx context.Context) ([]exchange.HeldMessage, error) {
	return call(ctx, c, "client.held", pb.Hold_ListHeld_FullMethodName, &pb.ListHeldRequest{},
		func(e *endpoint) func(context.Context, *pb.ListHeldRequest, ...grpc.CallOption) (*pb.ListHeldResponse, error) {
			return e.hold().ListHeld
		}, sure(wire.DecodeHeld))
}

// ShowHeld implements exchange.Keeper.
func (c *Client) ShowHeld(ctx context.Context, number uint64) (exchange.HeldMessage, error) {
	return call(ctx, c, "client.show-held", pb.Hold_ShowHeld_FullMethodName, &pb.ShowHeldRequest{Number: number},
		func(e *endpoint) func(context.Context, *pb.ShowHeldRequest, ...grpc.CallOption) (*pb.ShowHeldResponse, error) {
			return e.hold().ShowHeld
		}, sure(wire.DecodeOneHeld))
}

// ReleaseHeld implements exchange.Keeper.
func (c *Client) ReleaseHeld(ctx context.Context, number uint64) (exchange.HeldOutcome, error) {
	return call(ctx, c, "client.release-held", pb.Hold_ReleaseHeld_FullMethodName, &pb.ReleaseHeldRequest{Number: number},
		func(e *endpoint) func(context.Context, *pb.ReleaseHeldRequest, ...grpc.CallOption) (*pb.HeldOutcome, error) {
			return e.hold().ReleaseHeld
		}, sure(wire.DecodeHeldOutcome))
}

// ReturnHeld implements exchange.Keeper.
func (c *Client) ReturnHeld(ctx context.Context, number uint64, reason string) (exchange.HeldOutcome, error) {
	return call(ctx, c, "client.return-held", pb.Hold_ReturnHeld_FullMethodName, &pb.ReturnHeldRequest{Number: number, Reason: reason},
		func(e *endpoint) func(context.Context, *pb.ReturnHeldRequest, ...grpc.CallOption) (*pb.HeldOutcome, error) {
			return e.hold().ReturnHeld
		}, sure(wire.DecodeHeldOutcome))
}
