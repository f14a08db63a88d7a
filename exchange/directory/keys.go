package directory

import (
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Covered tells when somebody else first vouched for a statement, by its
// digest: the time of an earlier receipt or checkpoint of another, unrevoked
// domain. It is what lets a signature outlive the revocation of its key.
type Covered func(statement crypto.Digest) (exchange.Time, bool)

// SignKey returns the signing key that a domain has at that time.
func (b *Book) SignKey(d exchange.Domain, at exchange.Time) (crypto.PublicKey, error) {
	l, err := b.member(d)
	if err != nil {
		return crypto.PublicKey{}, err
	}
	return l.sign.public, b.usable(l.sign, at)
}

// EncryptKey returns the key to encrypt to a domain with, and its id.
func (b *Book) EncryptKey(d exchange.Domain, at exchange.Time) (crypto.PublicKey, crypto.KeyID, error) {
	l, err := b.member(d)
	if err != nil {
		return crypto.PublicKey{}, crypto.KeyID{}, err
	}
	return l.encrypt.public, l.encrypt.key, b.usable(l.encrypt, at)
}

// Key returns the signing key of that id if it was ever stated for the domain
// and a statement gives it to the domain at that time; superseded keys included.
func (b *Book) Key(d exchange.Domain, id crypto.KeyID, at exchange.Time) (crypto.PublicKey, error) {
	r, err := b.find(d, id, at, crypto.Digest{}, nil)
	if err != nil {
		return crypto.PublicKey{}, err
	}
	return r.public, nil
}

// Revoked returns the withdrawal of a key by the superior that stated it.
func (b *Book) Revoked(key crypto.KeyID) (exchange.Revocation, bool) {
	if len(b.revoked) == 0 {
		return exchange.Revocation{}, false
	}
	for ref, r := range b.revoked {
		if ref.key == key && b.stated(ref.issuer, key) {
			return r, true
		}
	}
	return exchange.Revocation{}, false
}

// Verify checks a statement of a domain under a context and returns its body.
// at is the time the statement was made: a receipt's At, a manifest's Created,
// now on a link. A revoked key never verifies here: see VerifyCovered.
func (b *Book) Verify(d exchange.Domain, context string, s crypto.Signed, at exchange.Time) ([]byte, error) {
	return b.VerifyCovered(d, context, s, at, nil)
}

// VerifyCovered is Verify for statements that may be older than a revocation:
// one made with a revoked key stands when covered names a time before the key
// was invalid. Neither reads a certificate; keys were parsed when they came in.
func (b *Book) VerifyCovered(d exchange.Domain, context string, s crypto.Signed, at exchange.Time, covered Covered) ([]byte, error) {
	body, ok := s.Body(context)
	if !ok {
		return nil, fail(ErrContext, "the bytes do not begin with %q", context)
	}
	var digest crypto.Digest
	if covered != nil && len(b.revoked) > 0 {
		digest = b.provider.Sum(s.Bytes)
	}
	r, err := b.find(d, s.Key, at, digest, covered)
	if err != nil {
		return nil, err
	}
	if b.provider.Verify(r.public, s.Bytes, s.Sig) != nil {
		return nil, fail(ErrSignature, "the statement was altered or is not by %s", d)
	}
	return body, nil
}

// Prove lists the statements that prove a key of a domain at that time, from
// the root down, each once: what evidence carries. A key that was revoked since
// is proved too, and then the statement in force that revokes it is in the list:
// whether a signature stands all the same is for the reader to judge.
func (b *Book) Prove(d exchange.Domain, id crypto.KeyID, at exchange.Time) ([]crypto.Signed, error) {
	var found *record
	for _, r := range b.records[keyRef{d, id}] {
		if r.covers(at) && (found == nil || b.stands(r, crypto.Digest{}, nil) == nil) {
			found = r
		}
	}
	if found == nil {
		_, err := b.find(d, id, at, crypto.Digest{}, nil)
		return nil, err
	}
	out := chainOf(found)
	for r := found; ; r = r.by.signer {
		if _, ok := b.revoked[revokedRef{r.by.Issuer, r.key}]; ok {
			last := b.latest(r.by.Issuer)
			out = append(append(out, chainOf(last.signer)...), last.signed)
		}
		if r.by.signer.by == r.by {
			return distinct(out), nil
		}
	}
}

// distinct drops repetitions and keeps the order.
func distinct(list []crypto.Signed) (out []crypto.Signed) {
	seen := map[string]bool{}
	for _, s := range list {
		if !seen[string(s.Bytes)] {
			seen[string(s.Bytes)] = true
			out = append(out, s)
		}
	}
	return out
}

// Chain lists the statements that prove a domain's present key, from the root
// down; nil for a domain that is not in force.
func (b *Book) Chain(d exchange.Domain) []crypto.Signed {
	if l := b.members[d]; l != nil {
		return chainOf(l.sign)
	}
	return nil
}

func chainOf(r *record) (out []crypto.Signed) {
	for {
		out = append(out, r.by.signed)
		if r.by.signer.by == r.by {
			slices.Reverse(out)
			return out
		}
		r = r.by.signer
	}
}

func (b *Book) member(d exchange.Domain) (*listing, error) {
	if l := b.members[d]; l != nil {
		return l, nil
	}
	return nil, fail(ErrUnknownDomain, "%s is not in the directory; check the name, or wait until its superior has stated it", d)
}

// usable checks a key for use now.
func (b *Book) usable(r *record, at exchange.Time) error {
	if !r.covers(at) {
		return outside(r, at)
	}
	return b.stands(r, crypto.Digest{}, nil)
}

// find returns a record of the key that covers the time and stands.
func (b *Book) find(d exchange.Domain, id crypto.KeyID, at exchange.Time, digest crypto.Digest, covered Covered) (*record, error) {
	records := b.records[keyRef{d, id}]
	if len(records) == 0 {
		if len(b.listings[d]) == 0 {
			_, err := b.member(d)
			return nil, err
		}
		return nil, fail(ErrUnknownKey, "key %s was never stated for %s", id.Short(), d)
	}
	var last error
	for _, r := range slices.Backward(records) {
		if !r.covers(at) {
			if last == nil {
				last = outside(r, at)
			}
			continue
		}
		if last = b.stands(r, digest, covered); last == nil {
			return r, nil
		}
	}
	return nil, last
}

func outside(r *record, at exchange.Time) error {
	if at < r.from {
		return fail(ErrNotYetValid, "key %s is %s's from %s on, not at %s; check the clocks", r.key.Short(), r.domain, clock(r.from), clock(at))
	}
	return fail(ErrExpired, "key %s was %s's until %s, not at %s; its superior must renew the statement or the certificate",
		r.key.Short(), r.domain, clock(r.until), clock(at))
}

// stands checks that no key between a statement and the root is revoked, or
// that what it signed was covered before. digest is of what r signed.
func (b *Book) stands(r *record, digest crypto.Digest, covered Covered) error {
	if len(b.revoked) == 0 {
		return nil
	}
	for {
		if rev, ok := b.revoked[revokedRef{r.by.Issuer, r.key}]; ok {
			if !before(covered, digest, rev.Since) {
				return fail(ErrRevoked, "key %s of %s was withdrawn as of %s, and nobody else vouches that this is older",
					r.key.Short(), r.domain, clock(rev.Since))
			}
		}
		if r.by.signer == nil || r.by.signer.by == r.by {
			return nil
		}
		digest, r = r.by.digest, r.by.signer
	}
}

func before(covered Covered, digest crypto.Digest, since exchange.Time) bool {
	if covered == nil || digest.IsZero() {
		return false
	}
	at, ok := covered(digest)
	return ok && at < since
}

// stated reports whether the issuer ever stated the key.
func (b *Book) stated(issuer exchange.Domain, key crypto.KeyID) bool {
	for _, st := range b.chains[issuer] {
		for _, l := range st.listed {
			if l.sign.key == key || l.encrypt.key == key {
				return true
			}
		}
	}
	return false
}
