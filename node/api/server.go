// Package api serves the gRPC API of the domains hosted by a node. It is an
// adapter: it knows who calls, how a message looks and how an error is told,
// and leaves everything else to exchange.Service.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/yizhan-exchange/yizhan/exchange"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// Sizes of messages. A piece is at most maxPiece; anything larger in one
// message than maxMessage is refused before it is read.
const (
	sentPiece  = 64 << 10 // of a download: what a slow reader holds up is as small
	maxPiece   = 1 << 20
	maxMessage = 4 << 20
	maxHeader  = 16 << 10
	maxStreams = 128 // at once, per connection

	// What a client may send before it is read: of one stream, the least that
	// gRPC allows (a larger message that is being read may come whole), and of
	// all streams of a connection, which gRPC gives back as soon as it arrives.
	streamWindow = 64 << 10
	connWindow   = 1 << 20
)

// Backend finds a hosted domain; false when this node does not host it.
type Backend func(exchange.Domain) (exchange.Service, bool)

// Limits bound the time of a call on the server's side, whatever the client
// asks for.
type Limits struct {
	Unary  time.Duration // 0: 1 minute
	Stream time.Duration // 0: 6 hours; a watch begins again after it
	Idle   time.Duration // 0: 1 minute without a piece of an upload
	Stall  time.Duration // 0: 30 s in which a reader takes nothing
}

// Config is what a server needs. Backend, Authenticator and Credentials are
// required.
type Config struct {
	Backend       Backend
	Operator      exchange.Operator   // nil: the Cluster service is unavailable
	Membership    exchange.Membership // nil: the Membership service is unavailable
	Upkeep        UpkeepOf            // nil: the Upkeep service is unavailable
	Authenticator Authenticator
	Credentials   credentials.TransportCredentials
	Limits        Limits
	Room          *Room        // nil: DefaultRoom
	Log           *slog.Logger // nil: slog.Default
	Version       string
	Node          string
	Options       []grpc.ServerOption // added last: observability
}

// Server is the gRPC server of one node.
type Server struct {
	grpc     *grpc.Server
	health   *health.Server
	entrance *entrance
	stalls   *stalls
	most     int // connections

	mu        sync.Mutex // guards listeners
	listeners []*connections
}

// New makes a server that is not serving yet. It fails when the configuration
// is incomplete.
func New(c Config) (*Server, error) {
	if c.Backend == nil || c.Authenticator == nil || c.Credentials == nil {
		return nil, errors.New("api: a server needs a backend, an authenticator and transport credentials")
	}
	c.Limits = c.Limits.orDefault()
	if c.Log == nil {
		c.Log = slog.Default()
	}
	room := DefaultRoom()
	if c.Room != nil {
		room = *c.Room
	}
	in := newEntrance(room, c.Limits, newRefusals(c.Log))
	g := &gate{auth: c.Authenticator, limits: c.Limits, log: c.Log, entrance: in}
	s := &Server{grpc: grpc.NewServer(options(c, g)...), health: health.NewServer(), entrance: in,
		stalls: &stalls{limit: c.Limits.Stall}, most: room.Connections}
	pb.RegisterExchangeServer(s.grpc, &exchangeServer{backend: c.Backend, idle: c.Limits.Idle, stalls: s.stalls})
	pb.RegisterPolicyServer(s.grpc, &policyServer{backend: c.Backend})
	pb.RegisterClusterServer(s.grpc, &clusterServer{operator: c.Operator, node: c.Node, version: c.Version, load: s.Load})
	pb.RegisterHoldServer(s.grpc, &holdServer{backend: c.Backend})
	pb.RegisterMembershipServer(s.grpc, &membershipServer{membership: c.Membership})
	pb.RegisterUpkeepServer(s.grpc, &upkeepServer{find: c.Upkeep})
	pb.RegisterLifeServer(s.grpc, &lifeServer{backend: c.Backend})
	healthpb.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)
	var err error
	g.rules, err = rulesOf(s.grpc.GetServiceInfo())
	in.kinds = in.kindsOf(s.grpc.GetServiceInfo())
	s.SetServing(false)
	return s, err
}

func (l Limits) orDefault() Limits {
	if l.Unary <= 0 {
		l.Unary = time.Minute
	}
	if l.Stream <= 0 {
		l.Stream = 6 * time.Hour
	}
	if l.Idle <= 0 {
		l.Idle = time.Minute
	}
	if l.Stall <= 0 {
		l.Stall = 30 * time.Second
	}
	return l
}

// options bounds what one connection may cost. A connection older than 12
// hours is replaced, which also ends streams whose peer no longer reads.
func options(c Config, g *gate) []grpc.ServerOption {
	opts := []grpc.ServerOption{
		grpc.Creds(careful{c.Credentials, newTurns()}),
		grpc.InTapHandle(g.entrance.tap),
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(connWindow),
		grpc.ReadBufferSize(0), // TLS has read a record anyway
		grpc.ChainUnaryInterceptor(g.unary),
		grpc.ChainStreamInterceptor(g.stream),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxHeaderListSize(maxHeader),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.ConnectionTimeout(handshakeTime),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 20 * time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: 15 * time.Minute, MaxConnectionAge: 12 * time.Hour,
			MaxConnectionAgeGrace: c.Limits.Stream, Time: time.Minute, Timeout: 20 * time.Second,
		}),
	}
	return append(opts, c.Options...)
}

// SetServing tells load balancers whether to send calls here. A new server is
// not serving: call it with true when the domains are up.
func (s *Server) SetServing(up bool) {
	state := healthpb.HealthCheckResponse_NOT_SERVING
	if up {
		state = healthpb.HealthCheckResponse_SERVING
	}
	for _, name := range []string{"", pb.Exchange_ServiceDesc.ServiceName, pb.Policy_ServiceDesc.ServiceName, pb.Cluster_ServiceDesc.ServiceName, pb.Upkeep_ServiceDesc.ServiceName} {
		s.health.SetServingStatus(name, state)
	}
}

// Serve answers calls on a listener until Stop. It may be called for several.
func (s *Server) Serve(l net.Listener) error {
	c := newConnections(l, s.most)
	s.mu.Lock()
	s.listeners = append(s.listeners, c)
	s.mu.Unlock()
	return s.grpc.Serve(c)
}

// Stop lets the calls under way end until ctx does, then ends them.
func (s *Server) Stop(ctx context.Context) {
	s.health.Shutdown()
	done := make(chan struct{})
	go func() { defer close(done); s.grpc.GracefulStop() }()
	select {
	case <-done:
	case <-ctx.Done():
		s.grpc.Stop()
		<-done
	}
}
