package directory

import (
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// With adds a directory statement that is to be relied on at that time, and
// returns the new book. A statement already held changes nothing. The issuer
// must be in force (statements go in from the root down), the statement and the
// issuer's key must be within their periods, and the number must be higher than
// what is held: the next one names the one before it in Prev; after a gap the
// signature alone is believed. A lower number is ErrSuperseded; the same number
// with other bytes is ErrEquivocation, which deserves an alarm.
func (b *Book) With(s crypto.Signed, at exchange.Time) (*Book, error) {
	return b.add(s, &at)
}

// WithPast adds a statement that was in force once: from history, or out of an
// evidence file. It need not be valid at any particular time, for every question
// about a key names its own; the issuer's key must have been valid at some time
// within the statement's period. A lower number than the latest is welcome and
// does not replace it. A statement signed with a revoked key is filed, and gives
// nobody a key unless somebody vouches that it is older: see VerifyCovered.
func (b *Book) WithPast(s crypto.Signed) (*Book, error) { return b.add(s, nil) }

func (b *Book) add(s crypto.Signed, at *exchange.Time) (*Book, error) {
	if b.anchor != nil {
		return nil, b.anchor
	}
	st, err := b.read(s)
	if err != nil {
		return nil, err
	}
	if held := b.numbered(st.Issuer, st.Number); held != nil && held.digest == st.digest {
		return b, nil
	}
	next := b.clone()
	if err := next.authenticate(st, at); err != nil {
		return nil, err
	}
	if err := next.place(st, at); err != nil {
		return nil, err
	}
	if err := next.list(st, at); err != nil {
		return nil, err
	}
	next.insert(st)
	next.settle()
	return next, nil
}

// authenticate finds the issuer's key and checks the signature with it. The
// root's key may be the one that the statement itself lists, for that one has a
// certificate of the anchor; everybody else's was stated by the superior.
func (b *Book) authenticate(st *statement, at *exchange.Time) error {
	if at != nil && *at < st.NotBefore {
		return fail(ErrNotYetValid, "directory %d of %s begins at %s; check the clocks", st.Number, st.Issuer, clock(st.NotBefore))
	}
	if at != nil && *at > st.NotAfter {
		return fail(ErrExpired, "directory %d of %s ended at %s; ask %s for its current one", st.Number, st.Issuer, clock(st.NotAfter), st.Issuer)
	}
	if st.Issuer == b.root {
		if ok, err := b.selfSigned(st); ok || err != nil {
			return err
		}
	}
	r, err := b.issuerKey(st, at)
	if err != nil {
		return err
	}
	if b.provider.Verify(r.public, st.signed.Bytes, st.signed.Sig) != nil {
		return fail(ErrSignature, "directory %d of %s was altered or is not by %s", st.Number, st.Issuer, st.Issuer)
	}
	st.signer = r
	return nil
}

// selfSigned reports whether the statement is signed with the key it lists for
// the root, and then verifies it. The certificate is checked with the others.
func (b *Book) selfSigned(st *statement) (bool, error) {
	self, ok := st.self()
	if !ok {
		return false, fail(ErrAnchor, "directory %d of the root %s does not list the root itself", st.Number, b.root)
	}
	c, err := trust.ParseCertificate(self.SignCert)
	if err != nil || c.KeyID != st.signed.Key {
		return false, nil
	}
	if b.provider.Verify(c.PublicKey, st.signed.Bytes, st.signed.Sig) != nil {
		return false, fail(ErrSignature, "directory %d of %s was altered or is not by %s", st.Number, st.Issuer, st.Issuer)
	}
	return true, nil
}

// issuerKey finds the record of the key that a statement says it is signed with.
func (b *Book) issuerKey(st *statement, at *exchange.Time) (*record, error) {
	from, until := st.NotBefore, st.NotAfter
	if at != nil {
		from, until = *at, *at
		if st.Issuer != b.root && b.members[st.Issuer] == nil {
			return nil, b.stranger(st)
		}
	}
	records := b.records[keyRef{st.Issuer, st.signed.Key}]
	if len(records) == 0 {
		if len(b.listings[st.Issuer]) == 0 {
			return nil, b.stranger(st)
		}
		return nil, fail(ErrUnknownKey, "directory %d of %s is signed with key %s, which its superior never stated; get the superior's newer statement",
			st.Number, st.Issuer, st.signed.Key.Short())
	}
	var last error
	for _, r := range slices.Backward(records) {
		if r.until < from || r.from > until {
			last = outside(r, from)
			continue
		}
		if at == nil {
			return r, nil
		}
		if last = b.stands(r, st.digest, nil); last == nil {
			return r, nil
		}
	}
	return nil, last
}

func (b *Book) stranger(st *statement) error {
	if len(b.chains[b.root]) == 0 {
		return fail(ErrAnchor, "directory %d is of %s, but the anchor's root is %s, whose statement must come first", st.Number, st.Issuer, b.root)
	}
	return fail(ErrIssuer, "directory %d of %s: no superior's statement lists %s; get that one first", st.Number, st.Issuer, st.Issuer)
}

// place checks the number against what is held.
func (b *Book) place(st *statement, at *exchange.Time) error {
	if b.numbered(st.Issuer, st.Number) != nil {
		return fail(ErrEquivocation, "%s signed two directories with number %d; stop relying on it and tell its superior", st.Issuer, st.Number)
	}
	last := b.latest(st.Issuer)
	if last == nil {
		return nil
	}
	if at != nil && st.Number < last.Number {
		return fail(ErrSuperseded, "directory %d of %s, %d is in force", st.Number, st.Issuer, last.Number)
	}
	before, after := b.numbered(st.Issuer, st.Number-1), b.numbered(st.Issuer, st.Number+1)
	if (before != nil && before.digest != st.Prev) || (after != nil && after.Prev != st.digest) {
		return fail(ErrChain, "directory %d of %s and its neighbour in number do not name each other", st.Number, st.Issuer)
	}
	return nil
}

// numbered returns the statement held under that number, or nil.
func (b *Book) numbered(issuer exchange.Domain, number uint64) *statement {
	chain := b.chains[issuer]
	if i, ok := position(chain, number); ok {
		return chain[i]
	}
	return nil
}

func position(chain []*statement, number uint64) (int, bool) {
	return slices.BinarySearchFunc(chain, number, func(s *statement, n uint64) int {
		switch {
		case s.Number < n:
			return -1
		case s.Number > n:
			return 1
		}
		return 0
	})
}

// insert files a checked statement. Slices are copied: older books share them.
func (b *Book) insert(st *statement) {
	chain := b.chains[st.Issuer]
	i, _ := position(chain, st.Number)
	b.chains[st.Issuer] = slices.Insert(slices.Clone(chain), i, st)
	for _, l := range st.listed {
		d := l.info.Domain
		b.listings[d] = append(slices.Clip(b.listings[d]), l)
		ref := keyRef{d, l.sign.key}
		b.records[ref] = append(slices.Clip(b.records[ref]), l.sign)
	}
	for _, r := range st.Revoked {
		ref := revokedRef{st.Issuer, r.Key}
		if held, ok := b.revoked[ref]; !ok || r.Since < held.Since {
			b.revoked[ref] = r
		}
	}
}
