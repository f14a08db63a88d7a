package ledger

import (
	"bytes"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// bootstrap founds the domain: identity, directory, units, policy, persons.
func (t *txn) bootstrap(b *Bootstrap) Result {
	if b.Level == 0 || b.Level > FeatureLevel {
		return refuse(exchange.Invalid, "feature level %d is not known here", b.Level)
	}
	if !b.Self.Domain.Valid() || b.Self.Epoch == [16]byte{} || b.Self.Parent == b.Self.Domain {
		return refuse(exchange.Invalid, "%q cannot be founded: it needs a division code, an epoch, and a superior other than itself", b.Self.Domain)
	}
	t.self = b.Self
	t.self.Revisions = Revisions{Policy: 1, Directory: 1}
	save(t, TableMeta, keyDomain, t.self)
	t.setLevel(b.Level)
	t.put(TableMeta, keyRefs, []byte{1})
	if !t.foundingStatements(b) {
		return refuse(exchange.Invalid, "a founding statement cannot be read, or comes twice")
	}
	for _, p := range b.Persons {
		if res := t.person(p); res.Code != "" {
			return res
		}
	}
	t.note(Event{Kind: EventFounded, Domain: t.self.Domain})
	return Result{}
}

func (t *txn) foundingStatements(b *Bootstrap) bool {
	ok := true
	for _, s := range b.Directory {
		ok = t.keepDirectory(s, "") && ok
	}
	for _, s := range b.Units {
		ok = t.keepUnits(s, "") && ok
	}
	for _, s := range b.Policy {
		ok = t.keepPolicy(s, "") && ok
	}
	return ok
}

// person adds or changes a person and its credential. The three officers'
// duties exclude each other (GB/T 22239, 三员分立).
func (t *txn) person(p PersonRow) Result {
	officers := 0
	for _, d := range p.Duties {
		if d == exchange.SecurityOfficer || d == exchange.Administrator || d == exchange.Auditor {
			officers++
		}
	}
	if officers > 1 {
		return refuse(exchange.Invalid, "one person cannot be more than one of system administrator, security officer and auditor (三员分立)")
	}
	if !p.Unit.Valid() || !p.Person.Valid() || p.Unit.Domain() != t.self.Domain {
		return refuse(exchange.Invalid, "a person belongs to a unit of this domain and has a name of lower-case letters and digits")
	}
	key := UnitKey(p.Unit, []byte(p.Person))
	if owner := t.get(TableToken, p.Token[:]); owner != nil && !bytes.Equal(owner, key) {
		return refuse(exchange.Conflict, "the token belongs to somebody else; make a new one")
	}
	if old, ok := load[PersonRow](t, TablePerson, key); ok && old.Token != p.Token && !old.Token.IsZero() {
		t.delete(TableToken, append([]byte(nil), old.Token[:]...))
	}
	save(t, TablePerson, key, p)
	if !p.Token.IsZero() {
		t.put(TableToken, append([]byte(nil), p.Token[:]...), key)
	}
	t.note(Event{Kind: EventPerson, Unit: p.Unit, Person: p.Person})
	return Result{}
}
