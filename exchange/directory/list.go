package directory

import (
	"errors"
	"slices"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// list checks every child of an authenticated statement and makes its listing.
func (b *Book) list(st *statement, at *exchange.Time) error {
	level, err := b.levelOf(st)
	if err != nil {
		return err
	}
	for _, info := range st.Children {
		if err := b.mayState(st, info, level, at); err != nil {
			return err
		}
		l, err := b.listing(st, info)
		if err != nil {
			return err
		}
		if info.Domain == st.Issuer && st.signer == nil {
			st.signer = l.sign
		}
		st.listed = append(st.listed, l)
	}
	if at == nil {
		return nil // whether the signer was revoked is judged whenever a key is asked for
	}
	if !st.signer.covers(*at) {
		return outside(st.signer, *at)
	}
	if slices.ContainsFunc(st.Revoked, func(r exchange.Revocation) bool { return r.Key == st.signer.key }) {
		return fail(ErrIssuer, "directory %d of %s revokes the key it is signed with; sign it with the new one", st.Number, st.Issuer)
	}
	return b.stands(st.signer, st.digest, nil)
}

// levelOf returns the level of the issuer itself.
func (b *Book) levelOf(st *statement) (exchange.Level, error) {
	if st.Issuer == b.root {
		self, ok := st.self()
		if !ok || self.Parent != "" {
			return 0, fail(ErrAnchor, "directory %d of the root %s must list the root, without a superior", st.Number, b.root)
		}
		return self.Level, nil
	}
	for _, l := range st.signer.by.listed {
		if l.info.Domain == st.Issuer {
			return l.info.Level, nil
		}
	}
	return 0, fail(ErrIssuer, "%s is not listed where its key is", st.Issuer)
}

// mayState checks that a child is the issuer's to state. A child that another
// superior still states stays with that one until it is released.
func (b *Book) mayState(st *statement, c exchange.DomainInfo, level exchange.Level, at *exchange.Time) error {
	if c.Domain == st.Issuer && st.Issuer == b.root {
		return nil
	}
	line := c.Level == level && c.Domain.Line() != "" && c.Domain.Division() == st.Issuer.Division()
	held := b.members[c.Domain]
	switch {
	case c.Parent != st.Issuer:
		return fail(ErrIssuer, "%s lists %s, whose superior is %q", st.Issuer, c.Domain, c.Parent)
	case c.Domain == st.Issuer || c.Domain == b.root:
		return fail(ErrIssuer, "%s may not list %s: only the root lists itself", st.Issuer, c.Domain)
	case c.Level <= level && !line:
		return fail(ErrIssuer, "%s (%s) lists %s (%s), which is not below it", st.Issuer, level, c.Domain, c.Level)
	case at != nil && held != nil && held.by.Issuer != st.Issuer:
		return fail(ErrIssuer, "%s lists %s, which %s states; %s must release it first", st.Issuer, c.Domain, held.by.Issuer, held.by.Issuer)
	}
	return nil
}

// listing verifies the two certificates of a child and finds the periods of its
// keys.
func (b *Book) listing(st *statement, info exchange.DomainInfo) (*listing, error) {
	l := &listing{info: info, by: st}
	var err error
	if l.sign, err = b.record(st, info, info.SignCert, trust.UseSign); err != nil {
		return nil, err
	}
	l.encrypt, err = b.record(st, info, info.EncryptCert, trust.UseEncrypt)
	return l, err
}

func (b *Book) record(st *statement, info exchange.DomainInfo, der []byte, use trust.Use) (*record, error) {
	c, err := b.certificate(st, info.Domain, der, use)
	if err != nil {
		return nil, err
	}
	r := &record{
		domain: info.Domain, key: c.KeyID, public: c.PublicKey, by: st,
		from:  max(st.NotBefore, exchange.TimeOf(c.NotBefore)),
		until: min(st.NotAfter, exchange.TimeOf(c.NotAfter)),
	}
	if r.from > r.until {
		return nil, fail(ErrCertificate, "directory %d of %s lists %s with a certificate (%s) whose validity, %s to %s, is not in the statement's period",
			st.Number, st.Issuer, info.Domain, use, clock(exchange.TimeOf(c.NotBefore)), clock(exchange.TimeOf(c.NotAfter)))
	}
	return r, nil
}

// certificate verifies a certificate once and remembers it. Its chain must hold
// when its period in the statement begins; afterwards only dates are compared.
func (b *Book) certificate(st *statement, d exchange.Domain, der []byte, use trust.Use) (*trust.Certificate, error) {
	ref := certRef{d, use, b.provider.Sum(der)}
	if c := b.certs[ref]; c != nil {
		return c, nil
	}
	c, err := trust.ParseCertificate(der)
	if err != nil {
		return nil, b.badCertificate(st, d, use, err)
	}
	if c.Role != trust.RoleDomain {
		return nil, fail(ErrCertificate, "directory %d of %s lists %s with a replica's certificate", st.Number, st.Issuer, d)
	}
	begin := later(st.NotBefore.Std(), c.NotBefore)
	if err := b.verifier.Verify(c, nil, use, string(d), begin); err != nil {
		return nil, b.badCertificate(st, d, use, err)
	}
	b.certs[ref] = c
	return c, nil
}

func (b *Book) badCertificate(st *statement, d exchange.Domain, use trust.Use, err error) error {
	class := ErrCertificate
	if d == b.root && errors.Is(err, trust.ErrUntrusted) {
		class = ErrAnchor
	}
	return fail(class, "directory %d of %s, %s certificate of %s: %v", st.Number, st.Issuer, use, d, err)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func clock(t exchange.Time) string { return t.Std().Format(time.RFC3339) }
