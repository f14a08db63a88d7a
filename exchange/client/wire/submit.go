package wire

import (
	"github.com/yizhan-exchange/yizhan/exchange"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// EncodeCapabilities converts for sending.
func EncodeCapabilities(c exchange.Capabilities) *pb.CapabilitiesResponse {
	return &pb.CapabilitiesResponse{
		Domain: string(c.Domain), MaxContentBytes: c.MaxContent,
		MaxFiles: small(c.MaxFiles), MaxRecipients: small(c.MaxRecipients), MaxFieldsBytes: small(c.MaxFields),
		DocumentTypes: c.DocumentTypes, CaseTypes: c.CaseTypes, Provider: c.Provider, Version: c.Version,
	}
}

// DecodeCapabilities is the inverse of EncodeCapabilities.
func DecodeCapabilities(p *pb.CapabilitiesResponse) exchange.Capabilities {
	return exchange.Capabilities{
		Domain: exchange.Domain(p.GetDomain()), MaxContent: p.GetMaxContentBytes(),
		MaxFiles: int(p.GetMaxFiles()), MaxRecipients: int(p.GetMaxRecipients()), MaxFields: int(p.GetMaxFieldsBytes()),
		DocumentTypes: p.GetDocumentTypes(), CaseTypes: p.GetCaseTypes(), Provider: p.GetProvider(), Version: p.GetVersion(),
	}
}

// EncodeSubmission converts for sending.
func EncodeSubmission(s exchange.Submission) *pb.SubmitHeader {
	return &pb.SubmitHeader{
		IdempotencyKey: s.Key, Kind: s.Kind, To: s.To, Cc: s.Cc, Type: s.Type, Number: s.Number,
		Title: s.Title, Signer: s.Signer, Date: s.Date, Urgency: s.Urgency, Secrecy: s.Secrecy,
		Copies: s.Copies, Disclosure: s.Disclosure, DisclosureReason: s.DisclosureReason,
		Share: s.Share, ShareBasis: s.ShareBasis, Fields: s.Fields, CaseNo: s.CaseNo,
		Remarks: s.Remarks, Files: each(s.Files, EncodeFile), ExpiresInSeconds: s.ExpiresIn,
	}
}

// DecodeSubmission is the inverse of EncodeSubmission. Checking what it says
// is the business of the pipeline.
func DecodeSubmission(h *pb.SubmitHeader) exchange.Submission {
	return exchange.Submission{
		Key: h.GetIdempotencyKey(), Kind: h.GetKind(), To: h.GetTo(), Cc: h.GetCc(), Type: h.GetType(), Number: h.GetNumber(),
		Title: h.GetTitle(), Signer: h.GetSigner(), Date: h.GetDate(), Urgency: h.GetUrgency(), Secrecy: h.GetSecrecy(),
		Copies: h.GetCopies(), Disclosure: h.GetDisclosure(), DisclosureReason: h.GetDisclosureReason(),
		Share: h.GetShare(), ShareBasis: h.GetShareBasis(), Fields: h.GetFields(), CaseNo: h.GetCaseNo(),
		Remarks: h.GetRemarks(), Files: each(h.GetFiles(), DecodeFile), ExpiresIn: h.GetExpiresInSeconds(),
	}
}

// EncodeFile converts for sending.
func EncodeFile(f exchange.File) *pb.FileHeader {
	return &pb.FileHeader{Name: f.Name, Size: f.Size, Main: f.Main}
}

// DecodeFile is the inverse of EncodeFile.
func DecodeFile(p *pb.FileHeader) exchange.File {
	return exchange.File{Name: p.GetName(), Size: p.GetSize(), Main: p.GetMain()}
}

// EncodeSubmitted converts for sending.
func EncodeSubmitted(s exchange.Submitted) *pb.SubmitResponse {
	return &pb.SubmitResponse{
		Id: encodeID(s.ID), State: s.State, Receipt: encodeReceipt(s.Receipt), Replayed: s.Replayed, Warnings: s.Warnings,
	}
}

// DecodeSubmitted is the inverse of EncodeSubmitted.
func DecodeSubmitted(p *pb.SubmitResponse) (exchange.Submitted, error) {
	var d decoder
	s := exchange.Submitted{
		ID: d.id(p.GetId()), State: p.GetState(), Receipt: d.receipt(p.GetReceipt()),
		Replayed: p.GetReplayed(), Warnings: p.GetWarnings(),
	}
	return s, d.err
}
