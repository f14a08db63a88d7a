package pipeline

import (
	"context"
	"io"

	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// Show implements exchange.Service: opening is decided and logged.
func (d *Domain) Show(ctx context.Context, ref string) (exchange.Details, error) {
	const op = "pipeline.show"
	o, err := d.opened(ctx, op, ref)
	if err != nil {
		return exchange.Details{}, err
	}
	tracking, err := d.tracking(o.f, &o.ex)
	if err != nil {
		return exchange.Details{}, err
	}
	m, h := &o.ex.M, o.header
	out := exchange.Details{Signer: h.Signer, Date: h.Date, Copies: h.Copies, Secrecy: secrecy(m), Disclosure: m.Disclosure.String(),
		Share: m.Share.String(), Fields: h.Fields, CaseNo: h.CaseNo, Remarks: h.Remarks, FileList: h.Files, Deliveries: tracking.Deliveries}
	row := listed{ex: o.ex, at: o.ex.At, state: leastAdvanced(tracking)}
	out.Summary = d.summary(ctx, o.f, o.caller, &row)
	out.Title, out.Number = h.Title, h.Number
	return out, nil
}

func leastAdvanced(t exchange.Tracking) exchange.State {
	least := exchange.Expired
	for _, v := range t.Deliveries {
		if s, ok := exchange.ParseState(v.State); ok {
			least = min(least, s)
		}
	}
	return least
}

func secrecy(m *exchange.Manifest) string {
	if m.WorkSecret {
		return "工作秘密"
	}
	return m.Secrecy.String()
}

// opened is an exchange whose opening was permitted and recorded.
type opened struct {
	f      *federation
	caller exchange.Caller
	ex     ledger.Stored
	key    seal.Key
	header exchange.Header
}

func (d *Domain) opened(ctx context.Context, op, ref string) (*opened, error) {
	caller, err := d.caller(ctx, op)
	if err != nil {
		return nil, err
	}
	f, err := d.federation()
	if err != nil {
		return nil, err
	}
	o := &opened{f: f, caller: caller}
	if o.ex, err = d.find(ctx, op, caller, ref); err != nil {
		return nil, err
	}
	if err := d.permitOpen(ctx, op, o); err != nil {
		return nil, err
	}
	if o.key, err = d.unwrap(&o.ex.M); err != nil {
		return nil, err
	}
	o.header, err = d.header(ctx, &o.ex.M, o.key)
	return o, err
}

// permitOpen decides at open and records the decision, either way.
func (d *Domain) permitOpen(ctx context.Context, op string, o *opened) error {
	decision, err := d.mayOpen(ctx, o.f, o.caller, &o.ex.M)
	if err != nil {
		return err
	}
	j := ledger.Judge{Exchange: o.ex.M.ID, Unit: o.caller.Unit, Person: o.caller.Person, Decision: decision}
	if !decision.Allow {
		return d.deny(ctx, op, o.f, j)
	}
	_, err = d.propose(ctx, op, func() (ledger.Command, error) { return ledger.Command{Judge: &j}, nil })
	return err
}

// Fetch implements exchange.Service.
func (d *Domain) Fetch(ctx context.Context, ref string, files []int, create func(int, exchange.File) (io.Writer, error)) error {
	const op = "pipeline.fetch"
	o, err := d.opened(ctx, op, ref)
	if err != nil {
		return err
	}
	if files == nil {
		for i := range o.header.Files {
			files = append(files, i)
		}
	}
	var p exchange.Problems
	for n, i := range files {
		if i < 0 || i >= len(o.header.Files) {
			p.Add(field("files", n), "fetch.file", "no such file", "没有这个文件", "", "yizhan show lists the files, counted from 0")
		}
	}
	if err := p.Err(op); err != nil {
		return err
	}
	for _, i := range files {
		w, err := create(i, o.header.Files[i])
		if err != nil {
			return err
		}
		if err := d.openPart(ctx, &o.ex.M, o.key, i+1, w); err != nil {
			return err
		}
	}
	return nil
}
