package wire

import (
	"github.com/yizhan-exchange/yizhan/exchange"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// EncodeHeld converts for sending.
func EncodeHeld(v []exchange.HeldMessage) *pb.ListHeldResponse {
	return &pb.ListHeldResponse{Messages: each(v, encodeHeld)}
}

// DecodeHeld is the inverse of EncodeHeld.
func DecodeHeld(p *pb.ListHeldResponse) []exchange.HeldMessage {
	return each(p.GetMessages(), decodeHeld)
}

// EncodeOneHeld converts for sending.
func EncodeOneHeld(v exchange.HeldMessage) *pb.ShowHeldResponse {
	return &pb.ShowHeldResponse{Message: encodeHeld(v)}
}

// DecodeOneHeld is the inverse of EncodeOneHeld.
func DecodeOneHeld(p *pb.ShowHeldResponse) exchange.HeldMessage { return decodeHeld(p.GetMessage()) }

func encodeHeld(v exchange.HeldMessage) *pb.HeldMessage {
	return &pb.HeldMessage{Number: v.Number, Peer: string(v.Peer), Kind: v.Kind, Reason: v.Reason, At: int64(v.At), Class: v.Class,
		Sequence: v.Sequence, Tries: v.Tries, Size: int64(v.Size), Digest: v.Digest, Exchange: v.Exchange, From: string(v.From),
		To: texts[string](v.To), Says: v.Says, By: string(v.By), Remedy: v.Remedy}
}

func decodeHeld(p *pb.HeldMessage) exchange.HeldMessage {
	return exchange.HeldMessage{Number: p.GetNumber(), Peer: exchange.Domain(p.GetPeer()), Kind: p.GetKind(), Reason: p.GetReason(),
		At: exchange.Time(p.GetAt()), Class: p.GetClass(), Sequence: p.GetSequence(), Tries: p.GetTries(), Size: int(p.GetSize()),
		Digest: p.GetDigest(), Exchange: p.GetExchange(), From: exchange.Unit(p.GetFrom()), To: texts[exchange.Unit](p.GetTo()),
		Says: p.GetSays(), By: exchange.Domain(p.GetBy()), Remedy: p.GetRemedy()}
}

// EncodeHeldOutcome converts for sending.
func EncodeHeldOutcome(v exchange.HeldOutcome) *pb.HeldOutcome {
	return &pb.HeldOutcome{Number: v.Number, Done: v.Done, Message: v.Message, Zh: v.Chinese, Exchange: v.Exchange, State: v.State}
}

// DecodeHeldOutcome is the inverse of EncodeHeldOutcome.
func DecodeHeldOutcome(p *pb.HeldOutcome) exchange.HeldOutcome {
	return exchange.HeldOutcome{Number: p.GetNumber(), Done: p.GetDone(), Message: p.GetMessage(), Chinese: p.GetZh(), Exchange: p.GetExchange(), State: p.GetState()}
}
