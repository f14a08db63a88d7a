package wire

import (
	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

func encodeReceipt(r exchange.ReceiptView) *pb.Receipt {
	out := &pb.Receipt{
		State: r.State, Domain: string(r.Domain), Unit: string(r.Unit), Person: string(r.Person),
		At: int64(r.At), Reasons: r.Reasons, Note: r.Note, To: texts[string](r.To), Statement: r.Signed.Bytes,
	}
	if r.Signed.Key != (crypto.KeyID{}) {
		out.Key = r.Signed.Key.String()
	}
	if r.Signed.Sig != (crypto.Signature{}) {
		out.Signature = r.Signed.Sig.DER()
	}
	return out
}

func (d *decoder) receipt(p *pb.Receipt) exchange.ReceiptView {
	return exchange.ReceiptView{
		State: p.GetState(), Domain: exchange.Domain(p.GetDomain()), Unit: exchange.Unit(p.GetUnit()),
		Person: exchange.Person(p.GetPerson()), At: exchange.Time(p.GetAt()), Reasons: p.GetReasons(),
		Note: p.GetNote(), To: texts[exchange.Unit](p.GetTo()),
		Signed: crypto.Signed{Bytes: p.GetStatement(), Key: d.key(p.GetKey()), Sig: d.signature(p.GetSignature())},
	}
}

func encodeDelivery(v exchange.DeliveryView) *pb.Delivery {
	return &pb.Delivery{
		To: string(v.To), ToName: v.ToName, Role: v.Role, State: v.State, StateZh: v.StateZh,
		At: int64(v.At), Receipts: each(v.Receipts, encodeReceipt), Where: string(v.Where), Waiting: v.Waiting,
		InDoubt: v.InDoubt, Delayed: v.Delayed,
	}
}

func (d *decoder) delivery(p *pb.Delivery) exchange.DeliveryView {
	return exchange.DeliveryView{
		To: exchange.Unit(p.GetTo()), ToName: p.GetToName(), Role: p.GetRole(), State: p.GetState(), StateZh: p.GetStateZh(),
		At: exchange.Time(p.GetAt()), Receipts: each(p.GetReceipts(), d.receipt), Where: exchange.Domain(p.GetWhere()),
		Waiting: p.GetWaiting(), InDoubt: p.GetInDoubt(), Delayed: p.GetDelayed(),
	}
}

// EncodeTracking converts for sending.
func EncodeTracking(t exchange.Tracking) *pb.TrackResponse {
	return &pb.TrackResponse{
		Id: encodeID(t.ID), Kind: t.Kind, Deliveries: each(t.Deliveries, encodeDelivery),
		Final: t.Final, AsOf: int64(t.AsOf), Replica: string(t.Replica),
	}
}

// DecodeTracking is the inverse of EncodeTracking.
func DecodeTracking(p *pb.TrackResponse) (exchange.Tracking, error) {
	var d decoder
	t := exchange.Tracking{
		ID: d.id(p.GetId()), Kind: p.GetKind(), Deliveries: each(p.GetDeliveries(), d.delivery),
		Final: p.GetFinal(), AsOf: exchange.Time(p.GetAsOf()), Replica: exchange.Replica(p.GetReplica()),
	}
	return t, d.err
}

// EncodeOutcome converts for sending.
func EncodeOutcome(o exchange.Outcome) *pb.ActResponse {
	out := &pb.ActResponse{
		Id: encodeID(o.ID), State: o.State, Deliveries: each(o.Deliveries, encodeDelivery), Replayed: o.Replayed,
	}
	if o.Receipt != nil {
		out.Receipt = encodeReceipt(*o.Receipt)
	}
	return out
}

// DecodeOutcome is the inverse of EncodeOutcome.
func DecodeOutcome(p *pb.ActResponse) (exchange.Outcome, error) {
	var d decoder
	o := exchange.Outcome{
		ID: d.id(p.GetId()), State: p.GetState(), Deliveries: each(p.GetDeliveries(), d.delivery), Replayed: p.GetReplayed(),
	}
	if p.GetReceipt() != nil {
		r := d.receipt(p.GetReceipt())
		o.Receipt = &r
	}
	return o, d.err
}
