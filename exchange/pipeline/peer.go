package pipeline

import (
	"context"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// AllowPeer judges the other end of a link by the directory, at every
// handshake and again while the link is open: a neighbour, not suspended, with
// the signing key stated for it now.
func (d *Domain) AllowPeer(peer exchange.Domain, key crypto.KeyID) error {
	const op = "pipeline.allow-peer"
	f, err := d.federation()
	if err != nil {
		return err
	}
	info, known := f.book.Domain(peer)
	if !known || info.Suspended {
		return exchange.Errorf(exchange.Denied, op, "%s is not in the directory, or suspended", peer)
	}
	if info.Parent != d.Domain && f.self.Parent != peer {
		return exchange.Errorf(exchange.Denied, op, "%s is not a neighbour of %s", peer, d.Domain)
	}
	if _, err := f.book.Key(peer, key, d.Clock()); err != nil {
		return exchange.Errorf(exchange.Denied, op, "the key that %s shows is not one stated for it: %w", peer, err)
	}
	return nil
}

// Caller returns whom a token's digest belongs to. Suspended persons and units
// are not found. A token that is not known here is looked for once more after
// everything committed has been applied. Before the domain is founded nobody
// can be told apart, and the code is Unavailable.
func (d *Domain) Caller(ctx context.Context, token crypto.Digest) (exchange.Caller, bool, error) {
	c, found, err := d.callerHere(token)
	if err != nil || found {
		return c, found, err
	}
	if err := d.Log.Current(ctx); err != nil {
		return c, false, err
	}
	return d.callerHere(token)
}

func (d *Domain) callerHere(token crypto.Digest) (c exchange.Caller, found bool, err error) {
	err = d.Log.View(func(r ledger.Reader) error {
		if _, founded, err := ledger.SelfOf(r); err != nil || !founded {
			return exchange.Errorf(exchange.Unavailable, "pipeline.caller", "the domain %s is not founded yet", d.Domain)
		}
		p, ok, err := ledger.PersonByToken(r, token)
		if err != nil || !ok || p.Suspended {
			return err
		}
		unit, known, err := ledger.UnitOf(r, p.Unit)
		if err != nil || !known || unit.Suspended {
			return err
		}
		c, found = exchange.Caller{Unit: p.Unit, Person: p.Person, Duties: p.Duties}, true
		return nil
	})
	return c, found, err
}
