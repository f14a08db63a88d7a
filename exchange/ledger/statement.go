package ledger

import (
	"encoding/binary"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// statement keeps a directory, units or policy statement of this domain and
// tells the neighbours.
func (t *txn) statement(s *Statement) Result {
	kept := false
	switch {
	case s.Directory != nil:
		kept = t.keepDirectory(*s.Directory, "")
	case s.Units != nil:
		kept = t.keepUnits(*s.Units, "")
	case s.Policy != nil:
		kept = t.keepPolicy(*s.Policy, "")
	}
	if !kept {
		return refuse(exchange.Conflict, "another statement was published meanwhile; look at it and publish again")
	}
	return Result{}
}

// keepDirectory stores a newer statement, replaces what it says of the
// issuer's children, and floods it. Older ones are ignored; the same number
// with other bytes is an alarm.
func (t *txn) keepDirectory(s crypto.Signed, from exchange.Domain) bool {
	d, err := decodeStatement[exchange.Directory](s, crypto.ContextDirectory)
	if err != nil || !t.newer(TableDirectory, d.Issuer, d.Number, s) {
		return false
	}
	listed := map[exchange.Domain]bool{}
	for _, c := range d.Children {
		if c.Parent == d.Issuer || c.Domain == d.Issuer {
			listed[c.Domain] = true
			t.saveDomain(c)
			t.answered(&c)
		}
	}
	t.dropChildren(d.Issuer, listed)
	for _, r := range d.Revoked {
		save(t, TableRevoked, append([]byte(nil), r.Key[:]...), r)
	}
	t.self.Revisions.Directory++
	save(t, TableMeta, keyDomain, t.self)
	t.flood(TableDirectory, d.Issuer, d.Number, from, false, exchange.Message{Directory: &s})
	t.note(Event{Kind: EventDirectory, Domain: d.Issuer, Digest: t.sum(s.Bytes)})
	return true
}

func (t *txn) dropChildren(issuer exchange.Domain, listed map[exchange.Domain]bool) {
	t.scan(TableParent, nil, func(k, parent []byte) {
		if d := exchange.Domain(k); exchange.Domain(parent) == issuer && !listed[d] {
			t.dropDomain(d)
		}
	})
}

// keepUnits stores a newer statement of a domain's units and floods it.
func (t *txn) keepUnits(s crypto.Signed, from exchange.Domain) bool {
	u, err := decodeStatement[exchange.Units](s, crypto.ContextUnits)
	if err != nil || !t.newer(TableUnits, u.Domain, u.Number, s) {
		return false
	}
	listed := map[exchange.Unit]bool{}
	for _, info := range u.Units {
		if info.Unit.Domain() == u.Domain {
			listed[info.Unit] = true
			save(t, TableUnit, unitKey(info.Unit), info)
		}
	}
	prefix := pair(string(u.Domain), nil)
	t.scan(TableUnit, prefix, func(k, _ []byte) {
		if !listed[exchange.Unit(string(k[len(prefix):])+"@"+string(u.Domain))] {
			t.delete(TableUnit, k)
		}
	})
	t.self.Revisions.Directory++
	save(t, TableMeta, keyDomain, t.self)
	t.flood(TableUnits, u.Domain, u.Number, from, false, exchange.Message{Units: &s})
	t.note(Event{Kind: EventUnits, Domain: u.Domain, Digest: t.sum(s.Bytes)})
	return true
}

// unitKey orders units by domain: domain ‖ 0 ‖ local name.
func unitKey(u exchange.Unit) []byte { return pair(string(u.Domain()), []byte(u.Local())) }

// keepPolicy stores a newer bundle and passes it down, or on towards its issuer
// when it comes from below. It reports whether the bundle was newer.
func (t *txn) keepPolicy(s crypto.Signed, from exchange.Domain) bool {
	b, err := decodeStatement[exchange.PolicyBundle](s, crypto.ContextPolicy)
	if err != nil || !t.newer(TablePolicy, b.Issuer, b.Number, s) {
		return false
	}
	t.self.Revisions.Policy++
	save(t, TableMeta, keyDomain, t.self)
	forgotten := t.level() >= 2 && from != "" && from != t.self.Parent && b.Issuer != t.self.Domain // whoever is above may have forgotten it as well
	t.flood(TablePolicy, b.Issuer, b.Number, from, !forgotten, exchange.Message{Policy: &s})
	t.note(Event{Kind: EventPolicy, Domain: b.Issuer, Person: b.Author, Digest: t.sum(s.Bytes)})
	return true
}

// newer stores s as the latest of its issuer when its number is higher.
func (t *txn) newer(table Table, issuer exchange.Domain, number uint64, s crypto.Signed) bool {
	if old, ok := load[crypto.Signed](t, table, []byte(issuer)); ok {
		had, _ := statementNumber(table, old)
		if had == number && t.sum(old.Bytes) != t.sum(s.Bytes) {
			t.note(Event{Kind: EventEquivocation, Domain: issuer, Digest: t.sum(s.Bytes)})
		}
		if had >= number {
			return false
		}
	}
	save(t, table, []byte(issuer), s)
	history := binary.BigEndian.AppendUint64(pair(string(issuer), []byte{byte(table)}), number)
	save(t, TableHistory, history, s)
	return true
}

// flood queues a statement for every neighbour but the one it came from.
func (t *txn) flood(table Table, issuer exchange.Domain, number uint64, from exchange.Domain, downOnly bool, m exchange.Message) {
	for _, peer := range t.neighbours(downOnly) {
		if peer != from && t.told(peer, table, issuer) < number {
			t.markTold(peer, table, issuer, number)
			t.assign(peer, exchange.ClassControl, QueueRow{Message: exchange.Encode(m)})
		}
	}
}

func toldKey(peer exchange.Domain, table Table, issuer exchange.Domain) []byte {
	return pair(string(peer), append([]byte{byte(table)}, issuer...))
}

func (t *txn) told(peer exchange.Domain, table Table, issuer exchange.Domain) uint64 {
	raw := t.get(TableTold, toldKey(peer, table, issuer))
	if len(raw) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(raw)
}

func (t *txn) markTold(peer exchange.Domain, table Table, issuer exchange.Domain, number uint64) {
	t.put(TableTold, toldKey(peer, table, issuer), binary.BigEndian.AppendUint64(nil, number))
}

func decodeStatement[T any](s crypto.Signed, context string) (T, error) {
	body, ok := s.Body(context)
	if !ok {
		var zero T
		return zero, exchange.Errorf(exchange.Corrupt, "ledger", "not a statement of %s", context)
	}
	return exchange.Decode[T](body)
}

// statementNumber reads the number of a statement stored in a table.
func statementNumber(table Table, s crypto.Signed) (uint64, bool) {
	switch table {
	case TableDirectory:
		d, err := decodeStatement[exchange.Directory](s, crypto.ContextDirectory)
		return d.Number, err == nil
	case TableUnits:
		u, err := decodeStatement[exchange.Units](s, crypto.ContextUnits)
		return u.Number, err == nil
	}
	b, err := decodeStatement[exchange.PolicyBundle](s, crypto.ContextPolicy)
	return b.Number, err == nil
}
