package wire

import (
	"github.com/yizhan-exchange/yizhan/exchange"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// EncodeAsked converts for sending.
func EncodeAsked(v []exchange.AskedIncarnation) *pb.ListAskedResponse {
	return &pb.ListAskedResponse{Asked: each(v, encodeAsked)}
}

// DecodeAsked is the inverse of EncodeAsked.
func DecodeAsked(p *pb.ListAskedResponse) []exchange.AskedIncarnation {
	return each(p.GetAsked(), decodeAsked)
}

func encodeAsked(v exchange.AskedIncarnation) *pb.AskedIncarnation {
	return &pb.AskedIncarnation{Domain: string(v.Domain), Name: v.Name, Stated: v.Stated, Incarnation: v.Incarnation, Reason: v.Reason,
		Since: int64(v.Since), At: int64(v.At), By: string(v.By)}
}

func decodeAsked(p *pb.AskedIncarnation) exchange.AskedIncarnation {
	return exchange.AskedIncarnation{Domain: exchange.Domain(p.GetDomain()), Name: p.GetName(), Stated: p.GetStated(), Incarnation: p.GetIncarnation(),
		Reason: p.GetReason(), Since: exchange.Time(p.GetSince()), At: exchange.Time(p.GetAt()), By: exchange.Domain(p.GetBy())}
}

// EncodeAdmission converts for sending.
func EncodeAdmission(v exchange.Admission) *pb.AdmitResponse {
	return &pb.AdmitResponse{Domain: string(v.Domain), Incarnation: v.Incarnation, Number: v.Number}
}

// DecodeAdmission is the inverse of EncodeAdmission.
func DecodeAdmission(p *pb.AdmitResponse) exchange.Admission {
	return exchange.Admission{Domain: exchange.Domain(p.GetDomain()), Incarnation: p.GetIncarnation(), Number: p.GetNumber()}
}
