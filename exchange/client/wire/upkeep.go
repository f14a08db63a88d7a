package wire

import (
	"github.com/yizhan-exchange/yizhan/exchange"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// EncodeSnapshot converts for sending.
func EncodeSnapshot(s exchange.Snapshot) *pb.SnapshotResponse {
	return &pb.SnapshotResponse{Replica: string(s.Replica), Index: s.Index, Applied: s.Applied}
}

// DecodeSnapshot is the inverse of EncodeSnapshot.
func DecodeSnapshot(p *pb.SnapshotResponse) exchange.Snapshot {
	return exchange.Snapshot{Replica: exchange.Replica(p.GetReplica()), Index: p.GetIndex(), Applied: p.GetApplied()}
}

// EncodeCheckOptions converts for sending.
func EncodeCheckOptions(o exchange.CheckOptions) *pb.CheckOptions {
	return &pb.CheckOptions{Signatures: o.Signatures, Content: o.Content, Strict: o.Strict}
}

// DecodeCheckOptions is the inverse of EncodeCheckOptions.
func DecodeCheckOptions(p *pb.CheckOptions) exchange.CheckOptions {
	return exchange.CheckOptions{Signatures: p.GetSignatures(), Content: p.GetContent(), Strict: p.GetStrict()}
}

// EncodeCheckProgress converts for sending.
func EncodeCheckProgress(c exchange.CheckProgress) *pb.CheckProgress {
	return &pb.CheckProgress{Replica: string(c.Replica), Stage: c.Stage, Rows: c.Rows, Index: c.Index, Digest: c.Digest}
}

// DecodeCheckProgress is the inverse of EncodeCheckProgress.
func DecodeCheckProgress(p *pb.CheckProgress) exchange.CheckProgress {
	return exchange.CheckProgress{Replica: exchange.Replica(p.GetReplica()), Stage: p.GetStage(), Rows: p.GetRows(), Index: p.GetIndex(), Digest: p.GetDigest()}
}

// EncodeDomainCheck converts for sending.
func EncodeDomainCheck(c exchange.DomainCheck) *pb.DomainCheck {
	return &pb.DomainCheck{
		Domain: string(c.Domain), Ok: c.OK,
		Replicas: each(c.Replicas, EncodeReplicaCheck), Findings: each(c.Findings, encodeFinding),
	}
}

// DecodeDomainCheck is the inverse of EncodeDomainCheck.
func DecodeDomainCheck(p *pb.DomainCheck) exchange.DomainCheck {
	return exchange.DomainCheck{
		Domain: exchange.Domain(p.GetDomain()), OK: p.GetOk(),
		Replicas: each(p.GetReplicas(), DecodeReplicaCheck), Findings: each(p.GetFindings(), decodeFinding),
	}
}

// EncodeReplicaCheck converts for sending.
func EncodeReplicaCheck(c exchange.ReplicaCheck) *pb.ReplicaCheck {
	return &pb.ReplicaCheck{
		Replica: string(c.Replica), Index: c.Index, Term: c.Term, Digest: c.Digest, AuditRoot: c.AuditRoot,
		Counts: c.Counts, Findings: each(c.Findings, encodeFinding), Errors: c.Errors, Omitted: c.Omitted, Failed: utf8(c.Failed),
	}
}

// DecodeReplicaCheck is the inverse of EncodeReplicaCheck.
func DecodeReplicaCheck(p *pb.ReplicaCheck) exchange.ReplicaCheck {
	return exchange.ReplicaCheck{
		Replica: exchange.Replica(p.GetReplica()), Index: p.GetIndex(), Term: p.GetTerm(), Digest: p.GetDigest(),
		AuditRoot: p.GetAuditRoot(), Counts: p.GetCounts(), Findings: each(p.GetFindings(), decodeFinding),
		Errors: p.GetErrors(), Omitted: p.GetOmitted(), Failed: p.GetFailed(),
	}
}

func encodeFinding(f exchange.CheckFinding) *pb.CheckFinding {
	return &pb.CheckFinding{Severity: f.Severity, Code: f.Code, Object: utf8(f.Object), Message: utf8(f.Message)}
}

func decodeFinding(p *pb.CheckFinding) exchange.CheckFinding {
	return exchange.CheckFinding{Severity: p.GetSeverity(), Code: p.GetCode(), Object: p.GetObject(), Message: p.GetMessage()}
}
