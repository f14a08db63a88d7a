package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/keepalive"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/channel"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	"github.com/yizhan-exchange/yizhan/node/api"
	"github.com/yizhan-exchange/yizhan/node/auth"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/link"
	"github.com/yizhan-exchange/yizhan/node/raftnode"
	"github.com/yizhan-exchange/yizhan/node/replica"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// A node speaks on three planes: replicas of one domain among themselves,
// domains to their neighbours, units and persons to their domain.

const (
	maxReplicaMessage = 4 << 20 // a chunk of 1 MiB, or a list of 8192 addresses
	// maxReplicaCalls of one replica are under way here at once. What each lets
	// in at its own door is far less; this bounds one that does not.
	maxReplicaCalls = 1024
)

// openTransports makes the channels of the first two planes.
func (n *Node) openTransports() (err error) {
	if n.peers, err = n.transport(n.config.PeerChannel()); err != nil {
		return err
	}
	if c := n.config.LinkChannel(); c != "" {
		n.links, err = n.transport(c)
	}
	return err
}

func (n *Node) transport(c config.Channel) (channel.Transport, error) {
	var anchors []trust.Anchor
	for _, d := range n.order {
		anchors = append(anchors, n.hosted[d].anchor)
	}
	verifier, err := trust.NewVerifier(n.provider, anchors...)
	if err != nil {
		return nil, err
	}
	o := channel.Options{Provider: n.provider, Trust: verifier, Live: &n.live, Now: n.now, Authorize: n.authorize,
		Host: func(domain, protocol string) (channel.Identity, bool) {
			h := n.hosted[exchange.Domain(domain)]
			if h == nil {
				return channel.Identity{}, false
			}
			id, err := h.identity(protocol)
			return id, err == nil
		}}
	if c == config.TLCP {
		return channel.NewTLCP(o)
	}
	return channel.NewTLS(o)
}

// authorize asks the directory about neighbours. Replicas of one domain are
// told apart from others by their certificates alone; one of a life that is over
// may still ask how things are, so that it learns, and has no say in the log.
func (n *Node) authorize(local channel.Identity, peer channel.Peer) error {
	h := n.hosted[exchange.Domain(local.Domain)]
	if h != nil && peer.Protocol == channel.ProtocolRaft {
		return h.admitRaft(peer)
	}
	if peer.Protocol != channel.ProtocolLink {
		return nil
	}
	if h == nil || h.domain == nil {
		return errors.New("the domain is not up yet")
	}
	if err := h.domain.AllowLife(exchange.Domain(peer.Domain), peer.Incarnation); err != nil {
		return err
	}
	return h.domain.AllowPeer(exchange.Domain(peer.Domain), peer.Key)
}

// listenPeers opens the plane of the replicas: Raft, commands and chunks share
// one port.
func (n *Node) listenPeers() error {
	ln, err := net.Listen("tcp", n.config.Listen.Peer)
	if err != nil {
		return fmt.Errorf("listen.peer: %w", err)
	}
	n.peerMux = channel.NewMux(ln, n.peers, channel.MuxOptions{OnError: n.refused("peer")})
	n.replicas = replica.NewServer(func(ctx context.Context) (exchange.Domain, exchange.Replica, bool) {
		p, ok := channel.PeerFromContext(ctx)
		return exchange.Domain(p.Domain), exchange.Replica(p.Name), ok && p.Role == trust.RoleReplica
	})
	n.peerRPC = grpc.NewServer(grpc.Creds(channel.Accepted()), grpc.MaxRecvMsgSize(maxReplicaMessage), experimental.BufferPool(buffers),
		grpc.MaxConcurrentStreams(maxReplicaCalls),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second}))
	n.replicas.Register(n.peerRPC)
	replica.NewUpkeep(n.replicas, checker{n}).Register(n.peerRPC)
	return nil
}

func (n *Node) startGroups() error {
	for _, d := range n.order {
		if err := n.hosted[d].start(); err != nil {
			return fmt.Errorf("domain %s: %w", d, err)
		}
	}
	rpc := n.peerMux.Listen(channel.ProtocolReplica, "")
	n.spawn("peer RPC", func() error { return n.peerRPC.Serve(rpc) })
	n.spawn("peer listener", n.peerMux.Serve)
	return nil
}

func (n *Node) refused(plane string) func(net.Addr, error) {
	return func(from net.Addr, err error) {
		n.log.Warn("connection refused", "plane", plane, "from", from.String(), "err", err)
	}
}

// raftStream is the Raft stream of one domain on the peer plane.
type raftStream struct {
	net.Listener
	h *hosted
}

func (h *hosted) stream() raftnode.Stream {
	return raftStream{h.node.peerMux.Listen(channel.ProtocolRaft, string(h.config.Domain)), h}
}

// Dial implements raftnode.Stream.
func (s raftStream) Dial(ctx context.Context, address string) (net.Conn, error) {
	id, err := s.h.identity(channel.ProtocolRaft)
	if err != nil {
		return nil, err
	}
	return channel.Dial(ctx, s.h.node.peers, address, id, string(s.h.config.Domain), channel.ProtocolRaft)
}

// dialReplica connects to another replica of the domain.
func (h *hosted) dialReplica(d exchange.Domain, r exchange.Replica) (*grpc.ClientConn, error) {
	address, ok := h.address(r)
	if !ok {
		return nil, fmt.Errorf("the address of replica %s is not known", r)
	}
	return h.dialAddress(d, address)
}

// dialAddress connects to a replica of the domain wherever it is.
func (h *hosted) dialAddress(d exchange.Domain, address string) (*grpc.ClientConn, error) {
	creds := channel.RotatingCredentials(h.node.peers, func() (channel.Identity, error) { return h.identity(channel.ProtocolReplica) }, string(d), channel.ProtocolReplica)
	return grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(creds), experimental.WithBufferPool(buffers),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReplicaMessage)), grpc.WithConnectParams(replicaReconnect),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second}))
}

// replicaReconnect is patient for seconds only: the replica that was away may
// lead as soon as it is back, and gRPC's default would look for it again after
// up to two minutes.
var replicaReconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.3, MaxDelay: 2 * time.Second},
	MinConnectTimeout: 3 * time.Second,
}

// listenLinks opens the plane of the subordinate domains, where there are any.
func (n *Node) listenLinks() (err error) {
	if n.links == nil {
		return nil
	}
	n.linkEnd, err = link.NewServer(link.ServerConfig{
		Station: func(d exchange.Domain) (delivery.Station, bool) {
			h := n.hosted[d]
			return stationOf(h), h != nil
		},
		Leading:     func(d exchange.Domain) uint64 { return n.hosted[d].reign() },
		PeerDomain:  domainOf(func(i channel.AuthInfo) string { return i.Peer.Domain }),
		LocalDomain: domainOf(func(i channel.AuthInfo) string { return i.Local.Domain }),
		Options:     link.Options{Log: n.log, Now: n.now, Credits: n.credits},
	})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", n.config.Listen.Link)
	if err != nil {
		return fmt.Errorf("listen.link: %w", err)
	}
	n.linkMux = channel.NewMux(ln, n.links, channel.MuxOptions{OnError: n.refused("link")})
	n.linkRPC = grpc.NewServer(append(link.ServerOptions(), grpc.Creds(channel.Accepted()), experimental.BufferPool(buffers))...)
	pb.RegisterLinkServer(n.linkRPC, n.linkEnd)
	rpc := n.linkMux.Listen(channel.ProtocolLink, "")
	n.spawn("link RPC", func() error { return n.linkRPC.Serve(rpc) })
	n.spawn("link listener", n.linkMux.Serve)
	return nil
}

func stationOf(h *hosted) delivery.Station {
	if h == nil {
		return nil
	}
	return h.domain
}

func domainOf(which func(channel.AuthInfo) string) func(context.Context) (exchange.Domain, error) {
	return func(ctx context.Context) (exchange.Domain, error) {
		info, ok := channel.InfoFromContext(ctx)
		if !ok {
			return "", exchange.Errorf(exchange.Unauthenticated, "node.link", "the connection has no authenticated domain")
		}
		return exchange.Domain(which(info)), nil
	}
}

// listenAPI opens the plane of units and persons.
func (n *Node) listenAPI() error {
	cert, err := tls.LoadX509KeyPair(n.config.API.Certificate, n.config.API.Key)
	if err != nil {
		return fmt.Errorf("api: %w", err)
	}
	bearer, err := auth.NewBearer(auth.BearerConfig{Tokens: n, Sum: n.provider.Sum})
	if err != nil {
		return err
	}
	n.api, err = api.New(api.Config{
		Backend: n.backend, Operator: n, Membership: n, Upkeep: n.upkeepOf, Authenticator: bearer, Log: n.log, Version: n.options.Version, Node: n.config.Name,
		Room: callersRoom(n.config.Limits), Options: []grpc.ServerOption{experimental.BufferPool(buffers)},
		Credentials: credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}),
	})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", n.config.Listen.API)
	if err != nil {
		return fmt.Errorf("listen.api: %w", err)
	}
	n.spawn("api", func() error { return n.api.Serve(ln) })
	n.api.SetServing(true)
	return nil
}

func (n *Node) backend(d exchange.Domain) (exchange.Service, bool) {
	h := n.hosted[d]
	if h == nil || h.gone() != nil {
		return nil, false
	}
	return h.domain, true
}

// Lookup implements auth.Tokens.
func (n *Node) Lookup(ctx context.Context, d exchange.Domain, token crypto.Digest) (exchange.Caller, bool, error) {
	h := n.hosted[d]
	if h == nil {
		return exchange.Caller{}, false, nil
	}
	if err := h.gone(); err != nil {
		return exchange.Caller{}, false, err
	}
	if h.incarnation() == 0 {
		return exchange.Caller{}, false, exchange.Errorf(exchange.Unavailable, "node.api", "this replica of %s has no ledger yet; ask another", d)
	}
	return h.domain.Caller(ctx, token)
}
