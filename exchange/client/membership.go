package client

import (
	"context"

	"google.golang.org/grpc"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

var _ exchange.Membership = (*Client)(nil)

// JoinReplica implements exchange.Membership.
func (c *Client) JoinReplica(ctx context.Context, r exchange.Replica, address string) (exchange.MembershipChanged, error) {
	return call(ctx, c, "client.join", pb.Membership_JoinReplica_FullMethodName, &pb.JoinReplicaRequest{Replica: string(r), Address: address},
		func(e *endpoint) func(context.Context, *pb.JoinReplicaRequest, ...grpc.CallOption) (*pb.MembershipChanged, error) {
			return e.membership().JoinReplica
		}, sure(wire.DecodeChanged))
}

// RemoveReplica implements exchange.Membership.
func (c *Client) RemoveReplica(ctx context.Context, r exchange.Replica, force bool) (exchange.MembershipChanged, error) {
	return call(ctx, c, "client.remove", pb.Membership_RemoveReplica_FullMethodName, &pb.RemoveReplicaRequest{Replica: string(r), Force: force},
		func(e *endpoint) func(context.Context, *pb.RemoveReplicaRequest, ...grpc.CallOption) (*pb.MembershipChanged, error) {
			return e.membership().RemoveReplica
		}, sure(wire.DecodeChanged))
}

// TransferLeadership implements exchange.Membership.
func (c *Client) TransferLeadership(ctx context.Context, r exchange.Replica) (exchange.MembershipChanged, error) {
	return call(ctx, c, "client.transfer", pb.Membership_TransferLeadership_FullMethodName, &pb.TransferLeadershipRequest{Replica: string(r)},
		func(e *endpoint) func(context.Context, *pb.TransferLeadershipRequest, ...grpc.CallOption) (*pb.MembershipChanged, error) {
			return e.membership().TransferLeadership
		}, sure(wire.DecodeChanged))
}

func (e *endpoint) membership() pb.MembershipClient { return pb.NewMembershipClient(e.conn) }
