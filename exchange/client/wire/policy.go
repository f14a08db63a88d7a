package wire

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// EncodePolicyFiles converts for sending.
func EncodePolicyFiles(files []exchange.PolicyFile) []*pb.PolicyFile {
	return each(files, func(f exchange.PolicyFile) *pb.PolicyFile { return &pb.PolicyFile{Path: f.Path, Data: f.Data} })
}

// DecodePolicyFiles is the inverse of EncodePolicyFiles.
func DecodePolicyFiles(files []*pb.PolicyFile) []exchange.PolicyFile {
	return each(files, func(f *pb.PolicyFile) exchange.PolicyFile {
		return exchange.PolicyFile{Path: f.GetPath(), Data: f.GetData()}
	})
}

// EncodePublished converts for sending. Only number and digest travel: the
// rest is what the caller sent.
func EncodePublished(l exchange.PolicyLayer) *pb.PublishPolicyResponse {
	return &pb.PublishPolicyResponse{Number: l.Number, Digest: encodeDigest(l.Digest)}
}

// DecodePublished reads number and digest of the layer now in force.
func DecodePublished(p *pb.PublishPolicyResponse) (exchange.PolicyLayer, error) {
	var d decoder
	l := exchange.PolicyLayer{Number: p.GetNumber(), Digest: d.digest(p.GetDigest())}
	return l, d.err
}

// EncodeLayers converts for sending.
func EncodeLayers(layers []exchange.PolicyLayer) *pb.PolicyStatusResponse {
	return &pb.PolicyStatusResponse{Layers: each(layers, func(l exchange.PolicyLayer) *pb.PolicyLayer {
		return &pb.PolicyLayer{
			Issuer: string(l.Issuer), Number: l.Number, At: int64(l.At), Digest: encodeDigest(l.Digest), Files: small(l.Files),
		}
	})}
}

// DecodeLayers is the inverse of EncodeLayers.
func DecodeLayers(p *pb.PolicyStatusResponse) ([]exchange.PolicyLayer, error) {
	var d decoder
	out := each(p.GetLayers(), func(l *pb.PolicyLayer) exchange.PolicyLayer {
		return exchange.PolicyLayer{
			Issuer: exchange.Domain(l.GetIssuer()), Number: l.GetNumber(), At: exchange.Time(l.GetAt()),
			Digest: d.digest(l.GetDigest()), Files: int(l.GetFiles()),
		}
	})
	return out, d.err
}

// EncodeDecisions converts for sending. An obligation travels as "kind=value",
// a revision as "layer@number".
func EncodeDecisions(records []exchange.DecisionRecord) *pb.ExplainPolicyResponse {
	return &pb.ExplainPolicyResponse{Decisions: each(records, func(r exchange.DecisionRecord) *pb.DecisionRecord {
		return &pb.DecisionRecord{
			Point: string(r.Point), Allow: r.Allow, Hold: r.Hold, At: int64(r.At), Person: string(r.Person),
			Reasons: each(r.Reasons, encodeReason), Warnings: each(r.Warnings, encodeReason),
			Obligations: each(r.Obligations, encodeObligation),
			Revisions:   each(r.Revisions, func(v exchange.Revision) string { return fmt.Sprintf("%s@%d", v.Layer, v.Number) }),
		}
	})}
}

// DecodeDecisions is the inverse of EncodeDecisions.
func DecodeDecisions(p *pb.ExplainPolicyResponse) ([]exchange.DecisionRecord, error) {
	var d decoder
	out := each(p.GetDecisions(), func(r *pb.DecisionRecord) exchange.DecisionRecord {
		return exchange.DecisionRecord{Person: exchange.Person(r.GetPerson()), Decision: exchange.Decision{
			Point: exchange.Point(r.GetPoint()), Allow: r.GetAllow(), Hold: r.GetHold(), At: exchange.Time(r.GetAt()),
			Reasons: each(r.GetReasons(), decodeReason), Warnings: each(r.GetWarnings(), decodeReason),
			Obligations: each(r.GetObligations(), decodeObligation),
			Revisions:   each(r.GetRevisions(), d.revision),
		}}
	})
	return out, d.err
}

func (d *decoder) revision(s string) exchange.Revision {
	layer, number, _ := strings.Cut(s, "@")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		d.fail("policy revision")
	}
	return exchange.Revision{Layer: layer, Number: n}
}

func encodeObligation(o exchange.Obligation) string {
	if o.Value == "" {
		return o.Kind
	}
	return o.Kind + "=" + o.Value
}

func decodeObligation(s string) exchange.Obligation {
	kind, value, _ := strings.Cut(s, "=")
	return exchange.Obligation{Kind: kind, Value: value}
}

func encodeReason(r exchange.Reason) *pb.PolicyReason {
	return &pb.PolicyReason{
		Code: r.Code, Layer: r.Layer, Zh: r.Chinese, En: r.English, Clause: r.Clause, Remedy: r.Remedy,
	}
}

func decodeReason(p *pb.PolicyReason) exchange.Reason {
	return exchange.Reason{
		Code: p.GetCode(), Layer: p.GetLayer(), Chinese: p.GetZh(), English: p.GetEn(), Clause: p.GetClause(), Remedy: p.GetRemedy(),
	}
}
