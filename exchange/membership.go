package exchange

import "context"

// Standing is what a replica says of itself to the others of its domain.
type Standing struct {
	Replica       Replica
	State         string // leader, follower, candidate, stopped, closed
	Leader        Replica
	Term          uint64
	LastLog       uint64
	Commit        uint64
	Applied       uint64
	ContactMs     int64 // since it heard of its leader; 0 on the leader, -1 never
	Stopped       string
	Supports      uint32 // newest feature level that its program knows
	Level         uint32 // of its ledger
	Clock         Time
	Incarnation   uint64
	Configuration uint64 // log index of Members; 0 while they may still be taken back
	Members       []Member
	Missing       uint64 // chunks that it must hold and looked for in vain
	Unchecked     uint64 // events whose content it has not looked for yet
	Looked        uint64 // events whose content it has, but for Missing
	TookPart      bool   // its key store remembers that it is a member
	Version       string
	Waits         map[Replica]string // on the leader: what each non-voter waits for
}

// Member is one replica of a domain as its log has it.
type Member struct {
	Replica Replica `json:"replica"`
	Address string  `json:"address"`
	Voter   bool    `json:"voter"`
}

// MemberOf finds a replica among members.
func MemberOf(members []Member, r Replica) (Member, bool) {
	for _, m := range members {
		if m.Replica == r {
			return m, true
		}
	}
	return Member{}, false
}

// MembershipChange asks for one change; exactly one of the first three is set.
type MembershipChange struct {
	Join, Remove, Transfer bool
	Replica                Replica // whom it is about; "" with Transfer: any
	Address                string  // with Join
	Force                  bool    // with Remove: although content may be on that replica only
}

// MembershipChanged is what became of a change.
type MembershipChanged struct {
	Domain  Domain   `json:"domain"`
	Replica Replica  `json:"replica"`
	Leader  Replica  `json:"leader"`
	Done    string   `json:"done"` // joined, moved, unchanged, removed, leads
	Members []Member `json:"members"`
}

// Membership is what the administrator of a domain can change about its
// replicas. Calls are answered by any node that hosts the domain of the
// caller. A change that the domain could not bear is Conflict, and says why; one
// whose answer was lost is Unknown: the status tells, and asking again is
// harmless.
type Membership interface {
	// JoinReplica makes a prepared replica a non-voter, which the leader
	// promotes when it has caught up. A member that asks from another address
	// has moved there.
	JoinReplica(ctx context.Context, r Replica, address string) (MembershipChanged, error)
	// RemoveReplica takes a replica out for good; a leader hands over first.
	RemoveReplica(ctx context.Context, r Replica, force bool) (MembershipChanged, error)
	// TransferLeadership has a voter lead, or any that is up to date when r is
	// "".
	TransferLeadership(ctx context.Context, r Replica) (MembershipChanged, error)
}

// Health says what a domain can bear.
type Health struct {
	State   string   `json:"state"`    // healthy, degraded, at_risk, no_majority
	CanLose int      `json:"can_lose"` // voters that may still fail
	Reasons []string `json:"reasons,omitempty"`
}
