package pipeline

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// Sign implements exchange.Service (签收).
func (d *Domain) Sign(ctx context.Context, ref string) (exchange.Outcome, error) {
	return d.act(ctx, "pipeline.sign", ref, exchange.SignedFor, nil, "")
}

// Return implements exchange.Service (退文).
func (d *Domain) Return(ctx context.Context, ref, reason, note string) (exchange.Outcome, error) {
	const op = "pipeline.return"
	var p exchange.Problems
	if code, ok := exchange.FindReason(exchange.ReturnReasons(), reason); !ok {
		p.Add("reason", "return.reason", "a return needs one of the reasons "+reasonList(exchange.ReturnReasons(), false),
			"退文须说明理由："+reasonList(exchange.ReturnReasons(), true), "条例 第二十四条(三)", "choose the check that failed")
	} else {
		reason = code
	}
	if len(note) > 4096 || !utf8.ValidString(note) {
		p.Add("note", "return.note", "the note must be text of at most 4096 bytes", "说明应为不超过 4096 字节的文字", "", "shorten it")
	}
	if err := p.Err(op); err != nil {
		return exchange.Outcome{}, err
	}
	return d.act(ctx, op, ref, exchange.Returned, []string{reason}, note)
}

// act signs what a person of the recipient unit did, and commits it.
func (d *Domain) act(ctx context.Context, op, ref string, state exchange.State, reasons []string, note string) (exchange.Outcome, error) {
	caller, err := d.caller(ctx, op)
	if err != nil {
		return exchange.Outcome{}, err
	}
	f, err := d.federation()
	if err != nil {
		return exchange.Outcome{}, err
	}
	if err := d.Log.Current(ctx); err != nil {
		return exchange.Outcome{}, err
	}
	ex, err := d.find(ctx, op, caller, ref)
	if err != nil {
		return exchange.Outcome{}, err
	}
	res, err := d.propose(ctx, op, func() (ledger.Command, error) {
		r, err := d.actReceipt(op, caller, &ex, state)
		if err != nil {
			return ledger.Command{}, err
		}
		r.Reasons = reasons
		if r.Note, err = d.sealNote(f, ex.M.From.Domain(), note); err != nil {
			return ledger.Command{}, err
		}
		s, err := d.sign(crypto.ContextReceipt, r)
		return ledger.Command{Act: &ledger.Act{Receipt: s}}, err
	})
	if err != nil {
		return exchange.Outcome{}, err
	}
	return d.outcome(ctx, f, &ex, res)
}

// actReceipt states the act over the unit's own delivery as it is now.
func (d *Domain) actReceipt(op string, c exchange.Caller, ex *ledger.Stored, state exchange.State) (exchange.Receipt, error) {
	var mine []uint16
	var del ledger.Delivery
	err := d.Log.View(func(r ledger.Reader) (err error) {
		if mine, err = ledger.InboxDeliveries(r, c.Unit, ex.M.ID); err == nil && len(mine) > 0 {
			del, _, err = ledger.DeliveryOf(r, ex.M.ID, mine[0])
		}
		return err
	})
	if err == nil && len(mine) == 0 {
		err = exchange.Errorf(exchange.Denied, op, "only the recipient unit signs for an exchange or returns it; %s is not one of its recipients here", c.Unit)
	}
	return exchange.Receipt{State: state, Exchange: ex.M.ID, Manifest: ex.Digest, Domain: d.Domain, Deliveries: mine,
		At: d.Clock(), Prev: del.Last, Unit: c.Unit, Person: c.Person}, err
}

// sealNote seals a note to the sender's domain, so that nobody in between
// reads it.
func (d *Domain) sealNote(f *federation, origin exchange.Domain, note string) ([]byte, error) {
	if note == "" {
		return nil, nil
	}
	pub, _, err := f.book.EncryptKey(origin, d.Clock())
	if err != nil {
		return nil, exchange.Errorf(exchange.Unavailable, "pipeline.note", "the encryption key of %s cannot be used: %w", origin, err)
	}
	return seal.SealNote(d.Provider, d.Random, pub, contextReturnNote, []byte(note))
}

// outcome tells what was done. It shows the deliveries after it, also when the
// leader is another replica.
func (d *Domain) outcome(ctx context.Context, f *federation, ex *ledger.Stored, res ledger.Result) (exchange.Outcome, error) {
	_ = d.Log.Current(ctx) // the act is done: a replica that cannot catch up shows what it knows
	t, err := d.tracking(f, ex)
	out := exchange.Outcome{ID: ex.M.ID, State: res.State.String(), Deliveries: t.Deliveries, Replayed: res.Replayed}
	if err != nil || len(res.Receipts) == 0 {
		return out, err
	}
	v, err := d.receiptView(res.Receipts[0], &ex.M)
	out.Receipt = &v
	return out, err
}

// Recall implements exchange.Service (撤回).
func (d *Domain) Recall(ctx context.Context, ref string, to []exchange.Unit, reason string) (exchange.Outcome, error) {
	const op = "pipeline.recall"
	var reasons []string
	if reason != "" {
		code, known := exchange.FindReason(exchange.RecallReasons(), reason)
		if !known {
			var p exchange.Problems
			p.Add("reason", "recall.reason", "a recall gives one of the reasons "+reasonList(exchange.RecallReasons(), false)+", or none",
				"撤回理由应为："+reasonList(exchange.RecallReasons(), true)+"；也可不填", "",
				"choose one; a text would be readable at every station on the way")
			return exchange.Outcome{}, p.Err(op)
		}
		reasons = []string{code}
	}
	return d.notify(ctx, op, ref, exchange.Recall, to, reasons)
}

// Urge implements exchange.Service (催办).
func (d *Domain) Urge(ctx context.Context, ref string, to []exchange.Unit) (exchange.Outcome, error) {
	return d.notify(ctx, "pipeline.urge", ref, exchange.Urge, to, nil)
}

// notify sends a recall or an urge after the deliveries that are not final.
func (d *Domain) notify(ctx context.Context, op, ref string, kind exchange.NoticeKind, to []exchange.Unit, reasons []string) (exchange.Outcome, error) {
	caller, err := d.caller(ctx, op)
	if err != nil {
		return exchange.Outcome{}, err
	}
	f, err := d.federation()
	if err != nil {
		return exchange.Outcome{}, err
	}
	if err := d.Log.Current(ctx); err != nil {
		return exchange.Outcome{}, err
	}
	ex, err := d.find(ctx, op, caller, ref)
	if err != nil {
		return exchange.Outcome{}, err
	}
	if ex.M.From != caller.Unit {
		return exchange.Outcome{}, exchange.Errorf(exchange.Denied, op, "only the unit that sent an exchange recalls or urges it")
	}
	res, err := d.propose(ctx, op, func() (ledger.Command, error) {
		return d.noticeCommand(op, caller, &ex, kind, to, reasons)
	})
	if err != nil {
		return exchange.Outcome{}, err
	}
	out, err := d.outcome(ctx, f, &ex, res)
	out.State = leastAdvanced(exchange.Tracking{Deliveries: out.Deliveries}).String()
	return out, err
}

func (d *Domain) noticeCommand(op string, c exchange.Caller, ex *ledger.Stored, kind exchange.NoticeKind, to []exchange.Unit, reasons []string) (ledger.Command, error) {
	open, err := d.openDeliveries(ex, to)
	if err != nil {
		return ledger.Command{}, err
	}
	if len(open) == 0 {
		return ledger.Command{}, exchange.Errorf(exchange.Conflict, op, "nothing is left to recall or urge: every delivery named is final")
	}
	n := exchange.Notice{Kind: kind, Exchange: ex.M.ID, Manifest: ex.Digest, Deliveries: open, From: c.Unit, Person: c.Person, At: d.Clock(), Reasons: reasons}
	s, err := d.sign(exchange.ContextNotice, n)
	if err != nil {
		return ledger.Command{}, err
	}
	receipts, voids, err := d.recallReceipts(ex, &n)
	return ledger.Command{Notice: &ledger.Notice{Notice: s, Receipts: receipts, Voids: voids}}, err
}

func (d *Domain) openDeliveries(ex *ledger.Stored, to []exchange.Unit) (open []uint16, err error) {
	err = d.Log.View(func(r ledger.Reader) error {
		for _, i := range ex.Deliveries {
			del, _, err := ledger.DeliveryOf(r, ex.M.ID, i)
			if err != nil {
				return err
			}
			named := len(to) == 0 || slices.Contains(to, ex.M.To[i].Unit)
			if named && !del.State.Final() {
				open = append(open, i)
			}
		}
		return nil
	})
	return open, err
}

// recallReceipts states RECALLED for deliveries that may still be withdrawn
// here, or that did not leave yet: one receipt each, because each continues its
// own chain.
func (d *Domain) recallReceipts(ex *ledger.Stored, n *exchange.Notice) (out []crypto.Signed, voids []ledger.Withdrawn, err error) {
	if n.Kind != exchange.Recall {
		return nil, nil, nil
	}
	m, manifest := &ex.M, ex.Digest
	unsent, voids, err := d.withdrawn(ex, n.Deliveries)
	if err != nil {
		return nil, nil, err
	}
	for _, i := range n.Deliveries {
		var del ledger.Delivery
		var found bool
		if err := d.Log.View(func(r ledger.Reader) (err error) {
			del, found, err = ledger.DeliveryOf(r, m.ID, i)
			return err
		}); err != nil {
			return nil, nil, err
		}
		local := m.To[i].Unit.Domain() == d.Domain
		if !found || !unsent[i] && del.State != exchange.Arriving && (!local || del.State != exchange.Arrived) {
			continue
		}
		s, err := d.sign(crypto.ContextReceipt, exchange.Receipt{State: exchange.Recalled, Exchange: m.ID, Manifest: manifest, Domain: d.Domain,
			Deliveries: []uint16{i}, At: d.Clock(), Prev: del.Last, Reasons: n.Reasons})
		if err != nil {
			return nil, nil, err
		}
		out = append(out, s)
	}
	return out, voids, nil
}

// reasonList writes reasons for a message: their codes, or codes with the
// Chinese text.
func reasonList(reasons []exchange.ActReason, chinese bool) string {
	words := make([]string, len(reasons))
	for i, r := range reasons {
		words[i] = r.Code
		if chinese {
			words[i] += " " + r.Chinese
		}
	}
	if chinese {
		return strings.Join(words, "，")
	}
	return strings.Join(words, ", ")
}
