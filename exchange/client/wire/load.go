package wire

import (
	"github.com/yizhan-exchange/yizhan/exchange"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

func encodeLoad(l exchange.Load) *pb.NodeLoad {
	return &pb.NodeLoad{
		Submissions: uint32(l.Submissions), SubmissionsLimit: uint32(l.SubmissionsLimit), Working: uint32(l.Working), Width: uint32(l.Width),
		Waiting: uint32(l.Waiting), WaitingMostUrgent: uint32(l.WaitingMostUrgent), ContentBytes: uint64(l.Content),
		ContentPeakBytes: uint64(l.ContentPeak), ContentLimitBytes: uint64(l.ContentLimit), ServiceUs: l.ServiceMicros, Backlog: l.Backlog,
		Admitted: l.Admitted, Demoted: l.Demoted,
		Refused: each(l.Refused, func(r exchange.RefusedCount) *pb.RefusedCount {
			return &pb.RefusedCount{Reason: r.Reason, Count: r.Count}
		}),
		Downloads: uint32(l.Downloads), DownloadsLimit: uint32(l.DownloadsLimit), Watches: uint32(l.Watches), WatchesLimit: uint32(l.WatchesLimit),
		Calls: uint32(l.Calls), CallsLimit: uint32(l.CallsLimit), Connections: uint32(l.Connections), ConnectionsLimit: uint32(l.ConnectionsLimit),
	}
}

func decodeLoad(p *pb.NodeLoad) exchange.Load {
	return exchange.Load{
		Submissions: int(p.GetSubmissions()), SubmissionsLimit: int(p.GetSubmissionsLimit()), Working: int(p.GetWorking()), Width: int(p.GetWidth()),
		Waiting: int(p.GetWaiting()), WaitingMostUrgent: int(p.GetWaitingMostUrgent()), Content: int64(p.GetContentBytes()),
		ContentPeak: int64(p.GetContentPeakBytes()), ContentLimit: int64(p.GetContentLimitBytes()), ServiceMicros: p.GetServiceUs(), Backlog: p.GetBacklog(),
		Admitted: p.GetAdmitted(), Demoted: p.GetDemoted(),
		Refused: each(p.GetRefused(), func(r *pb.RefusedCount) exchange.RefusedCount {
			return exchange.RefusedCount{Reason: r.GetReason(), Count: r.GetCount()}
		}),
		Downloads: int(p.GetDownloads()), DownloadsLimit: int(p.GetDownloadsLimit()), Watches: int(p.GetWatches()), WatchesLimit: int(p.GetWatchesLimit()),
		Calls: int(p.GetCalls()), CallsLimit: int(p.GetCallsLimit()), Connections: int(p.GetConnections()), ConnectionsLimit: int(p.GetConnectionsLimit()),
	}
}
