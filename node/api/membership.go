package api

import (
	"context"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

type membershipServer struct {
	pb.UnimplementedMembershipServer
	membership exchange.Membership
}

func (s *membershipServer) JoinReplica(ctx context.Context, r *pb.JoinReplicaRequest) (*pb.MembershipChanged, error) {
	return s.change(func(m exchange.Membership) (exchange.MembershipChanged, error) {
		return m.JoinReplica(ctx, exchange.Replica(r.GetReplica()), r.GetAddress())
	})
}

func (s *membershipServer) RemoveReplica(ctx context.Context, r *pb.RemoveReplicaRequest) (*pb.MembershipChanged, error) {
	return s.change(func(m exchange.Membership) (exchange.MembershipChanged, error) {
		return m.RemoveReplica(ctx, exchange.Replica(r.GetReplica()), r.GetForce())
	})
}

func (s *membershipServer) TransferLeadership(ctx context.Context, r *pb.TransferLeadershipRequest) (*pb.MembershipChanged, error) {
	return s.change(func(m exchange.Membership) (exchange.MembershipChanged, error) {
		return m.TransferLeadership(ctx, exchange.Replica(r.GetReplica()))
	})
}

func (s *membershipServer) change(do func(exchange.Membership) (exchange.MembershipChanged, error)) (*pb.MembershipChanged, error) {
	if s.membership == nil {
		return nil, exchange.Errorf(exchange.Unavailable, "api.membership", "this node does not change who its replicas are")
	}
	done, err := do(s.membership)
	if err != nil {
		return nil, err
	}
	return wire.EncodeChanged(done), nil
}
