package wire

import (
	"github.com/yizhan-exchange/yizhan/exchange"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// EncodeCluster converts for sending.
func EncodeCluster(domains []exchange.DomainStatus) *pb.ClusterStatusResponse {
	return &pb.ClusterStatusResponse{Domains: each(domains, func(s exchange.DomainStatus) *pb.DomainStatus {
		return &pb.DomainStatus{
			Domain: string(s.Domain), Name: s.Name, Level: s.Level, Replica: string(s.Replica), Role: s.Role,
			Leader: string(s.Leader), Term: s.Term, CommitIndex: s.CommitIndex, AppliedIndex: s.AppliedIndex,
			Members: each(s.Members, encodeMember), Links: each(s.Links, encodeLink), Incarnation: s.Incarnation,
			FeatureLevel: s.FeatureLevel, LedgerTime: int64(s.LedgerTime), Exchanges: s.Exchanges,
			StoppedBecause: s.StoppedBecause, Health: encodeHealth(s.Health), Load: encodeLoad(s.Load),
			Held: s.Held, Content: encodeContent(s.Content),
		}
	})}
}

// DecodeCluster is the inverse of EncodeCluster.
func DecodeCluster(p *pb.ClusterStatusResponse) []exchange.DomainStatus {
	return each(p.GetDomains(), func(s *pb.DomainStatus) exchange.DomainStatus {
		return exchange.DomainStatus{
			Domain: exchange.Domain(s.GetDomain()), Name: s.GetName(), Level: s.GetLevel(),
			Replica: exchange.Replica(s.GetReplica()), Role: s.GetRole(), Leader: exchange.Replica(s.GetLeader()),
			Term: s.GetTerm(), CommitIndex: s.GetCommitIndex(), AppliedIndex: s.GetAppliedIndex(),
			Members: each(s.GetMembers(), decodeMember), Links: each(s.GetLinks(), decodeLink), Incarnation: s.GetIncarnation(),
			FeatureLevel: s.GetFeatureLevel(), LedgerTime: exchange.Time(s.GetLedgerTime()), Exchanges: s.GetExchanges(),
			StoppedBecause: s.GetStoppedBecause(), Health: decodeHealth(s.GetHealth()), Load: decodeLoad(s.GetLoad()),
			Held: s.GetHeld(), Content: decodeContent(s.GetContent()),
		}
	})
}

func encodeContent(c exchange.ContentStatus) *pb.ContentStatus {
	return &pb.ContentStatus{Rounds: c.Rounds, At: int64(c.At), Read: c.Read, Mended: c.Mended, Lost: c.Lost, Swept: c.Swept, SweptBytes: c.SweptBytes}
}

func decodeContent(p *pb.ContentStatus) exchange.ContentStatus {
	return exchange.ContentStatus{Rounds: p.GetRounds(), At: exchange.Time(p.GetAt()), Read: p.GetRead(), Mended: p.GetMended(), Lost: p.GetLost(),
		Swept: p.GetSwept(), SweptBytes: p.GetSweptBytes()}
}

func encodeLink(l exchange.LinkStatus) *pb.LinkStatus {
	return &pb.LinkStatus{
		Peer: string(l.Peer), Direction: l.Direction, State: l.State, Queued: l.Queued, OldestMs: l.OldestMs,
		SkewMs: l.SkewMs, LastError: l.LastError, EpochResyncs: l.Resyncs, ChunksSent: l.ChunksSent, ChunksReceived: l.ChunksReceived, Resync: l.Resync,
	}
}

func decodeLink(p *pb.LinkStatus) exchange.LinkStatus {
	return exchange.LinkStatus{
		Peer: exchange.Domain(p.GetPeer()), Direction: p.GetDirection(), State: p.GetState(), Queued: p.GetQueued(),
		OldestMs: p.GetOldestMs(), SkewMs: p.GetSkewMs(), LastError: p.GetLastError(), Resyncs: p.GetEpochResyncs(), ChunksSent: p.GetChunksSent(), ChunksReceived: p.GetChunksReceived(), Resync: p.GetResync(),
	}
}
