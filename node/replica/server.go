package replica

import (
	"context"
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
	"google.golang.org/grpc"
)

const opServer = "replica.server"

// PeerDomain returns whose replica certificate authenticated the connection of
// a call, false when none did.
type PeerDomain func(ctx context.Context) (exchange.Domain, exchange.Replica, bool)

// Server answers for the domains that this process hosts. It serves a domain
// only to replicas of that domain.
type Server struct {
	pb.UnimplementedReplicaServer

	peer   PeerDomain
	mu     sync.RWMutex // guards hosted and kept
	hosted map[exchange.Domain]hosted
	kept   map[exchange.Domain]Keeper
}

type hosted struct {
	replica exchange.Replica
	group   Group
	chunks  Chunks
}

// NewServer returns a server that hosts nothing yet.
func NewServer(peer PeerDomain) *Server {
	return &Server{peer: peer, hosted: map[exchange.Domain]hosted{}, kept: map[exchange.Domain]Keeper{}}
}

// Register makes s serve the Replica and the Standing service of r.
func (s *Server) Register(r grpc.ServiceRegistrar) {
	pb.RegisterReplicaServer(r, s)
	pb.RegisterStandingServer(r, standing{s: s})
}

// Host begins to answer for a domain, or replaces what answers for it.
func (s *Server) Host(d exchange.Domain, self exchange.Replica, g Group, c Chunks) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosted[d] = hosted{self, g, c}
}

// Drop ends answering for a domain.
func (s *Server) Drop(d exchange.Domain) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.hosted, d)
	delete(s.kept, d)
}

// admit finds the domain of a request, for a caller that belongs to it.
func (s *Server) admit(ctx context.Context, domain string) (hosted, error) {
	of, _, ok := s.peer(ctx)
	if !ok {
		return hosted{}, toStatus(exchange.Errorf(exchange.Unauthenticated, opServer, "a replica certificate is required"))
	}
	d := exchange.Domain(domain)
	if of != d || !d.Valid() {
		return hosted{}, toStatus(exchange.Errorf(exchange.Denied, opServer, "a replica of another domain is not served"))
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, ok := s.hosted[d]
	if !ok {
		return hosted{}, toStatus(exchange.Errorf(exchange.NotFound, opServer, "this node does not host %s", d))
	}
	return h, nil
}

// Propose implements the service.
func (s *Server) Propose(ctx context.Context, q *pb.ProposeRequest) (*pb.ProposeResponse, error) {
	h, err := s.admit(ctx, q.GetDomain())
	if err != nil {
		return nil, err
	}
	if k, who, err := s.keeper(ctx, q.GetDomain()); err == nil && !k.Member(who) {
		return nil, toStatus(notMember(who))
	}
	result, err := h.group.Propose(ctx, q.GetCommand())
	if err != nil {
		return nil, toStatus(err)
	}
	return &pb.ProposeResponse{Result: result}, nil
}

// ReadIndex implements the service.
func (s *Server) ReadIndex(ctx context.Context, q *pb.ReadIndexRequest) (*pb.ReadIndexResponse, error) {
	h, err := s.admit(ctx, q.GetDomain())
	if err != nil {
		return nil, err
	}
	index, err := h.group.ReadIndex(ctx)
	if err != nil {
		return nil, toStatus(err)
	}
	return &pb.ReadIndexResponse{Index: index}, nil
}

// PutChunk implements the service.
func (s *Server) PutChunk(ctx context.Context, q *pb.PutChunkRequest) (*pb.PutChunkResponse, error) {
	h, err := s.admit(ctx, q.GetDomain())
	if err != nil {
		return nil, err
	}
	address, err := parseAddress(q.GetAddress())
	if err == nil {
		err = h.chunks.Put(ctx, address, q.GetData())
	}
	if err != nil {
		return nil, toStatus(err)
	}
	return &pb.PutChunkResponse{Replica: string(h.replica), Store: storeID(h)}, nil
}

// GetChunk implements the service.
func (s *Server) GetChunk(ctx context.Context, q *pb.GetChunkRequest) (*pb.GetChunkResponse, error) {
	h, err := s.admit(ctx, q.GetDomain())
	if err != nil {
		return nil, err
	}
	address, err := parseAddress(q.GetAddress())
	if err != nil {
		return nil, toStatus(err)
	}
	data, err := h.chunks.Get(ctx, address)
	if err != nil {
		return nil, toStatus(err)
	}
	return &pb.GetChunkResponse{Data: data}, nil
}

// HasChunks implements the service.
func (s *Server) HasChunks(ctx context.Context, q *pb.HasChunksRequest) (*pb.HasChunksResponse, error) {
	h, err := s.admit(ctx, q.GetDomain())
	if err != nil {
		return nil, err
	}
	addresses, err := parseAddresses(q.GetAddresses())
	if err != nil {
		return nil, toStatus(err)
	}
	stored, err := h.chunks.Has(ctx, addresses)
	if err != nil {
		return nil, toStatus(err)
	}
	return &pb.HasChunksResponse{Replica: string(h.replica), Store: storeID(h), Stored: stored}, nil
}

func storeID(h hosted) []byte {
	id := h.chunks.ID()
	return id[:]
}

func parseAddress(b []byte) (crypto.Digest, error) {
	if len(b) != digestSize {
		return crypto.Digest{}, exchange.Errorf(exchange.Invalid, opServer, "an address has %d bytes, got %d", digestSize, len(b))
	}
	return crypto.Digest(b), nil
}

func parseAddresses(in [][]byte) ([]crypto.Digest, error) {
	if len(in) > maxHas {
		return nil, exchange.Errorf(exchange.Invalid, opServer, "at most %d addresses in one request, got %d", maxHas, len(in))
	}
	out := make([]crypto.Digest, len(in))
	for i, b := range in {
		var err error
		if out[i], err = parseAddress(b); err != nil {
			return nil, err
		}
	}
	return out, nil
}
