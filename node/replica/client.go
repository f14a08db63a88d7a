package replica

import (
	"context"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
)

const (
	opClient     = "replica.client"
	readyTimeout = 2 * time.Second
)

// Client asks one replica of one domain. It is safe for concurrent use and
// implements content.Peer.
type Client struct {
	domain  exchange.Domain
	replica exchange.Replica
	conn    *grpc.ClientConn
	stub    pb.ReplicaClient

	standing pb.StandingClient
}

// NewClient returns a client over conn, which the caller closes.
func NewClient(d exchange.Domain, r exchange.Replica, conn *grpc.ClientConn) *Client {
	return &Client{domain: d, replica: r, conn: conn, stub: pb.NewReplicaClient(conn), standing: pb.NewStandingClient(conn)}
}

// Replica returns whom it asks.
func (c *Client) Replica() exchange.Replica { return c.replica }

// ready waits for the connection, for a while. A call that is begun only on a
// connection that stands may be taken as sent when it fails.
func (c *Client) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		s := c.conn.GetState()
		if s == connectivity.Ready {
			return nil
		}
		c.conn.Connect()
		if s == connectivity.Shutdown || s == connectivity.TransientFailure || !c.conn.WaitForStateChange(ctx, s) {
			return exchange.Errorf(exchange.Unavailable, opClient, "%s cannot be reached", c.replica)
		}
	}
}

// Propose commits a command there. Code Unavailable means that nothing was
// done, Unknown that the call was sent and not answered.
func (c *Client) Propose(ctx context.Context, command []byte) ([]byte, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	a, err := c.stub.Propose(ctx, &pb.ProposeRequest{Domain: string(c.domain), Command: command})
	return a.GetResult(), fromStatus(opClient, exchange.Unknown, err)
}

// ReadIndex asks for an index that a current read has to wait for.
func (c *Client) ReadIndex(ctx context.Context) (uint64, error) {
	a, err := c.stub.ReadIndex(ctx, &pb.ReadIndexRequest{Domain: string(c.domain)})
	return a.GetIndex(), fromStatus(opClient, exchange.Unavailable, err)
}

// Put keeps a chunk there, durably.
func (c *Client) Put(ctx context.Context, address crypto.Digest, data []byte) ([16]byte, error) {
	a, err := c.stub.PutChunk(ctx, &pb.PutChunkRequest{Domain: string(c.domain), Address: address[:], Data: data})
	if err != nil {
		return [16]byte{}, fromStatus(opClient, exchange.Unavailable, err)
	}
	return c.store(a.GetReplica(), a.GetStore())
}

// Get returns a chunk from there. The caller verifies it.
func (c *Client) Get(ctx context.Context, address crypto.Digest) ([]byte, error) {
	a, err := c.stub.GetChunk(ctx, &pb.GetChunkRequest{Domain: string(c.domain), Address: address[:]})
	return a.GetData(), fromStatus(opClient, exchange.Unavailable, err)
}

// Has tells which chunks are stored there, in the order asked.
func (c *Client) Has(ctx context.Context, addresses []crypto.Digest) (store [16]byte, stored []bool, err error) {
	for done := false; !done; {
		n := min(len(addresses), maxHas)
		a, err := c.stub.HasChunks(ctx, &pb.HasChunksRequest{Domain: string(c.domain), Addresses: toBytes(addresses[:n])})
		if err != nil {
			return store, nil, fromStatus(opClient, exchange.Unavailable, err)
		}
		if len(a.GetStored()) != n {
			return store, nil, exchange.Errorf(exchange.Internal, opClient, "%s answered for %d chunks instead of %d", c.replica, len(a.GetStored()), n)
		}
		if store, err = c.store(a.GetReplica(), a.GetStore()); err != nil {
			return store, nil, err
		}
		stored = append(stored, a.GetStored()...)
		addresses = addresses[n:]
		done = len(addresses) == 0
	}
	return store, stored, nil
}

// store checks who answered: a proof names a replica and its store.
func (c *Client) store(replica string, id []byte) ([16]byte, error) {
	if exchange.Replica(replica) != c.replica || len(id) != 16 {
		return [16]byte{}, exchange.Errorf(exchange.Internal, opClient, "asked %s and another replica answered", c.replica)
	}
	return [16]byte(id), nil
}

func toBytes(addresses []crypto.Digest) [][]byte {
	out := make([][]byte, len(addresses))
	for i := range addresses {
		out[i] = addresses[i][:]
	}
	return out
}
