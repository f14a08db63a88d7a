package directory

import (
	"maps"
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Book is the verified view of the federation. It is immutable: With and its
// siblings return a new book and leave the old one as it was, so that a book
// may be shared by any number of goroutines behind one atomic pointer.
type Book struct {
	provider sm.Provider
	verifier *trust.Verifier // nil: the anchor is unusable, see anchor
	anchor   error
	root     exchange.Domain

	chains   map[exchange.Domain][]*statement // by issuer, ascending number
	listings map[exchange.Domain][]*listing   // every listing of a domain ever held
	records  map[keyRef][]*record             // every period a signing key was stated for
	certs    map[certRef]*trust.Certificate   // verified once
	revoked  map[revokedRef]exchange.Revocation

	members  map[exchange.Domain]*listing // in force: reachable from the root by latest statements
	children map[exchange.Domain][]exchange.Domain

	unitChains map[exchange.Domain]*unitStatement
	units      map[exchange.Unit]exchange.UnitInfo
	sorted     []exchange.UnitInfo // all units, by name of unit
}

type (
	keyRef struct {
		domain exchange.Domain
		key    crypto.KeyID
	}
	certRef struct {
		domain exchange.Domain
		use    trust.Use
		digest crypto.Digest // of the DER
	}
	revokedRef struct {
		issuer exchange.Domain
		key    crypto.KeyID
	}
)

// statement is one verified Directory.
type statement struct {
	exchange.Directory
	signed crypto.Signed
	digest crypto.Digest // of signed.Bytes, what the next one calls Prev
	signer *record       // the key it was verified with
	listed []*listing
}

// listing is one child in one statement.
type listing struct {
	info    exchange.DomainInfo
	by      *statement
	sign    *record
	encrypt *record
}

// record is a key and the period for which one statement gives it to a domain:
// where the statement's period and the certificate's validity meet.
type record struct {
	domain      exchange.Domain
	key         crypto.KeyID
	public      crypto.PublicKey
	from, until exchange.Time
	by          *statement
}

func (r *record) covers(at exchange.Time) bool { return r.from <= at && at <= r.until }

// NewBook returns a book that knows nobody yet; the first statement must be the
// root's. An anchor without a usable authority makes a book that believes
// nothing: With then fails with ErrAnchor and says why.
func NewBook(p sm.Provider, anchor trust.Anchor) *Book {
	b := &Book{provider: p, root: exchange.Domain(anchor.Root)}
	if len(anchor.CAs) == 0 || !b.root.Valid() {
		b.anchor = fail(ErrAnchor, "the anchor names no root domain or no authority; load the federation's anchor file")
		return b
	}
	v, err := trust.NewVerifier(p, anchor)
	if err != nil {
		b.anchor = fail(ErrAnchor, "the anchor of %s holds a bad certificate; load the federation's anchor file again", b.root)
		return b
	}
	b.verifier = v
	return b
}

// clone copies the maps; what they point to is never changed.
func (b *Book) clone() *Book {
	out := *b
	out.chains, out.listings, out.records = copyOf(b.chains), copyOf(b.listings), copyOf(b.records)
	out.certs, out.revoked = copyOf(b.certs), copyOf(b.revoked)
	return &out
}

func copyOf[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return maps.Clone(m)
}

// Root returns the top domain, as the anchor names it.
func (b *Book) Root() exchange.Domain { return b.root }

// Domain returns what is stated about a domain now in force.
func (b *Book) Domain(d exchange.Domain) (exchange.DomainInfo, bool) {
	if l := b.members[d]; l != nil {
		return l.info, true
	}
	return exchange.DomainInfo{}, false
}

// DomainAt returns what was stated about a domain for that time: of all
// statements whose period covers it and whose signer is not revoked (or that
// are covered: nil for nobody), the one with the latest beginning.
func (b *Book) DomainAt(d exchange.Domain, at exchange.Time, covered Covered) (exchange.DomainInfo, bool) {
	var best *listing
	for _, l := range b.listings[d] {
		if l.by.NotBefore > at || l.by.NotAfter < at || b.stands(l.by.signer, l.by.digest, covered) != nil {
			continue
		}
		if best == nil || l.by.NotBefore > best.by.NotBefore ||
			(l.by.NotBefore == best.by.NotBefore && l.by.Number > best.by.Number) {
			best = l
		}
	}
	if best == nil {
		return exchange.DomainInfo{}, false
	}
	return best.info, true
}

// Domains lists every domain in force, ordered by name.
func (b *Book) Domains() []exchange.Domain {
	return slices.Sorted(maps.Keys(b.members))
}

// Parent returns the superior of a domain, or false at the root and for a
// domain that is not in force.
func (b *Book) Parent(d exchange.Domain) (exchange.Domain, bool) {
	if l := b.members[d]; l != nil && d != b.root {
		return l.info.Parent, true
	}
	return "", false
}

// Ancestors lists the superiors of a domain, nearest first, the root last.
func (b *Book) Ancestors(d exchange.Domain) []exchange.Domain {
	var out []exchange.Domain
	for p, ok := b.Parent(d); ok; p, ok = b.Parent(p) {
		out = append(out, p)
	}
	return out
}

// Children lists the domains that a domain states now, ordered by name.
func (b *Book) Children(d exchange.Domain) []exchange.Domain { return slices.Clone(b.children[d]) }

// Latest returns the directory statement of an issuer with the highest number.
func (b *Book) Latest(issuer exchange.Domain) (crypto.Signed, bool) {
	if st := b.latest(issuer); st != nil {
		return st.signed, true
	}
	return crypto.Signed{}, false
}

// Next returns the number and Prev of an issuer's next directory statement.
func (b *Book) Next(issuer exchange.Domain) (number uint64, prev crypto.Digest) {
	if st := b.latest(issuer); st != nil {
		return st.Number + 1, st.digest
	}
	return 1, crypto.Digest{}
}

func (b *Book) latest(issuer exchange.Domain) *statement {
	if chain := b.chains[issuer]; len(chain) > 0 {
		return chain[len(chain)-1]
	}
	return nil
}

// settle finds who is in force: whoever the latest statements reach from the
// root. Each domain enters once, so nothing can go round.
func (b *Book) settle() {
	b.members, b.children = map[exchange.Domain]*listing{}, map[exchange.Domain][]exchange.Domain{}
	for queue := []exchange.Domain{b.root}; len(queue) > 0; queue = queue[1:] {
		st := b.latest(queue[0])
		if st == nil {
			continue
		}
		for _, l := range st.listed {
			d := l.info.Domain
			if b.members[d] != nil {
				continue
			}
			b.members[d] = l
			if d == b.root {
				continue
			}
			b.children[st.Issuer] = append(b.children[st.Issuer], d)
			queue = append(queue, d)
		}
	}
	for _, c := range b.children {
		slices.Sort(c)
	}
}
