package pipeline

import (
	"context"
	"slices"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/route"
)

const contextReturnNote = "yizhan/note/return/v1"

// Track implements exchange.Service.
func (d *Domain) Track(ctx context.Context, ref string) (exchange.Tracking, error) {
	const op = "pipeline.track"
	caller, err := d.caller(ctx, op)
	if err != nil {
		return exchange.Tracking{}, err
	}
	f, err := d.federation()
	if err != nil {
		return exchange.Tracking{}, err
	}
	ex, err := d.find(ctx, op, caller, ref)
	if err != nil {
		return exchange.Tracking{}, err
	}
	return d.tracking(f, &ex)
}

// Watch implements exchange.Service.
func (d *Domain) Watch(ctx context.Context, ref string, fn func(exchange.Tracking) error) error {
	seen := -1
	for {
		changed := d.Log.Changed()
		t, err := d.Track(ctx, ref)
		if err != nil {
			return err
		}
		if n := receiptCount(t); n != seen {
			seen = n
			if err := fn(t); err != nil {
				return err
			}
		}
		if t.Final {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := rest(ctx, watchEvery); err != nil {
			return err
		}
	}
}

// watchEvery is the least time between two looks of one watch: every watch
// wakes at every change of the ledger, whatever it is about.
const watchEvery = 20 * time.Millisecond

func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func receiptCount(t exchange.Tracking) int {
	n := 0
	for _, v := range t.Deliveries {
		n += len(v.Receipts)
	}
	return n
}

// tracking tells where each delivery is, as known here: all of them at the
// origin, one's own elsewhere.
func (d *Domain) tracking(f *federation, ex *ledger.Stored) (exchange.Tracking, error) {
	t := exchange.Tracking{ID: ex.M.ID, Kind: ex.M.Kind.String(), Final: true, Replica: d.Replica}
	err := d.Log.View(func(r ledger.Reader) error {
		t.AsOf = ledger.TimeOf(r)
		receipts, err := ledger.Receipts(r, ex.M.ID)
		if err != nil {
			return err
		}
		for _, i := range ex.Deliveries {
			del, _, err := ledger.DeliveryOf(r, ex.M.ID, i)
			if err != nil {
				return err
			}
			view := d.deliveryView(f, ex, i, del)
			if view.Receipts, err = d.receiptViews(&ex.M, receipts, i); err != nil {
				return err
			}
			d.delayed(f, &view, &del)
			doubt(&view, &del, ex.M.To[i].Unit.Domain())
			t.Deliveries = append(t.Deliveries, view)
			t.Final = t.Final && del.State.Final()
		}
		return nil
	})
	return t, err
}

func (d *Domain) deliveryView(f *federation, ex *ledger.Stored, i uint16, del ledger.Delivery) exchange.DeliveryView {
	to := ex.M.To[i]
	v := exchange.DeliveryView{To: to.Unit, Role: to.Role.String(), State: del.State.String(), StateZh: del.State.Chinese(), At: del.At, Where: del.Where}
	if info, ok := f.book.Unit(to.Unit); ok {
		v.ToName = info.Name
	}
	switch {
	case del.State.Final():
	case del.Recall:
		v.InDoubt = true
		v.Waiting = []string{"已提出撤回，待对方答复 / withdrawal asked, answer pending"}
	case del.State == exchange.Arrived:
		v.Waiting = []string{"待 " + string(to.Unit) + " 签收 / waiting for " + string(to.Unit) + " to sign"}
	default:
		if next, ok := route.Next(del.Where, to.Unit.Domain(), f.parents); ok {
			v.Waiting = []string{"待 " + string(next) + " 收存 / waiting for " + string(next) + " to take custody"}
		}
	}
	return v
}

// doubt marks what was given up and may have been sent: somebody further on may
// still say how it ended.
func doubt(v *exchange.DeliveryView, del *ledger.Delivery, recipient exchange.Domain) {
	if del.State != exchange.Bounced || del.Where == recipient {
		return
	}
	for _, r := range v.Receipts {
		if r.Domain == del.Where && r.State == v.State && slices.Contains(r.Reasons, ledger.ReasonInDoubt) {
			v.InDoubt = true
			v.Waiting = []string{"可能已经送出，以对方答复为准 / it may have been sent; an answer from further on supersedes"}
		}
	}
}

func (d *Domain) receiptViews(m *exchange.Manifest, receipts []crypto.Signed, i uint16) ([]exchange.ReceiptView, error) {
	out := []exchange.ReceiptView{}
	for _, s := range receipts {
		r, err := ledger.DecodeReceipt(s)
		if err != nil {
			return nil, err
		}
		if !r.Covers(i) {
			continue
		}
		v, err := d.receiptView(s, m)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// receiptView shows a receipt. With the manifest it names the recipients and
// opens a note that was sealed to this domain.
func (d *Domain) receiptView(s crypto.Signed, m *exchange.Manifest) (exchange.ReceiptView, error) {
	r, err := ledger.DecodeReceipt(s)
	if err != nil {
		return exchange.ReceiptView{}, err
	}
	v := exchange.ReceiptView{State: r.State.String(), Domain: r.Domain, Unit: r.Unit, Person: r.Person, At: r.At, Reasons: r.Reasons, Signed: s}
	if m == nil {
		return v, nil
	}
	for _, i := range r.Deliveries {
		if int(i) < len(m.To) {
			v.To = append(v.To, m.To[i].Unit)
		}
	}
	if len(r.Note) > 0 && m.From.Domain() == d.Domain {
		v.Note = d.openNote(m, r.Note)
	}
	return v, nil
}

// openNote tries every key the origin's wrap names: the note was sealed to the
// key of that time.
func (d *Domain) openNote(m *exchange.Manifest, sealed []byte) string {
	for _, w := range m.Wraps {
		if w.Domain != d.Domain {
			continue
		}
		if opener, ok := d.Vault.Opener(w.Key); ok {
			if note, err := seal.OpenNote(d.Provider, opener, contextReturnNote, sealed); err == nil {
				return string(note)
			}
		}
	}
	return ""
}
