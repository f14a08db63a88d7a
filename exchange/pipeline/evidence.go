package pipeline

import (
	"context"
	"io"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/audit"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// ExportEvidence implements exchange.Service. Disclosing the key opens the
// content to whoever holds the file, so it is decided and recorded as an
// opening.
func (d *Domain) ExportEvidence(ctx context.Context, ref, content string, w io.Writer) error {
	const op = "pipeline.evidence"
	mode, ok := audit.ParseContent(content)
	if !ok {
		var p exchange.Problems
		p.Add("content", "evidence.content", "content must be sealed, none or disclosed", "content 应为 sealed（密文）、none（不含）或 disclosed（附密钥）", "", "leave it out for sealed")
		return p.Err(op)
	}
	caller, err := d.caller(ctx, op)
	if err != nil {
		return err
	}
	f, err := d.federation()
	if err != nil {
		return err
	}
	ex, err := d.find(ctx, op, caller, ref)
	if err != nil {
		return err
	}
	e := audit.Evidence{Manifest: ex.Manifest, Content: mode, Provider: d.Provider, Chunk: d.chunks(ctx, &ex.M)}
	if err := d.Log.View(func(r ledger.Reader) (err error) { e.Receipts, err = ledger.Receipts(r, ex.M.ID); return err }); err != nil {
		return err
	}
	if e.Directory, err = audit.Proofs(f.book, e.Manifest, e.Receipts); err != nil {
		return err
	}
	if mode == audit.Disclosed {
		o := &opened{f: f, caller: caller, ex: ex}
		if err := d.permitOpen(ctx, op, o); err != nil {
			return err
		}
		key, err := d.unwrap(&ex.M)
		if err != nil {
			return err
		}
		e.Key = &key
	}
	return audit.Export(w, e)
}
