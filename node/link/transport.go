package link

import (
	"cmp"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/yizhan-exchange/yizhan/exchange"
)

const probe = 10 * time.Second // the least that grpc-go's client accepts

// ServerOptions are what a gRPC server that carries links must allow: chunks,
// and the probes that find a dead connection of the bulk stream.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxFrame),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: probe, Timeout: probe}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: probe / 2, PermitWithoutStream: true}),
	}
}

// DialOptions are the counterpart for DialerConfig.Dial; credentials are to be
// added.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: probe, Timeout: probe}),
		grpc.WithDisableServiceConfig(),
	}
}

func sorted(l []exchange.LinkStatus) []exchange.LinkStatus {
	slices.SortFunc(l, func(a, b exchange.LinkStatus) int { return cmp.Compare(a.Peer, b.Peer) })
	return l
}
