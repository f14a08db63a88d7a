package client

import (
	"context"

	"google.golang.org/grpc"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// call makes one unary call and converts its answer.
func call[In, Out, V any](
	ctx context.Context, c *Client, op, method string, in *In,
	rpc func(e *endpoint) func(context.Context, *In, ...grpc.CallOption) (*Out, error),
	decode func(*Out) (V, error),
) (V, error) {
	var v, none V
	err := c.run(ctx, request{op: op, method: method, repeats: !wire.Changes(method), do: func(ctx context.Context, e *endpoint) error {
		out, err := rpc(e)(ctx, in)
		if err != nil {
			return err
		}
		v, err = decode(out)
		return err
	}})
	if err != nil {
		return none, err
	}
	return v, nil
}

// sure adapts a conversion that cannot fail.
func sure[Out, V any](decode func(*Out) V) func(*Out) (V, error) {
	return func(p *Out) (V, error) { return decode(p), nil }
}

// Capabilities implements exchange.Service.
func (c *Client) Capabilities(ctx context.Context) (exchange.Capabilities, error) {
	return call(ctx, c, "client.capabilities", pb.Exchange_Capabilities_FullMethodName, &pb.CapabilitiesRequest{},
		func(e *endpoint) func(context.Context, *pb.CapabilitiesRequest, ...grpc.CallOption) (*pb.CapabilitiesResponse, error) {
			return e.exchange().Capabilities
		}, sure(wire.DecodeCapabilities))
}

type lister = func(context.Context, *pb.ListRequest, ...grpc.CallOption) (*pb.ListResponse, error)

// Inbox implements exchange.Service.
func (c *Client) Inbox(ctx context.Context, q exchange.ListQuery) (exchange.List, error) {
	return call(ctx, c, "client.inbox", pb.Exchange_Inbox_FullMethodName, wire.EncodeQuery(q),
		func(e *endpoint) lister { return e.exchange().Inbox }, wire.DecodeList)
}

// Outbox implements exchange.Service.
func (c *Client) Outbox(ctx context.Context, q exchange.ListQuery) (exchange.List, error) {
	return call(ctx, c, "client.outbox", pb.Exchange_Outbox_FullMethodName, wire.EncodeQuery(q),
		func(e *endpoint) lister { return e.exchange().Outbox }, wire.DecodeList)
}

// Show implements exchange.Service.
func (c *Client) Show(ctx context.Context, ref string) (exchange.Details, error) {
	return call(ctx, c, "client.show", pb.Exchange_Show_FullMethodName, &pb.ShowRequest{Id: ref},
		func(e *endpoint) func(context.Context, *pb.ShowRequest, ...grpc.CallOption) (*pb.ShowResponse, error) {
			return e.exchange().Show
		}, wire.DecodeDetails)
}

// Track implements exchange.Service.
func (c *Client) Track(ctx context.Context, ref string) (exchange.Tracking, error) {
	return call(ctx, c, "client.track", pb.Exchange_Track_FullMethodName, &pb.TrackRequest{Id: ref},
		func(e *endpoint) func(context.Context, *pb.TrackRequest, ...grpc.CallOption) (*pb.TrackResponse, error) {
			return e.exchange().Track
		}, wire.DecodeTracking)
}

// Sign implements exchange.Service.
func (c *Client) Sign(ctx context.Context, ref string) (exchange.Outcome, error) {
	return call(ctx, c, "client.sign", pb.Exchange_Sign_FullMethodName, &pb.SignRequest{Id: ref},
		func(e *endpoint) func(context.Context, *pb.SignRequest, ...grpc.CallOption) (*pb.ActResponse, error) {
			return e.exchange().Sign
		}, wire.DecodeOutcome)
}

// Return implements exchange.Service.
func (c *Client) Return(ctx context.Context, ref, reason, note string) (exchange.Outcome, error) {
	in := &pb.ReturnRequest{Id: ref, Reason: reason, Note: note}
	return call(ctx, c, "client.return", pb.Exchange_Return_FullMethodName, in,
		func(e *endpoint) func(context.Context, *pb.ReturnRequest, ...grpc.CallOption) (*pb.ActResponse, error) {
			return e.exchange().Return
		}, wire.DecodeOutcome)
}

type recaller = func(context.Context, *pb.RecallRequest, ...grpc.CallOption) (*pb.ActResponse, error)

// Recall implements exchange.Service.
func (c *Client) Recall(ctx context.Context, ref string, to []exchange.Unit, reason string) (exchange.Outcome, error) {
	in := &pb.RecallRequest{Id: ref, To: wire.EncodeUnitNames(to), Reason: reason}
	return call(ctx, c, "client.recall", pb.Exchange_Recall_FullMethodName, in,
		func(e *endpoint) recaller { return e.exchange().Recall }, wire.DecodeOutcome)
}

// Urge implements exchange.Service.
func (c *Client) Urge(ctx context.Context, ref string, to []exchange.Unit) (exchange.Outcome, error) {
	in := &pb.RecallRequest{Id: ref, To: wire.EncodeUnitNames(to)}
	return call(ctx, c, "client.urge", pb.Exchange_Urge_FullMethodName, in,
		func(e *endpoint) recaller { return e.exchange().Urge }, wire.DecodeOutcome)
}

// Units implements exchange.Service.
func (c *Client) Units(ctx context.Context, match string, limit int) ([]exchange.UnitSummary, error) {
	in := &pb.UnitsRequest{Match: match, Limit: uint32(max(0, limit))}
	return call(ctx, c, "client.units", pb.Exchange_Units_FullMethodName, in,
		func(e *endpoint) func(context.Context, *pb.UnitsRequest, ...grpc.CallOption) (*pb.UnitsResponse, error) {
			return e.exchange().Units
		}, sure(wire.DecodeUnits))
}
