package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

// MaxChain bounds the authorities between a certificate and its anchor, and the
// number of certificates that a peer may offer.
const MaxChain = 4

var oidSM2WithSM3 = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 501}

// Verifier checks certificates against anchors with one provider. It holds no
// state and is safe for concurrent use.
type Verifier struct {
	provider sm.Provider
	roots    []*Certificate
}

// NewVerifier takes the authorities of all anchors. An anchor certificate that
// is no authority is ErrUsage; one that does not parse is ErrCertificate.
func NewVerifier(p sm.Provider, anchors ...Anchor) (*Verifier, error) {
	v := &Verifier{provider: p}
	for _, a := range anchors {
		for _, der := range a.CAs {
			c, err := ParseCertificate(der)
			if err != nil {
				return nil, fmt.Errorf("anchor of %s: %w", a.Root, err)
			}
			if c.Use != UseCA {
				return nil, fmt.Errorf("anchor of %s: %w: %s is not an authority", a.Root, ErrUsage, c)
			}
			v.roots = append(v.roots, c)
		}
	}
	return v, nil
}

// Verify reports whether leaf is, at that time, an authentic certificate of the
// domain for the use. chain are the authorities that came with it, in any order.
// An empty domain accepts any: the caller then looks at leaf.Domain. Failures
// are ErrUsage, ErrWrongDomain, ErrExpired, ErrNotYetValid or ErrUntrusted.
// Revocation is not looked at: it is a statement of the directory.
func (v *Verifier) Verify(leaf *Certificate, chain []*Certificate, use Use, domain string, at time.Time) error {
	if leaf.Use != use || use == UseCA {
		return fmt.Errorf("%w: %s is for %q, needed for %q; use the other certificate of the pair", ErrUsage, leaf, leaf.Use, use)
	}
	if domain != "" && leaf.Domain != domain {
		return fmt.Errorf("%w: %s, wanted domain %s; check the address and the peer's configuration", ErrWrongDomain, leaf, domain)
	}
	if len(chain) > MaxChain {
		return fmt.Errorf("%w: %s came with %d authorities, at most %d", ErrUntrusted, leaf, len(chain), MaxChain)
	}
	if err := leaf.validAt(at); err != nil {
		return err
	}
	return v.climb(leaf, chain, at)
}

// VerifyPair verifies both certificates and that they name one holder.
func (v *Verifier) VerifyPair(p Pair, domain string, at time.Time) error {
	if p.Sign == nil || p.Encrypt == nil {
		return fmt.Errorf("%w: a pair has a signing and an encryption certificate", ErrUsage)
	}
	if err := v.Verify(p.Sign, p.Chain, UseSign, domain, at); err != nil {
		return err
	}
	if p.Sign.Domain != p.Encrypt.Domain || p.Sign.Role != p.Encrypt.Role || p.Sign.Name != p.Encrypt.Name {
		return fmt.Errorf("%w: %s and %s are of different holders", ErrWrongDomain, p.Sign, p.Encrypt)
	}
	return v.Verify(p.Encrypt, p.Chain, UseEncrypt, domain, at)
}

// climb follows issuers until an anchor. Each offered authority is used at most
// once, so a ring of certificates ends.
func (v *Verifier) climb(c *Certificate, chain []*Certificate, at time.Time) error {
	used := make([]bool, len(chain))
	for below := 0; below <= MaxChain; below++ {
		for _, root := range v.roots {
			if !names(root, c) || v.signedBy(c, root) != nil {
				continue
			}
			return root.mayIssue(below, at)
		}
		next := -1
		for i, ca := range chain {
			if !used[i] && names(ca, c) && v.signedBy(c, ca) == nil {
				next = i
				break
			}
		}
		if next < 0 {
			return fmt.Errorf("%w: %s, issued by %q; add the anchor of that authority if it is yours", ErrUntrusted, c, c.Issuer)
		}
		used[next] = true
		if err := chain[next].mayIssue(below, at); err != nil {
			return err
		}
		c = chain[next]
	}
	return fmt.Errorf("%w: %s is more than %d authorities away from an anchor", ErrUntrusted, c, MaxChain)
}

// names reports whether ca is named as the issuer of c.
func names(ca, c *Certificate) bool {
	return ca.Use == UseCA && bytes.Equal(ca.parsed.RawSubject, c.parsed.RawIssuer)
}

// signedBy verifies SM2-with-SM3 over the TBS bytes as received.
func (v *Verifier) signedBy(c, ca *Certificate) error {
	sig, err := certificateSignature(c.Raw)
	if err != nil {
		return err
	}
	return v.provider.Verify(ca.PublicKey, c.parsed.RawTBSCertificate, sig)
}

// certificateSignature reads the outer signature; only SM2-with-SM3
// (1.2.156.10197.1.501) is one.
func certificateSignature(der []byte) (crypto.Signature, error) {
	var cert, alg cryptobyte.String
	var oid asn1.ObjectIdentifier
	var bits asn1.BitString
	in := cryptobyte.String(der)
	if !in.ReadASN1(&cert, cbasn1.SEQUENCE) || !cert.SkipASN1(cbasn1.SEQUENCE) ||
		!cert.ReadASN1(&alg, cbasn1.SEQUENCE) || !alg.ReadASN1ObjectIdentifier(&oid) ||
		!cert.ReadASN1BitString(&bits) || !oid.Equal(oidSM2WithSM3) {
		return crypto.Signature{}, fmt.Errorf("%w: signature is not SM2 with SM3", ErrCertificate)
	}
	return crypto.ParseSignature(bits.RightAlign())
}

// mayIssue checks an authority with that many authorities below it.
func (c *Certificate) mayIssue(below int, at time.Time) error {
	if err := c.validAt(at); err != nil {
		return err
	}
	if c.Use != UseCA || c.parsed.KeyUsage&x509.KeyUsageCertSign == 0 {
		return fmt.Errorf("%w: %s may not sign certificates", ErrUsage, c)
	}
	if limit := c.parsed.MaxPathLen; (limit > 0 || c.parsed.MaxPathLenZero) && below > limit {
		return fmt.Errorf("%w: %s may have %d authorities below it, has %d", ErrUntrusted, c, limit, below)
	}
	return nil
}

// validAt checks the dates and that nothing critical went unread.
func (c *Certificate) validAt(at time.Time) error {
	const day = time.DateOnly
	switch {
	case at.Before(c.NotBefore):
		return fmt.Errorf("%w: %s begins on %s; check the clock", ErrNotYetValid, c, c.NotBefore.UTC().Format(day))
	case at.After(c.NotAfter):
		return fmt.Errorf("%w: %s ended on %s; issue and install a new pair", ErrExpired, c, c.NotAfter.UTC().Format(day))
	case len(c.parsed.UnhandledCriticalExtensions) > 0:
		return fmt.Errorf("%w: %s has a critical extension that we cannot read", ErrUntrusted, c)
	case constrained(c.parsed.Extensions):
		return fmt.Errorf("%w: %s has name constraints, which we do not evaluate", ErrUntrusted, c)
	}
	return nil
}
