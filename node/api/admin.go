package api

import (
	"context"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

type policyServer struct {
	pb.UnimplementedPolicyServer
	backend Backend
}

func (s *policyServer) PublishPolicy(ctx context.Context, r *pb.PublishPolicyRequest) (*pb.PublishPolicyResponse, error) {
	return call(ctx, s.backend, func(e exchange.Service) (exchange.PolicyLayer, error) {
		return e.PublishPolicy(ctx, wire.DecodePolicyFiles(r.GetFiles()), r.GetExpectedNumber())
	}, wire.EncodePublished)
}

func (s *policyServer) ExplainPolicy(ctx context.Context, r *pb.ExplainPolicyRequest) (*pb.ExplainPolicyResponse, error) {
	return call(ctx, s.backend, func(e exchange.Service) ([]exchange.DecisionRecord, error) {
		return e.ExplainPolicy(ctx, r.GetId())
	}, wire.EncodeDecisions)
}

func (s *policyServer) PolicyStatus(ctx context.Context, _ *pb.PolicyStatusRequest) (*pb.PolicyStatusResponse, error) {
	return call(ctx, s.backend, func(e exchange.Service) ([]exchange.PolicyLayer, error) { return e.PolicyStatus(ctx) }, wire.EncodeLayers)
}

type clusterServer struct {
	pb.UnimplementedClusterServer
	operator      exchange.Operator
	node, version string
	load          func() exchange.Load
}

func (s *clusterServer) ClusterStatus(ctx context.Context, _ *pb.ClusterStatusRequest) (*pb.ClusterStatusResponse, error) {
	if s.operator == nil {
		return nil, exchange.Errorf(exchange.Unavailable, "api.cluster", "this node tells nothing about its cluster")
	}
	domains, err := s.operator.ClusterStatus(ctx)
	if err != nil {
		return nil, err
	}
	load := s.load()
	for i := range domains {
		domains[i].Load = load
	}
	out := wire.EncodeCluster(domains)
	out.Node, out.Version = s.node, s.version
	return out, nil
}
