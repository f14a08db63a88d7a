package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

var _ exchange.Admitter = (*Domain)(nil)

// Asked implements exchange.Admitter.
func (d *Domain) Asked(ctx context.Context) ([]exchange.AskedIncarnation, error) {
	if _, err := d.caller(ctx, "pipeline.asked"); err != nil {
		return nil, err
	}
	if err := d.Log.Current(ctx); err != nil {
		return nil, err
	}
	f, err := d.federation()
	if err != nil {
		return nil, err
	}
	out := []exchange.AskedIncarnation{}
	err = d.Log.View(func(r ledger.Reader) error {
		if own, ok, err := d.ownRequest(r); err != nil || ok {
			out = append(out, own)
			if err != nil {
				return err
			}
		}
		rows, err := ledger.AskedOf(r)
		for _, row := range rows {
			info, _ := f.book.Domain(row.Peer)
			by := info.Parent
			if by == "" {
				by = row.Peer
			}
			out = append(out, exchange.AskedIncarnation{Domain: row.Peer, Name: info.Name, Stated: max(info.Incarnation, 1), Incarnation: row.Incarnation,
				Reason: row.Reason, Since: row.Since, At: row.At, By: by})
		}
		return err
	})
	return out, err
}

// ownRequest is of this domain itself, when its incarnation is not stated yet.
func (d *Domain) ownRequest(r ledger.Reader) (a exchange.AskedIncarnation, open bool, err error) {
	self, _, err := ledger.SelfOf(r)
	if err != nil {
		return a, false, err
	}
	life, _, err := ledger.LifeOf(r)
	if err != nil {
		return a, false, err
	}
	info, _, err := ledger.DomainOf(r, d.Domain)
	by := self.Parent
	if by == "" {
		by = d.Domain
	}
	return exchange.AskedIncarnation{Domain: d.Domain, Name: info.Name, Stated: max(info.Incarnation, 1), Incarnation: self.Incarnation,
		Reason: life.Reason, Since: life.Since, At: life.At, By: by}, self.Incarnation > max(info.Incarnation, 1), err
}

// Admit implements exchange.Admitter.
func (d *Domain) Admit(ctx context.Context, child exchange.Domain, incarnation uint64) (exchange.Admission, error) {
	const op = "pipeline.admit"
	caller, err := d.caller(ctx, op)
	if err != nil {
		return exchange.Admission{}, err
	}
	if !caller.Has(exchange.Administrator) {
		return exchange.Admission{}, exchange.Errorf(exchange.Denied, op, "admitting a domain is for the system administrator (系统管理员) of its superior")
	}
	if err := d.Log.Current(ctx); err != nil {
		return exchange.Admission{}, err
	}
	out := exchange.Admission{Domain: child, Incarnation: incarnation}
	_, err = d.propose(ctx, op, func() (ledger.Command, error) {
		s, number, err := d.admission(op, child, incarnation)
		out.Number = number
		return ledger.Command{Statement: &ledger.Statement{Directory: &s}}, err
	})
	return out, err
}

// admission signs the next directory statement, which is the one in force but
// for the incarnation of one child.
func (d *Domain) admission(op string, child exchange.Domain, incarnation uint64) (s crypto.Signed, number uint64, err error) {
	f, err := d.federation()
	if err != nil {
		return s, 0, err
	}
	info, known := f.book.Domain(child)
	if mine := child == d.Domain && f.self.Parent == ""; !known || info.Parent != d.Domain && !mine {
		return s, 0, exchange.Errorf(exchange.Denied, op, "%s is not a domain that %s states; its own superior admits it", child, d.Domain)
	}
	if incarnation <= info.Incarnation {
		return s, 0, exchange.Errorf(exchange.Conflict, op, "the directory states incarnation %d of %s already; a lower one is an earlier life", info.Incarnation, child)
	}
	next, err := d.nextDirectory(f, op, child, incarnation)
	if err != nil {
		return s, 0, err
	}
	s, err = d.sign(crypto.ContextDirectory, next)
	if err == nil {
		_, err = f.book.With(s, d.Clock()) // what others would refuse is not published
	}
	return s, next.Number, err
}

func (d *Domain) nextDirectory(f *federation, op string, child exchange.Domain, incarnation uint64) (next exchange.Directory, err error) {
	latest, ok := f.book.Latest(d.Domain)
	body, _ := latest.Body(crypto.ContextDirectory)
	if next, err = exchange.Decode[exchange.Directory](body); err != nil || !ok {
		return next, exchange.Errorf(exchange.Unavailable, op, "the directory statement of %s is not here", d.Domain)
	}
	err = d.Log.View(func(r ledger.Reader) error {
		self, _, err := ledger.SelfOf(r)
		if err != nil {
			return err
		}
		if child == d.Domain && incarnation != self.Incarnation {
			return exchange.Errorf(exchange.Conflict, op, "%s is in incarnation %d, not %d", child, self.Incarnation, incarnation)
		}
		asked, ok, err := ledger.Get[ledger.AskedRow](r, ledger.TableAsked, []byte(child))
		if ok && asked.Incarnation != incarnation {
			return exchange.Errorf(exchange.Conflict, op, "%s asks for incarnation %d, not %d; see yizhan domain pending", child, asked.Incarnation, incarnation)
		}
		next.Number, next.Prev = ledger.NextNumber(next.Number, self.Incarnation), d.digest(latest)
		return err
	})
	at := slices.IndexFunc(next.Children, func(c exchange.DomainInfo) bool { return c.Domain == child })
	if err == nil && at < 0 {
		err = exchange.Errorf(exchange.Denied, op, "%s is not listed by %s", child, d.Domain)
	}
	if err != nil {
		return next, err
	}
	next.NotBefore = d.Clock()
	if next.NotAfter < next.NotBefore {
		return next, exchange.Errorf(exchange.Conflict, op, "the directory statement %d of %s ended at %s; state its children anew first", next.Number-1, d.Domain, fmt.Sprint(next.NotAfter.Std()))
	}
	next.Children[at].Incarnation = incarnation
	return next, nil
}
