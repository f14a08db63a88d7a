package raftnode

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/raftnode/journal"
)

// NotLeaderError says that nothing was done because this replica does not
// lead, and who does as far as it knows. Its code is Unavailable.
type NotLeaderError struct {
	Leader  exchange.Replica // "" when there is none at the moment
	Address string
}

// Error implements error.
func (e *NotLeaderError) Error() string {
	if e.Leader == "" {
		return "raftnode: the domain has no leader at the moment"
	}
	return fmt.Sprintf("raftnode: not the leader; %s is", e.Leader)
}

// LeaderHint returns who leads, for adapters that do not import this package.
func (e *NotLeaderError) LeaderHint() (exchange.Replica, string) { return e.Leader, e.Address }

// As lets exchange.CodeOf see the code.
func (e *NotLeaderError) As(target any) bool {
	t, ok := target.(**exchange.Error)
	if !ok {
		return false
	}
	message := "this replica does not lead its domain"
	if e.Leader == "" {
		message = "the domain has no leader at the moment"
	}
	*t = &exchange.Error{Code: exchange.Unavailable, Op: "raftnode", Message: message, Cause: e}
	return true
}

func (g *Group) notLeader() *NotLeaderError {
	address, id := g.raft.LeaderWithID()
	return &NotLeaderError{Leader: exchange.Replica(id), Address: string(address)}
}

// outcome maps an error of raft.Apply. Only errors known to come before the
// entry was appended to the log mean that nothing was done.
func (g *Group) outcome(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader):
		return g.notLeader()
	case errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return exchange.Errorf(exchange.Unavailable, op, "the leader is busy or handing over: %w", err)
	case errors.Is(err, journal.ErrNoRoom):
		return noRoom(op)
	}
	return exchange.Errorf(exchange.Unknown, op, "the command may or may not be committed: %w", err)
}
