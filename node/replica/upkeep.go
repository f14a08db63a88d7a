package replica

import (
	"context"
	"io"
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
	"google.golang.org/grpc"
)

// Checker checks this process's replica of a domain.
type Checker interface {
	// Check checks a copy of the state that contains at least the index.
	// progress is told the head of the copy with the stage "checking", and then
	// how many rows were looked at.
	Check(ctx context.Context, d exchange.Domain, index uint64, o exchange.CheckOptions, progress func(exchange.CheckProgress)) (exchange.ReplicaCheck, error)
	// DigestAt returns the digest of the state after one entry, false when it is
	// not remembered.
	DigestAt(d exchange.Domain, index uint64) (crypto.Digest, bool)
}

// Upkeep answers other replicas of the domains hosted here about what they
// keep. It admits whom the server admits.
type Upkeep struct {
	pb.UnimplementedReplicaUpkeepServer
	server  *Server
	checker Checker
}

// NewUpkeep returns the service that goes with a server.
func NewUpkeep(s *Server, c Checker) *Upkeep { return &Upkeep{server: s, checker: c} }

// Register makes u serve the ReplicaUpkeep service of r.
func (u *Upkeep) Register(r grpc.ServiceRegistrar) { pb.RegisterReplicaUpkeepServer(r, u) }

// CheckReplica implements the service.
func (u *Upkeep) CheckReplica(q *pb.CheckReplicaRequest, stream grpc.ServerStreamingServer[pb.CheckReplicaResponse]) error {
	ctx := stream.Context()
	if _, err := u.server.admit(ctx, q.GetDomain()); err != nil {
		return err
	}
	var mu sync.Mutex // a stream is for one sender at a time
	done, err := u.checker.Check(ctx, exchange.Domain(q.GetDomain()), q.GetIndex(), wire.DecodeCheckOptions(q.GetOptions()), func(p exchange.CheckProgress) {
		mu.Lock()
		defer mu.Unlock()
		_ = stream.Send(&pb.CheckReplicaResponse{Part: &pb.CheckReplicaResponse_Progress{Progress: wire.EncodeCheckProgress(p)}}) // a broken stream ends ctx
	})
	if err != nil {
		return toStatus(err)
	}
	mu.Lock()
	defer mu.Unlock()
	return stream.Send(&pb.CheckReplicaResponse{Part: &pb.CheckReplicaResponse_Result{Result: wire.EncodeReplicaCheck(done)}})
}

// DigestAt implements the service.
func (u *Upkeep) DigestAt(ctx context.Context, q *pb.DigestAtRequest) (*pb.DigestAtResponse, error) {
	if _, err := u.server.admit(ctx, q.GetDomain()); err != nil {
		return nil, err
	}
	digest, known := u.checker.DigestAt(exchange.Domain(q.GetDomain()), q.GetIndex())
	return &pb.DigestAtResponse{Known: known, Digest: digest[:]}, nil
}

// Check lets the replica check itself: see Checker. Code Unavailable when it
// cannot be reached.
func (c *Client) Check(ctx context.Context, index uint64, o exchange.CheckOptions, progress func(exchange.CheckProgress)) (exchange.ReplicaCheck, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := c.ready(ctx); err != nil {
		return exchange.ReplicaCheck{}, err
	}
	stream, err := pb.NewReplicaUpkeepClient(c.conn).CheckReplica(ctx, &pb.CheckReplicaRequest{Domain: string(c.domain), Index: index, Options: wire.EncodeCheckOptions(o)})
	for err == nil {
		var m *pb.CheckReplicaResponse
		if m, err = stream.Recv(); err == io.EOF {
			return exchange.ReplicaCheck{}, exchange.Errorf(exchange.Unavailable, opClient, "%s ended the check without an answer", c.replica)
		}
		if err != nil {
			break
		}
		if r := m.GetResult(); r != nil {
			return wire.DecodeReplicaCheck(r), nil
		}
		progress(wire.DecodeCheckProgress(m.GetProgress()))
	}
	return exchange.ReplicaCheck{}, fromStatus(opClient, exchange.Unavailable, err)
}

// DigestAt asks for the digest of the state after one entry, false when the
// replica does not remember it.
func (c *Client) DigestAt(ctx context.Context, index uint64) (crypto.Digest, bool, error) {
	a, err := pb.NewReplicaUpkeepClient(c.conn).DigestAt(ctx, &pb.DigestAtRequest{Domain: string(c.domain), Index: index})
	if err != nil {
		return crypto.Digest{}, false, fromStatus(opClient, exchange.Unavailable, err)
	}
	if len(a.GetDigest()) != digestSize {
		return crypto.Digest{}, false, exchange.Errorf(exchange.Internal, opClient, "%s answered with a digest of %d bytes", c.replica, len(a.GetDigest()))
	}
	return crypto.Digest(a.GetDigest()), a.GetKnown(), nil
}
