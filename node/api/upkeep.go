package api

import (
	"context"
	"sync"

	"google.golang.org/grpc"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// UpkeepOf finds the upkeep of a hosted domain; false when this node does not
// host it.
type UpkeepOf func(exchange.Domain) (exchange.Upkeep, bool)

type upkeepServer struct {
	pb.UnimplementedUpkeepServer
	find UpkeepOf
}

func (s *upkeepServer) of(ctx context.Context) (exchange.Upkeep, error) {
	caller, ok := exchange.CallerFrom(ctx)
	if !ok {
		return nil, exchange.Errorf(exchange.Unauthenticated, "api.upkeep", "nobody is authenticated")
	}
	if s.find != nil {
		if u, ok := s.find(caller.Unit.Domain()); ok {
			return u, nil
		}
	}
	return nil, exchange.Errorf(exchange.Unavailable, "api.upkeep", "this node does not host domain %s at the moment", caller.Unit.Domain())
}

func (s *upkeepServer) MakeBackup(_ *pb.MakeBackupRequest, stream grpc.ServerStreamingServer[pb.BackupPiece]) error {
	ctx := stream.Context()
	u, err := s.of(ctx)
	if err != nil {
		return err
	}
	w := newPieces(ctx, func(b []byte) error { return stream.Send(&pb.BackupPiece{Data: b}) })
	if err := u.MakeBackup(ctx, w); err != nil {
		return err
	}
	return w.Flush()
}

func (s *upkeepServer) Snapshot(ctx context.Context, _ *pb.SnapshotRequest) (*pb.SnapshotResponse, error) {
	u, err := s.of(ctx)
	if err != nil {
		return nil, err
	}
	done, err := u.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	return wire.EncodeSnapshot(done), nil
}

func (s *upkeepServer) CheckDomain(r *pb.CheckDomainRequest, stream grpc.ServerStreamingServer[pb.CheckDomainResponse]) error {
	ctx := stream.Context()
	u, err := s.of(ctx)
	if err != nil {
		return err
	}
	var mu sync.Mutex // a stream is for one sender at a time
	done, err := u.CheckDomain(ctx, wire.DecodeCheckOptions(r.GetOptions()), func(p exchange.CheckProgress) {
		mu.Lock()
		defer mu.Unlock()
		// A stream that broke ends the context of the call, and with it the check.
		_ = stream.Send(&pb.CheckDomainResponse{Part: &pb.CheckDomainResponse_Progress{Progress: wire.EncodeCheckProgress(p)}})
	})
	if err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	return stream.Send(&pb.CheckDomainResponse{Part: &pb.CheckDomainResponse_Result{Result: wire.EncodeDomainCheck(done)}})
}
