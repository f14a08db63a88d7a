package directory

import (
	"slices"
	"strings"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// unitStatement is the latest statement of a domain's units.
type unitStatement struct {
	exchange.Units
	signed crypto.Signed
	digest crypto.Digest
}

// WithUnits adds a domain's statement of its own units, under the same rules
// for numbers as With.
func (b *Book) WithUnits(s crypto.Signed, at exchange.Time) (*Book, error) {
	u, err := b.readUnits(s)
	if err != nil {
		return nil, err
	}
	held := b.unitChains[u.Domain]
	if held != nil && held.digest == u.digest {
		return b, nil
	}
	if at > u.NotAfter {
		return nil, fail(ErrExpired, "units %d of %s ended at %s; ask %s for its current ones", u.Number, u.Domain, clock(u.NotAfter), u.Domain)
	}
	if _, err := b.Verify(u.Domain, crypto.ContextUnits, s, at); err != nil {
		return nil, err
	}
	if err := u.follows(held); err != nil {
		return nil, err
	}
	out := *b
	out.unitChains = copyOf(b.unitChains)
	out.unitChains[u.Domain] = u
	out.index()
	return &out, nil
}

func (b *Book) readUnits(s crypto.Signed) (*unitStatement, error) {
	body, err := bodyOf(s, crypto.ContextUnits)
	if err != nil {
		return nil, err
	}
	v, ok := decode[exchange.Units](body)
	if !ok {
		return nil, fail(ErrMalformed, "the statement of units cannot be read; ask its domain to send it again")
	}
	if !v.Domain.Valid() || !numbered(v.Number, v.Prev) {
		return nil, fail(ErrMalformed, "units %d of %q: number 1, and only it, has no statement before it", v.Number, v.Domain)
	}
	seen := map[exchange.Unit]bool{}
	for _, u := range v.Units {
		if !u.Unit.Valid() || u.Unit.Domain() != v.Domain {
			return nil, fail(ErrIssuer, "%s states a unit %q, which is not its own", v.Domain, u.Unit)
		}
		if seen[u.Unit] {
			return nil, fail(ErrMalformed, "%s states %s twice", v.Domain, u.Unit)
		}
		seen[u.Unit] = true
	}
	return &unitStatement{Units: v, signed: s, digest: b.provider.Sum(s.Bytes)}, nil
}

// follows checks the number against what is held.
func (u *unitStatement) follows(held *unitStatement) error {
	switch {
	case held == nil:
		return nil
	case u.Number == held.Number:
		return fail(ErrEquivocation, "%s signed two statements of units with number %d; stop relying on it and tell its superior", u.Domain, u.Number)
	case u.Number < held.Number:
		return fail(ErrSuperseded, "units %d of %s, %d is in force", u.Number, u.Domain, held.Number)
	case u.Number == held.Number+1 && u.Prev != held.digest:
		return fail(ErrChain, "units %d of %s do not name number %d in Prev", u.Number, u.Domain, held.Number)
	}
	return nil
}

// index rebuilds the lookups of units.
func (b *Book) index() {
	b.units, b.sorted = map[exchange.Unit]exchange.UnitInfo{}, nil
	for _, u := range b.unitChains {
		for _, info := range u.Units.Units {
			b.units[info.Unit] = info
			b.sorted = append(b.sorted, info)
		}
	}
	slices.SortFunc(b.sorted, func(x, y exchange.UnitInfo) int { return strings.Compare(string(x.Unit), string(y.Unit)) })
}

// Unit returns what a domain states about one of its units. A unit of a domain
// that is no longer in force is not found.
func (b *Book) Unit(u exchange.Unit) (exchange.UnitInfo, bool) {
	info, ok := b.units[u]
	if !ok || b.members[u.Domain()] == nil {
		return exchange.UnitInfo{}, false
	}
	return info, true
}

// Units lists the units whose name or identifier contains match ("" for all),
// ordered by identifier.
func (b *Book) Units(match string) []exchange.UnitInfo {
	var out []exchange.UnitInfo
	for _, u := range b.sorted {
		if b.members[u.Unit.Domain()] != nil && (strings.Contains(string(u.Unit), match) || strings.Contains(u.Name, match)) {
			out = append(out, u)
		}
	}
	return out
}

// LatestUnits returns the statement of units in force.
func (b *Book) LatestUnits(d exchange.Domain) (crypto.Signed, bool) {
	if u := b.unitChains[d]; u != nil {
		return u.signed, true
	}
	return crypto.Signed{}, false
}

// NextUnits returns the number and Prev of a domain's next statement of units.
func (b *Book) NextUnits(d exchange.Domain) (number uint64, prev crypto.Digest) {
	if u := b.unitChains[d]; u != nil {
		return u.Number + 1, u.digest
	}
	return 1, crypto.Digest{}
}
