package pipeline

import (
	"context"
	"fmt"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

var _ exchange.Keeper = (*Domain)(nil)

// Held implements exchange.Keeper.
func (d *Domain) Held(ctx context.Context) ([]exchange.HeldMessage, error) {
	if _, err := d.caller(ctx, "pipeline.held"); err != nil {
		return nil, err
	}
	out := []exchange.HeldMessage{}
	err := d.Log.View(func(r ledger.Reader) error {
		rows, err := ledger.Held(r, "")
		for i := range rows {
			out = append(out, heldView(&rows[i]))
		}
		return err
	})
	return out, err
}

// ShowHeld implements exchange.Keeper.
func (d *Domain) ShowHeld(ctx context.Context, number uint64) (exchange.HeldMessage, error) {
	const op = "pipeline.show-held"
	if _, err := d.caller(ctx, op); err != nil {
		return exchange.HeldMessage{}, err
	}
	h, err := d.findHeld(op, number)
	if err != nil {
		return exchange.HeldMessage{}, err
	}
	v := heldView(&h)
	v.Remedy = remedies(&v)
	return v, nil
}

func (d *Domain) findHeld(op string, number uint64) (found ledger.NumberedHeld, err error) {
	err = d.Log.View(func(r ledger.Reader) error {
		rows, err := ledger.Held(r, "")
		for _, h := range rows {
			if uint64(h.Number) == number {
				found = h
				return nil
			}
		}
		if err == nil {
			err = exchange.Errorf(exchange.NotFound, op, "no message %d is held; `yizhan hold list` shows those that are", number)
		}
		return err
	})
	return found, err
}

// ReleaseHeld implements exchange.Keeper.
func (d *Domain) ReleaseHeld(ctx context.Context, number uint64) (exchange.HeldOutcome, error) {
	const op = "pipeline.release-held"
	caller, h, err := d.takeHeld(ctx, op, number)
	if err != nil {
		return exchange.HeldOutcome{}, err
	}
	if len(h.Message) == 0 {
		return exchange.HeldOutcome{}, exchange.Errorf(exchange.Conflict, op, "message %d is kept by its digest only and cannot be processed; return it, and let the sender send it again", number)
	}
	_, err = d.propose(ctx, op, func() (ledger.Command, error) {
		f, err := d.federation()
		if err != nil {
			return ledger.Command{}, err
		}
		row, _, err := d.prepare(ctx, f, h.Peer, delivery.Row{Class: h.Class, Sequence: h.Sequence, Message: h.Message})
		if err == nil && row.Quarantine != "" {
			err = exchange.Errorf(exchange.Conflict, op, "it still cannot be processed and stays held: %s", row.Quarantine)
		}
		return ledger.Command{Revisions: f.revisions, Release: &ledger.Release{Number: h.Number, Peer: h.Peer, Row: row, Unit: caller.Unit, Person: caller.Person}}, err
	})
	if err != nil {
		return exchange.HeldOutcome{}, err
	}
	_ = d.Log.Current(ctx) // it is done: a replica that cannot catch up shows what it knows
	out := exchange.HeldOutcome{Number: number, Done: "released", Message: "it was processed, as if it came now", Chinese: "已重新处理"}
	return d.became(&h, out), nil
}

// ReturnHeld implements exchange.Keeper.
func (d *Domain) ReturnHeld(ctx context.Context, number uint64, reason string) (exchange.HeldOutcome, error) {
	const op = "pipeline.return-held"
	code, ok := exchange.FindReason(exchange.HoldReasons(), reason)
	if !ok {
		var p exchange.Problems
		p.Add("reason", "hold.reason", "a held message is returned for one of the reasons "+reasonList(exchange.HoldReasons(), false),
			"退回须说明理由："+reasonList(exchange.HoldReasons(), true), "", "choose the one that fits best")
		return exchange.HeldOutcome{}, p.Err(op)
	}
	caller, h, err := d.takeHeld(ctx, op, number)
	if err != nil {
		return exchange.HeldOutcome{}, err
	}
	out := exchange.HeldOutcome{Number: number, Done: "dropped", Message: "it was dropped; nothing was sent to anybody", Chinese: "已丢弃，未向任何一方发送答复"}
	told := func() {
		out.Done, out.Message, out.Chinese = "returned", "a signed refusal is on its way to the origin", "已签发拒收回执，发往来文一方"
	}
	_, err = d.propose(ctx, op, func() (ledger.Command, error) {
		refusal, whole, err := d.refusal(&h, code)
		if err != nil {
			return ledger.Command{}, err
		}
		if refusal != nil {
			told()
		}
		if !whole {
			return ledger.Command{Dismiss: &ledger.Dismiss{Number: h.Number, Peer: h.Peer, Unit: caller.Unit, Person: caller.Person, Refusal: refusal}}, nil
		}
		return ledger.Command{Release: &ledger.Release{Number: h.Number, Peer: h.Peer, Returned: true, Unit: caller.Unit, Person: caller.Person,
			Row: ledger.ReceivedRow{Class: h.Class, Sequence: h.Sequence, Message: h.Message, Receipts: []crypto.Signed{*refusal}}}}, nil
	})
	if err != nil {
		return exchange.HeldOutcome{}, err
	}
	_ = d.Log.Current(ctx)
	return d.became(&h, out), nil
}

func (d *Domain) takeHeld(ctx context.Context, op string, number uint64) (exchange.Caller, ledger.NumberedHeld, error) {
	caller, err := d.caller(ctx, op)
	if err != nil {
		return caller, ledger.NumberedHeld{}, err
	}
	if !caller.Has(exchange.Administrator) {
		return caller, ledger.NumberedHeld{}, exchange.Errorf(exchange.Denied, op, "releasing and returning what is held is for the system administrator (系统管理员)")
	}
	if err := d.Log.Current(ctx); err != nil {
		return caller, ledger.NumberedHeld{}, err
	}
	h, err := d.findHeld(op, number)
	return caller, h, err
}

// refusal signs REFUSED for an envelope that its origin did send. One that is
// whole is then stored as refused, as if policy had said so; one that came
// damaged is only answered. What nobody can be shown to have sent (forged, or a
// repetition) is answered by nobody's signature: nil.
func (d *Domain) refusal(h *ledger.NumberedHeld, code string) (s *crypto.Signed, whole bool, err error) {
	msg, err := exchange.Decode[exchange.Message](h.Message)
	if err != nil || msg.Envelope == nil {
		return nil, false, nil //nolint:nilerr // not an envelope
	}
	f, err := d.federation()
	if err != nil {
		return nil, false, err
	}
	e := msg.Envelope
	m, road, err := d.verifyManifest(f, h.Peer, e)
	if err != nil {
		return nil, false, nil //nolint:nilerr // there is nobody to answer
	}
	if _, err := d.stored(m.ID); exchange.CodeOf(err) != exchange.NotFound {
		return nil, false, err
	}
	r := exchange.Receipt{State: exchange.Refused, Exchange: m.ID, Manifest: d.digest(e.Manifest), Domain: d.Domain,
		Deliveries: e.Deliveries, At: d.Clock(), Reasons: []string{"hold." + code}}
	if len(e.Custody) > 0 {
		r.Prev = d.digest(e.Custody[len(e.Custody)-1])
	}
	signed, err := d.sign(crypto.ContextReceipt, r)
	return &signed, d.verifyCustody(f, &m, e, road) == nil && d.verifyInline(&m, e.Inline) == nil, err
}

// became adds what is known of the exchange now.
func (d *Domain) became(h *ledger.NumberedHeld, out exchange.HeldOutcome) exchange.HeldOutcome {
	id, err := exchange.ParseID(heldView(h).Exchange)
	if err != nil {
		return out
	}
	ex, err := d.stored(id)
	if err != nil {
		return out
	}
	f, err := d.federation()
	if err != nil {
		return out
	}
	out.Exchange = id.String()
	if t, err := d.tracking(f, &ex); err == nil && len(t.Deliveries) > 0 {
		out.State = leastAdvanced(t).String()
	}
	return out
}

// heldView tells about a message what it says of itself, without content.
func heldView(h *ledger.NumberedHeld) exchange.HeldMessage {
	v := exchange.HeldMessage{Number: uint64(h.Number), Peer: h.Peer, Kind: "unreadable", Reason: h.Reason, At: h.At,
		Class: h.Class.String(), Sequence: h.Sequence, Tries: h.Tries, Size: len(h.Message), Digest: h.Digest.String()}
	msg, err := exchange.Decode[exchange.Message](h.Message)
	if err != nil || !msg.Valid() {
		return v
	}
	switch {
	case msg.Envelope != nil:
		v.Kind = "envelope"
		if m, err := ledger.DecodeManifest(msg.Envelope.Manifest); err == nil {
			v.Exchange, v.From, v.By = m.ID.String(), m.From, m.From.Domain()
			for _, i := range msg.Envelope.Deliveries {
				if int(i) < len(m.To) {
					v.To = append(v.To, m.To[i].Unit)
				}
			}
		}
	case msg.Receipt != nil:
		v.Kind = "receipt"
		if r, err := ledger.DecodeReceipt(*msg.Receipt); err == nil {
			v.Exchange, v.By, v.Says = r.Exchange.String(), r.Domain, r.State.String()
		}
	case msg.Notice != nil:
		v.Kind = "notice"
		if n, err := ledger.DecodeNotice(*msg.Notice); err == nil {
			v.Exchange, v.From, v.By, v.Says = n.Exchange.String(), n.From, n.From.Domain(), noticeWord(n.Kind)
		}
	default:
		heldStatement(&v, &msg)
	}
	return v
}

func noticeWord(k exchange.NoticeKind) string {
	if k == exchange.Recall {
		return "recall"
	}
	return "urge"
}

func heldStatement(v *exchange.HeldMessage, msg *exchange.Message) {
	switch {
	case msg.Directory != nil:
		v.Kind = "directory"
		if s, ok := ledger.StatementOf[exchange.Directory](*msg.Directory, crypto.ContextDirectory); ok {
			v.By, v.Says = s.Issuer, fmt.Sprintf("number %d", s.Number)
		}
	case msg.Units != nil:
		v.Kind = "units"
		if s, ok := ledger.StatementOf[exchange.Units](*msg.Units, crypto.ContextUnits); ok {
			v.By, v.Says = s.Domain, fmt.Sprintf("number %d", s.Number)
		}
	case msg.Policy != nil:
		v.Kind = "policy"
		if s, ok := ledger.StatementOf[exchange.PolicyBundle](*msg.Policy, crypto.ContextPolicy); ok {
			v.By, v.Says = s.Issuer, fmt.Sprintf("number %d", s.Number)
		}
	case msg.Void != nil:
		v.Kind = "void"
	case msg.Back != nil:
		v.Kind = "back"
	}
}

// remedies say what an officer can do about a held message.
func remedies(v *exchange.HeldMessage) []string {
	switch {
	case v.Size == 0:
		return []string{"it is kept by its digest only: return it, and let the sender send it again"}
	case v.Kind == "envelope" && v.Tries > 0:
		return []string{"policy could not judge it: look at `yizhan policy explain` and the log, mend the rule, then release it",
			"or return it: its sender gets a signed refusal"}
	case v.Kind == "envelope":
		return []string{"it did not verify when it came: if a key or a statement was missing then and is here now, release it",
			"otherwise return it; an envelope that its origin did sign is answered by a signed refusal"}
	case v.Kind == "directory", v.Kind == "units", v.Kind == "policy":
		return []string{"ask its issuer; a newer statement makes this one needless, and then it can be returned"}
	}
	return []string{"what it refers to may be here by now: release it", "otherwise return it, and tell " + string(v.Peer)}
}
