package api

import (
	"context"
	"math"
	"time"

	"google.golang.org/grpc"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	"github.com/yizhan-exchange/yizhan/node/api/admission"
	"github.com/yizhan-exchange/yizhan/node/failpoint"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// of returns the service of the caller's own domain.
func (b Backend) of(ctx context.Context) (exchange.Service, error) {
	caller, ok := exchange.CallerFrom(ctx)
	if !ok {
		return nil, exchange.Errorf(exchange.Unauthenticated, "api", "nobody is authenticated")
	}
	s, ok := b(caller.Unit.Domain())
	if !ok {
		return nil, exchange.Errorf(exchange.Unavailable, "api", "this node does not host domain %s at the moment", caller.Unit.Domain())
	}
	return s, nil
}

// call is one unary method: find the domain, ask it, convert the answer.
func call[In any, Out any](ctx context.Context, b Backend, ask func(exchange.Service) (In, error), convert func(In) Out) (Out, error) {
	var none Out
	s, err := b.of(ctx)
	if err != nil {
		return none, err
	}
	v, err := ask(s)
	if err != nil {
		return none, err
	}
	return convert(v), nil
}

type exchangeServer struct {
	pb.UnimplementedExchangeServer
	backend Backend
	idle    time.Duration
	stalls  *stalls
}

func (s *exchangeServer) Capabilities(ctx context.Context, _ *pb.CapabilitiesRequest) (*pb.CapabilitiesResponse, error) {
	return call(ctx, s.backend, func(e exchange.Service) (exchange.Capabilities, error) { return e.Capabilities(ctx) }, wire.EncodeCapabilities)
}

func (s *exchangeServer) Submit(stream grpc.ClientStreamingServer[pb.SubmitRequest, pb.SubmitResponse]) error {
	ctx := stream.Context()
	service, err := s.backend.of(ctx)
	if err != nil {
		return err
	}
	ticket := entryOf(ctx).ticket
	if err := ticket.Wait(ctx); err != nil {
		return err
	}
	if err := stream.SendHeader(nil); err != nil { // tells the sender to go on
		return gone(err)
	}
	up := newUpload(ctx, stream.Recv, s.idle, ticket)
	submission, err := up.header()
	if err != nil {
		return err
	}
	if err := declare(ticket, submission); err != nil {
		return err
	}
	out, err := service.Submit(ctx, submission, up.open)
	ticket.Done(err == nil && !out.Replayed)
	if err != nil {
		return up.blame(err)
	}
	if err := failpoint.Hit(failpoint.SubmissionAnswers); err != nil {
		return exchange.Errorf(exchange.Unknown, opUpload, "the answer is lost: %w", err)
	}
	return stream.SendAndClose(wire.EncodeSubmitted(out))
}

// declare compares the metadata of a submission with its header. A word for
// the urgency that is not known is left to the check of the form.
func declare(t *admission.Ticket, s exchange.Submission) error {
	var size int64
	for _, f := range s.Files {
		size += min(max(0, f.Size), math.MaxInt64-size)
	}
	urgency, ok := exchange.ParseUrgency(s.Urgency)
	if !ok {
		urgency = exchange.MostUrgent
	}
	return t.Declare(urgency, size)
}

func (s *exchangeServer) Inbox(ctx context.Context, r *pb.ListRequest) (*pb.ListResponse, error) {
	return call(ctx, s.backend, func(e exchange.Service) (exchange.List, error) { return e.Inbox(ctx, wire.DecodeQuery(r)) }, wire.EncodeList)
}

func (s *exchangeServer) Outbox(ctx context.Context, r *pb.ListRequest) (*pb.ListResponse, error) {
	return call(ctx, s.backend, func(e exchange.Service) (exchange.List, error) { return e.Outbox(ctx, wire.DecodeQuery(r)) }, wire.EncodeList)
}

func (s *exchangeServer) Show(ctx context.Context, r *pb.ShowRequest) (*pb.ShowResponse, error) {
	return call(ctx, s.backend, func(e exchange.Service) (exchange.Details, error) { return e.Show(ctx, r.GetId()) }, wire.EncodeDetails)
}

func (s *exchangeServer) Track(ctx context.Context, r *pb.TrackRequest) (*pb.TrackResponse, error) {
	return call(ctx, s.backend, func(e exchange.Service) (exchange.Tracking, error) { return e.Track(ctx, r.GetId()) }, wire.EncodeTracking)
}

func (s *exchangeServer) Watch(r *pb.TrackRequest, stream grpc.ServerStreamingServer[pb.TrackResponse]) error {
	ctx := stream.Context()
	service, err := s.backend.of(ctx)
	if err != nil {
		return err
	}
	return service.Watch(ctx, r.GetId(), func(t exchange.Tracking) error {
		return gone(s.stalls.send(ctx, func() error { return stream.Send(wire.EncodeTracking(t)) }))
	})
}

func (s *exchangeServer) Sign(ctx context.Context, r *pb.SignRequest) (*pb.ActResponse, error) {
	return call(ctx, s.backend, func(e exchange.Service) (exchange.Outcome, error) { return e.Sign(ctx, r.GetId()) }, wire.EncodeOutcome)
}

func (s *exchangeServer) Return(ctx context.Context, r *pb.ReturnRequest) (*pb.ActResponse, error) {
	return call(ctx, s.backend, func(e exchange.Service) (exchange.Outcome, error) {
		return e.Return(ctx, r.GetId(), r.GetReason(), r.GetNote())
	}, wire.EncodeOutcome)
}

func (s *exchangeServer) Recall(ctx context.Context, r *pb.RecallRequest) (*pb.ActResponse, error) {
	return call(ctx, s.backend, func(e exchange.Service) (exchange.Outcome, error) {
		return e.Recall(ctx, r.GetId(), wire.DecodeUnitNames(r.GetTo()), r.GetReason())
	}, wire.EncodeOutcome)
}

func (s *exchangeServer) Urge(ctx context.Context, r *pb.RecallRequest) (*pb.ActResponse, error) {
	return call(ctx, s.backend, func(e exchange.Service) (exchange.Outcome, error) {
		return e.Urge(ctx, r.GetId(), wire.DecodeUnitNames(r.GetTo()))
	}, wire.EncodeOutcome)
}

func (s *exchangeServer) Units(ctx context.Context, r *pb.UnitsRequest) (*pb.UnitsResponse, error) {
	return call(ctx, s.backend, func(e exchange.Service) ([]exchange.UnitSummary, error) {
		return e.Units(ctx, r.GetMatch(), int(r.GetLimit()))
	}, wire.EncodeUnits)
}
