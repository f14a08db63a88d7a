package client

import (
	"context"

	"google.golang.org/grpc"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// PublishPolicy implements exchange.Service. At of the answer is not set: see
// PolicyStatus.
func (c *Client) PublishPolicy(ctx context.Context, files []exchange.PolicyFile, expected uint64) (exchange.PolicyLayer, error) {
	in := &pb.PublishPolicyRequest{Files: wire.EncodePolicyFiles(files), ExpectedNumber: expected}
	layer, err := call(ctx, c, "client.policy", pb.Policy_PublishPolicy_FullMethodName, in,
		func(e *endpoint) func(context.Context, *pb.PublishPolicyRequest, ...grpc.CallOption) (*pb.PublishPolicyResponse, error) {
			return e.policy().PublishPolicy
		}, wire.DecodePublished)
	if err == nil {
		layer.Issuer, layer.Files = c.config.As.Domain(), len(files)
	}
	return layer, err
}

// ExplainPolicy implements exchange.Service.
func (c *Client) ExplainPolicy(ctx context.Context, ref string) ([]exchange.DecisionRecord, error) {
	return call(ctx, c, "client.explain", pb.Policy_ExplainPolicy_FullMethodName, &pb.ExplainPolicyRequest{Id: ref},
		func(e *endpoint) func(context.Context, *pb.ExplainPolicyRequest, ...grpc.CallOption) (*pb.ExplainPolicyResponse, error) {
			return e.policy().ExplainPolicy
		}, wire.DecodeDecisions)
}

// PolicyStatus implements exchange.Service.
func (c *Client) PolicyStatus(ctx context.Context) ([]exchange.PolicyLayer, error) {
	return call(ctx, c, "client.policy", pb.Policy_PolicyStatus_FullMethodName, &pb.PolicyStatusRequest{},
		func(e *endpoint) func(context.Context, *pb.PolicyStatusRequest, ...grpc.CallOption) (*pb.PolicyStatusResponse, error) {
			return e.policy().PolicyStatus
		}, wire.DecodeLayers)
}

// ClusterStatus implements exchange.Operator. The node that answers is one of
// the endpoints.
func (c *Client) ClusterStatus(ctx context.Context) ([]exchange.DomainStatus, error) {
	return call(ctx, c, "client.cluster", pb.Cluster_ClusterStatus_FullMethodName, &pb.ClusterStatusRequest{},
		func(e *endpoint) func(context.Context, *pb.ClusterStatusRequest, ...grpc.CallOption) (*pb.ClusterStatusResponse, error) {
			return e.cluster().ClusterStatus
		}, sure(wire.DecodeCluster))
}
