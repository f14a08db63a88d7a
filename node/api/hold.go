package api

import (
	"context"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

type holdServer struct {
	pb.UnimplementedHoldServer
	backend Backend
}

// held asks the caller's domain about what it set aside.
func held[In, Out any](ctx context.Context, b Backend, ask func(exchange.Keeper) (In, error), convert func(In) Out) (Out, error) {
	return call(ctx, b, func(s exchange.Service) (In, error) {
		k, ok := s.(exchange.Keeper)
		if !ok {
			var none In
			return none, exchange.Errorf(exchange.Unavailable, "api.hold", "this node tells nothing about what is held")
		}
		return ask(k)
	}, convert)
}

func (s *holdServer) ListHeld(ctx context.Context, _ *pb.ListHeldRequest) (*pb.ListHeldResponse, error) {
	return held(ctx, s.backend, func(k exchange.Keeper) ([]exchange.HeldMessage, error) { return k.Held(ctx) }, wire.EncodeHeld)
}

func (s *holdServer) ShowHeld(ctx context.Context, r *pb.ShowHeldRequest) (*pb.ShowHeldResponse, error) {
	return held(ctx, s.backend, func(k exchange.Keeper) (exchange.HeldMessage, error) { return k.ShowHeld(ctx, r.GetNumber()) }, wire.EncodeOneHeld)
}

func (s *holdServer) ReleaseHeld(ctx context.Context, r *pb.ReleaseHeldRequest) (*pb.HeldOutcome, error) {
	return held(ctx, s.backend, func(k exchange.Keeper) (exchange.HeldOutcome, error) { return k.ReleaseHeld(ctx, r.GetNumber()) }, wire.EncodeHeldOutcome)
}

func (s *holdServer) ReturnHeld(ctx context.Context, r *pb.ReturnHeldRequest) (*pb.HeldOutcome, error) {
	return held(ctx, s.backend, func(k exchange.Keeper) (exchange.HeldOutcome, error) {
		return k.ReturnHeld(ctx, r.GetNumber(), r.GetReason())
	}, wire.EncodeHeldOutcome)
}
