package api

import (
	"context"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

type lifeServer struct {
	pb.UnimplementedLifeServer
	backend Backend
}

// admitter asks the caller's domain about lives.
func admitter[In, Out any](ctx context.Context, b Backend, ask func(exchange.Admitter) (In, error), convert func(In) Out) (Out, error) {
	return call(ctx, b, func(s exchange.Service) (In, error) {
		a, ok := s.(exchange.Admitter)
		if !ok {
			var none In
			return none, exchange.Errorf(exchange.Unavailable, "api.life", "this node admits nobody")
		}
		return ask(a)
	}, convert)
}

func (s *lifeServer) ListAsked(ctx context.Context, _ *pb.ListAskedRequest) (*pb.ListAskedResponse, error) {
	return admitter(ctx, s.backend, func(a exchange.Admitter) ([]exchange.AskedIncarnation, error) { return a.Asked(ctx) }, wire.EncodeAsked)
}

func (s *lifeServer) Admit(ctx context.Context, r *pb.AdmitRequest) (*pb.AdmitResponse, error) {
	return admitter(ctx, s.backend, func(a exchange.Admitter) (exchange.Admission, error) {
		return a.Admit(ctx, exchange.Domain(r.GetDomain()), r.GetIncarnation())
	}, wire.EncodeAdmission)
}
