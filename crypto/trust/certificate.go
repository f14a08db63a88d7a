package trust

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/emmansun/gmsm/smx509"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

// MaxCertificate bounds the DER of one certificate, in bytes.
const MaxCertificate = 16 << 10

// scheme of the subject alternative name that carries domain, role and name:
// yizhan://320582 or yizhan://320582/replica/county-1.
const scheme = "yizhan"

var (
	oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidSM2         = asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 301}

	domainForm = regexp.MustCompile(`^[0-9]{6}(\.[a-z][a-z0-9-]{0,31})?$`)
	nameForm   = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,31}$`)
)

// Certificate is a parsed SM2 certificate. Parsing proves nothing: see Verifier.
type Certificate struct {
	Subject string // for messages to people
	Issuer  string
	Serial  *big.Int

	Domain string // common name: "320582"; "" for an authority
	Role   Role   // RoleDomain unless the alternative name says otherwise
	Name   string // a replica's name, else ""

	Use       Use
	PublicKey crypto.PublicKey
	KeyID     crypto.KeyID
	NotBefore time.Time
	NotAfter  time.Time
	Raw       []byte // DER, as received

	parsed *smx509.Certificate
}

// ParseCertificate reads one DER certificate with an SM2 key (GB/T 20518). The
// common name is the domain; a URI alternative name yizhan://DOMAIN/replica/NAME
// makes it a replica's. Without that name, as from an outside authority, it is
// the domain's own. A failure is ErrCertificate.
func ParseCertificate(der []byte) (*Certificate, error) {
	if len(der) > MaxCertificate {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrCertificate, len(der), MaxCertificate)
	}
	parsed, err := smx509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	c := &Certificate{
		Subject: parsed.Subject.String(), Issuer: parsed.Issuer.String(), Serial: parsed.SerialNumber,
		NotBefore: parsed.NotBefore, NotAfter: parsed.NotAfter,
		Use: useOf(parsed), Raw: parsed.Raw, parsed: parsed,
	}
	if c.PublicKey, err = publicKey(parsed.RawSubjectPublicKeyInfo); err != nil {
		return nil, fmt.Errorf("%w of %s: %w", ErrCertificate, c.Subject, err)
	}
	c.KeyID = sm.KeyIDOf(defaultProvider(), c.PublicKey)
	if c.Use == UseCA {
		return c, nil
	}
	if err := c.readNames(); err != nil {
		return nil, fmt.Errorf("%w of %s: %w", ErrCertificate, c.Subject, err)
	}
	return c, nil
}

// String names the certificate for messages: subject, serial number and key.
func (c *Certificate) String() string {
	return fmt.Sprintf("%s (serial %x, key %s)", c.Subject, c.Serial, c.KeyID.Short())
}

// useOf reads basic constraints and key usage. A certificate that may both sign
// and encrypt signs only: pairs are separate by rule.
func useOf(c *smx509.Certificate) Use {
	const encrypt = x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment | x509.KeyUsageKeyAgreement
	switch {
	case c.IsCA && c.BasicConstraintsValid:
		return UseCA
	case c.KeyUsage&x509.KeyUsageDigitalSignature != 0:
		return UseSign
	case c.KeyUsage&encrypt != 0:
		return UseEncrypt
	}
	return 0
}

// readNames fills domain, role and name, and refuses names that contradict
// each other, so that no two readers can understand one certificate differently.
func (c *Certificate) readNames() error {
	c.Domain, c.Role = c.parsed.Subject.CommonName, RoleDomain
	if !domainForm.MatchString(c.Domain) {
		return fmt.Errorf("common name %q is not a domain like 320582", c.Domain)
	}
	seen := false
	for _, u := range c.parsed.URIs {
		if u.Scheme != scheme {
			continue
		}
		if seen {
			return fmt.Errorf("more than one %s name", scheme)
		}
		seen = true
		if err := c.readURI(u); err != nil {
			return err
		}
	}
	return nil
}

func (c *Certificate) readURI(u *url.URL) error {
	if u.Host != c.Domain || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("alternative name %q contradicts common name %q", u, c.Domain)
	}
	if u.Path == "" {
		return nil
	}
	role, name, ok := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if !ok || role != string(RoleReplica) || !nameForm.MatchString(name) {
		return fmt.Errorf("alternative name %q has no role that we know", u)
	}
	c.Role, c.Name = RoleReplica, name
	return nil
}

// uriOf is the inverse of readURI.
func uriOf(domain string, role Role, name string) *url.URL {
	u := &url.URL{Scheme: scheme, Host: domain}
	if role == RoleReplica {
		u.Path = "/" + string(role) + "/" + name
	}
	return u
}

// publicKey reads SubjectPublicKeyInfo with an uncompressed SM2 point
// (GM/T 0010 §7.1). Whether the point is on the curve is the parser's to check.
func publicKey(spki []byte) (pub crypto.PublicKey, err error) {
	var info, alg cryptobyte.String
	var key, curve asn1.ObjectIdentifier
	var point asn1.BitString
	in := cryptobyte.String(spki)
	if !in.ReadASN1(&info, cbasn1.SEQUENCE) || !info.ReadASN1(&alg, cbasn1.SEQUENCE) ||
		!alg.ReadASN1ObjectIdentifier(&key) || !alg.ReadASN1ObjectIdentifier(&curve) ||
		!info.ReadASN1BitString(&point) {
		return pub, fmt.Errorf("public key is not an elliptic curve point")
	}
	if !key.Equal(oidECPublicKey) || !curve.Equal(oidSM2) {
		return pub, fmt.Errorf("public key is not on the SM2 curve")
	}
	if b := point.RightAlign(); len(b) == 65 && b[0] == 4 {
		copy(pub[:], b[1:])
		return pub, nil
	}
	return pub, fmt.Errorf("public key is not an uncompressed point")
}
