// Package replica is what the replicas of one domain say to each other besides
// Raft: commands on their way to the leader, indexes for current reads, and
// chunks. Server answers for every domain that this process hosts; Client asks
// one replica; Router finds the leader, so that any replica accepts calls.
package replica

import (
	"context"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

const (
	digestSize = 32
	maxHas     = 8192 // addresses in one request

	// codeNotLeader marks the refusal of a replica that does not lead.
	codeNotLeader = "replica.not_leader"
)

// Group is a domain's replica as this package needs it; *raftnode.Group is
// one. The error of Propose and ReadIndex on a replica that does not lead has
// code Unavailable.
type Group interface {
	Propose(ctx context.Context, command []byte) ([]byte, error)
	ReadIndex(ctx context.Context) (uint64, error)
	WaitApplied(ctx context.Context, index uint64) error
	// IsLeader reports whether this replica leads and has caught up.
	IsLeader() bool
	// Leader returns who leads, "" when nobody is known to.
	Leader() (exchange.Replica, string)
	// Done is closed when the group has ended.
	Done() <-chan struct{}
}

// Chunks is the local content of a domain as this package needs it;
// content.Store is one.
type Chunks interface {
	ID() [16]byte
	Put(ctx context.Context, address crypto.Digest, data []byte) error
	Get(ctx context.Context, address crypto.Digest) ([]byte, error)
	Has(ctx context.Context, addresses []crypto.Digest) ([]bool, error)
}
