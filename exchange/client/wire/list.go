package wire

import (
	"github.com/yizhan-exchange/yizhan/exchange"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// EncodeQuery converts for sending.
func EncodeQuery(q exchange.ListQuery) *pb.ListRequest {
	return &pb.ListRequest{State: q.State, Kind: q.Kind, Limit: small(q.Limit), Before: q.Before}
}

// DecodeQuery is the inverse of EncodeQuery.
func DecodeQuery(p *pb.ListRequest) exchange.ListQuery {
	return exchange.ListQuery{State: p.GetState(), Kind: p.GetKind(), Limit: int(p.GetLimit()), Before: p.GetBefore()}
}

func encodeSummary(s exchange.Summary) *pb.ExchangeSummary {
	return &pb.ExchangeSummary{
		Id: encodeID(s.ID), Kind: s.Kind, From: string(s.From), FromName: s.FromName, To: texts[string](s.To),
		Type: s.Type, Number: s.Number, Title: s.Title, Urgency: s.Urgency, State: s.State, At: int64(s.At),
		Files: small(s.Files), Urged: small(s.Urged), Delayed: s.Delayed,
	}
}

func (d *decoder) summary(p *pb.ExchangeSummary) exchange.Summary {
	return exchange.Summary{
		ID: d.id(p.GetId()), Kind: p.GetKind(), From: exchange.Unit(p.GetFrom()), FromName: p.GetFromName(),
		To: texts[exchange.Unit](p.GetTo()), Type: p.GetType(), Number: p.GetNumber(), Title: p.GetTitle(),
		Urgency: p.GetUrgency(), State: p.GetState(), At: exchange.Time(p.GetAt()),
		Files: int(p.GetFiles()), Urged: int(p.GetUrged()), Delayed: p.GetDelayed(),
	}
}

// EncodeList converts for sending.
func EncodeList(l exchange.List) *pb.ListResponse {
	return &pb.ListResponse{Items: each(l.Items, encodeSummary), Next: l.Next}
}

// DecodeList is the inverse of EncodeList.
func DecodeList(p *pb.ListResponse) (exchange.List, error) {
	var d decoder
	l := exchange.List{Items: each(p.GetItems(), d.summary), Next: p.GetNext()}
	return l, d.err
}

// EncodeDetails converts for sending.
func EncodeDetails(v exchange.Details) *pb.ShowResponse {
	return &pb.ShowResponse{
		Summary: encodeSummary(v.Summary), Signer: v.Signer, Date: v.Date, Secrecy: v.Secrecy, Copies: v.Copies,
		Disclosure: v.Disclosure, Share: v.Share, Fields: v.Fields, CaseNo: v.CaseNo, Remarks: v.Remarks,
		Files: each(v.FileList, EncodeFile), Deliveries: each(v.Deliveries, encodeDelivery),
	}
}

// DecodeDetails is the inverse of EncodeDetails.
func DecodeDetails(p *pb.ShowResponse) (exchange.Details, error) {
	var d decoder
	v := exchange.Details{
		Summary: d.summary(p.GetSummary()), Signer: p.GetSigner(), Date: p.GetDate(), Secrecy: p.GetSecrecy(), Copies: p.GetCopies(),
		Disclosure: p.GetDisclosure(), Share: p.GetShare(), Fields: p.GetFields(), CaseNo: p.GetCaseNo(), Remarks: p.GetRemarks(),
		FileList: each(p.GetFiles(), DecodeFile), Deliveries: each(p.GetDeliveries(), d.delivery),
	}
	return v, d.err
}

// EncodeUnits converts for sending.
func EncodeUnits(units []exchange.UnitSummary) *pb.UnitsResponse {
	return &pb.UnitsResponse{Units: each(units, func(u exchange.UnitSummary) *pb.UnitSummary {
		return &pb.UnitSummary{
			Unit: string(u.Unit), Name: u.Name, DomainName: u.DomainName, Level: u.Level, Suspended: u.Suspended,
		}
	})}
}

// DecodeUnits is the inverse of EncodeUnits.
func DecodeUnits(p *pb.UnitsResponse) []exchange.UnitSummary {
	return each(p.GetUnits(), func(u *pb.UnitSummary) exchange.UnitSummary {
		return exchange.UnitSummary{
			Unit: exchange.Unit(u.GetUnit()), Name: u.GetName(), DomainName: u.GetDomainName(),
			Level: u.GetLevel(), Suspended: u.GetSuspended(),
		}
	})
}

// EncodeUnitNames converts recipients for sending.
func EncodeUnitNames(to []exchange.Unit) []string { return texts[string](to) }

// DecodeUnitNames is the inverse of EncodeUnitNames.
func DecodeUnitNames(to []string) []exchange.Unit { return texts[exchange.Unit](to) }
