package ledger

import "github.com/yizhan-exchange/yizhan/exchange"

// bootstrap founds the domain: identity, directory, units, policy, persons.
func (t *txn) bootstrap(b *Bootstrap) Result {
	if b.Level == 0 || b.Level > FeatureLevel {
		return refuse(exchange.Invalid, "feature level %d is not known here", b.Level)
	}
	t.self = b.Self
	t.self.Revisions = Revisions{Policy: 1, Directory: 1}
	save(t, TableMeta, keyDomain, t.self)
	t.setLevel(b.Level)
	for _, s := range b.Directory {
		t.keepDirectory(s, "")
	}
	for _, s := range b.Units {
		t.keepUnits(s, "")
	}
	for _, s := range b.Policy {
		t.keepPolicy(s, "")
	}
	for _, p := range b.Persons {
		if res := t.person(p); res.Code != "" {
			return res
		}
	}
	t.note(Event{Kind: EventFounded, Domain: t.self.Domain})
	return Result{}
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
	key := UnitKey(p.Unit, []byte(p.Person))
	if old, ok := load[PersonRow](t, TablePerson, key); ok && old.Token != p.Token {
		t.delete(TableToken, old.Token[:])
	}
	save(t, TablePerson, key, p)
	if !p.Token.IsZero() {
		t.put(TableToken, append([]byte(nil), p.Token[:]...), key)
	}
	t.note(Event{Kind: EventPerson, Unit: p.Unit, Person: p.Person})
	return Result{}
}
