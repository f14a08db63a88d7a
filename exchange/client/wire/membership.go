package wire

import (
	"github.com/yizhan-exchange/yizhan/exchange"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

func encodeMember(m exchange.MemberStatus) *pb.Member {
	return &pb.Member{
		Replica: string(m.Replica), Address: m.Address, Voter: m.Voter, Leader: m.Leader, Reached: m.Reached, Role: m.Role,
		ContactMs: m.ContactMs, AppliedIndex: m.Applied, CommitIndex: m.Commit, MissingChunks: m.Missing, UncheckedEvents: m.Unchecked,
		Supports: m.Supports, SkewMs: m.SkewMs, StoppedBecause: m.Stopped, WaitsFor: m.WaitsFor, Version: m.Version,
	}
}

func decodeMember(p *pb.Member) exchange.MemberStatus {
	return exchange.MemberStatus{
		Replica: exchange.Replica(p.GetReplica()), Address: p.GetAddress(), Voter: p.GetVoter(), Leader: p.GetLeader(),
		Reached: p.GetReached(), Role: p.GetRole(), ContactMs: p.GetContactMs(), Applied: p.GetAppliedIndex(), Commit: p.GetCommitIndex(),
		Missing: p.GetMissingChunks(), Unchecked: p.GetUncheckedEvents(), Supports: p.GetSupports(), SkewMs: p.GetSkewMs(),
		Stopped: p.GetStoppedBecause(), WaitsFor: p.GetWaitsFor(), Version: p.GetVersion(),
	}
}

func encodeHealth(h exchange.Health) *pb.Health {
	return &pb.Health{State: h.State, CanLose: int32(h.CanLose), Reasons: h.Reasons}
}

func decodeHealth(p *pb.Health) exchange.Health {
	return exchange.Health{State: p.GetState(), CanLose: int(p.GetCanLose()), Reasons: p.GetReasons()}
}

// EncodeStanding converts for sending.
func EncodeStanding(s exchange.Standing) *pb.DescribeResponse {
	out := &pb.DescribeResponse{
		Replica: string(s.Replica), State: s.State, Leader: string(s.Leader), Term: s.Term, LastLog: s.LastLog, CommitIndex: s.Commit,
		AppliedIndex: s.Applied, ContactMs: s.ContactMs, StoppedBecause: s.Stopped, Supports: s.Supports, FeatureLevel: s.Level,
		Clock: int64(s.Clock), Incarnation: s.Incarnation, Configuration: s.Configuration, Members: encodeEntries(s.Members),
		MissingChunks: s.Missing, UncheckedEvents: s.Unchecked, TookPart: s.TookPart, Version: s.Version, LookedThrough: s.Looked,
	}
	for r, why := range s.Waits {
		out.Waits = append(out.Waits, &pb.MemberWait{Replica: string(r), Reason: why})
	}
	return out
}

// DecodeStanding is the inverse of EncodeStanding.
func DecodeStanding(p *pb.DescribeResponse) exchange.Standing {
	s := exchange.Standing{
		Replica: exchange.Replica(p.GetReplica()), State: p.GetState(), Leader: exchange.Replica(p.GetLeader()), Term: p.GetTerm(),
		LastLog: p.GetLastLog(), Commit: p.GetCommitIndex(), Applied: p.GetAppliedIndex(), ContactMs: p.GetContactMs(),
		Stopped: p.GetStoppedBecause(), Supports: p.GetSupports(), Level: p.GetFeatureLevel(), Clock: exchange.Time(p.GetClock()),
		Incarnation: p.GetIncarnation(), Configuration: p.GetConfiguration(), Members: decodeEntries(p.GetMembers()),
		Missing: p.GetMissingChunks(), Unchecked: p.GetUncheckedEvents(), TookPart: p.GetTookPart(), Version: p.GetVersion(), Looked: p.GetLookedThrough(),
		Waits: map[exchange.Replica]string{},
	}
	for _, w := range p.GetWaits() {
		s.Waits[exchange.Replica(w.GetReplica())] = w.GetReason()
	}
	return s
}

func encodeEntries(members []exchange.Member) []*pb.MemberEntry {
	return each(members, func(m exchange.Member) *pb.MemberEntry {
		return &pb.MemberEntry{Replica: string(m.Replica), Address: m.Address, Voter: m.Voter}
	})
}

func decodeEntries(in []*pb.MemberEntry) []exchange.Member {
	return each(in, func(m *pb.MemberEntry) exchange.Member {
		return exchange.Member{Replica: exchange.Replica(m.GetReplica()), Address: m.GetAddress(), Voter: m.GetVoter()}
	})
}

// EncodeChange converts for the leader of a domain.
func EncodeChange(d exchange.Domain, c exchange.MembershipChange) *pb.ChangeRequest {
	q := &pb.ChangeRequest{Domain: string(d)}
	switch {
	case c.Join:
		q.Change = &pb.ChangeRequest_Join{Join: &pb.JoinReplicaRequest{Replica: string(c.Replica), Address: c.Address}}
	case c.Remove:
		q.Change = &pb.ChangeRequest_Remove{Remove: &pb.RemoveReplicaRequest{Replica: string(c.Replica), Force: c.Force}}
	case c.Transfer:
		q.Change = &pb.ChangeRequest_Transfer{Transfer: &pb.TransferLeadershipRequest{Replica: string(c.Replica)}}
	}
	return q
}

// DecodeChange is the inverse of EncodeChange.
func DecodeChange(q *pb.ChangeRequest) exchange.MembershipChange {
	switch c := q.GetChange().(type) {
	case *pb.ChangeRequest_Join:
		return exchange.MembershipChange{Join: true, Replica: exchange.Replica(c.Join.GetReplica()), Address: c.Join.GetAddress()}
	case *pb.ChangeRequest_Remove:
		return exchange.MembershipChange{Remove: true, Replica: exchange.Replica(c.Remove.GetReplica()), Force: c.Remove.GetForce()}
	case *pb.ChangeRequest_Transfer:
		return exchange.MembershipChange{Transfer: true, Replica: exchange.Replica(c.Transfer.GetReplica())}
	}
	return exchange.MembershipChange{}
}

// EncodeChanged converts for sending.
func EncodeChanged(c exchange.MembershipChanged) *pb.MembershipChanged {
	return &pb.MembershipChanged{Domain: string(c.Domain), Replica: string(c.Replica), Leader: string(c.Leader), Done: c.Done, Members: encodeEntries(c.Members)}
}

// DecodeChanged is the inverse of EncodeChanged.
func DecodeChanged(p *pb.MembershipChanged) exchange.MembershipChanged {
	return exchange.MembershipChanged{Domain: exchange.Domain(p.GetDomain()), Replica: exchange.Replica(p.GetReplica()),
		Leader: exchange.Replica(p.GetLeader()), Done: p.GetDone(), Members: decodeEntries(p.GetMembers())}
}
