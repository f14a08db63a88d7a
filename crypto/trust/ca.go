package trust

import (
	stdcrypto "crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"net/url"
	"time"

	gmsm2 "github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

// LeafLife is how long a certificate of the trial authority is valid, or less
// when the authority itself ends earlier.
const LeafLife = 2 * 365 * 24 * time.Hour

// CA is a small SM2 certificate authority for trials and for federations that
// have none. It is safe for concurrent use when rand is. It prints as its name.
type CA struct {
	Certificate *Certificate
	key         sm.PrivateKey
	rand        io.Reader
	now         func() time.Time
	life        time.Duration
}

// NewCA makes a self-signed authority named name, valid from notBefore for life.
// rand is crypto/rand.Reader outside tests.
func NewCA(p sm.Provider, rand io.Reader, name string, notBefore time.Time, life time.Duration) (*CA, error) {
	key, err := p.GenerateKey(rand)
	if err != nil {
		return nil, fmt.Errorf("key of authority %q: %w", name, err)
	}
	template := authorityTemplate(name, notBefore, life)
	der, err := create(rand, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("certificate of authority %q: %w", name, err)
	}
	return LoadCA(p, rand, der, key.Scalar())
}

// LoadCA restores an authority from its certificate and its 32-byte scalar. A
// key that is not the certificate's is ErrNoKey.
func LoadCA(p sm.Provider, rand io.Reader, der, scalar []byte) (*CA, error) {
	cert, err := ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	key, err := p.ParseKey(scalar)
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", cert, err)
	}
	if cert.Use != UseCA {
		return nil, fmt.Errorf("%w: %s is not an authority", ErrUsage, cert)
	}
	if key.Public() != cert.PublicKey {
		return nil, fmt.Errorf("%w: the key given is not that of %s", ErrNoKey, cert)
	}
	return &CA{Certificate: cert, key: key, rand: rand, now: time.Now, life: LeafLife}, nil
}

// WithValidity returns an authority that issues from notBefore for life, within
// its own validity: for rehearsals and tests. By default certificates begin now
// and live LeafLife.
func (ca *CA) WithValidity(notBefore time.Time, life time.Duration) *CA {
	out := *ca
	out.now, out.life = func() time.Time { return notBefore }, life
	return &out
}

// Intermediate issues an authority below this one, which issues the leaves.
func (ca *CA) Intermediate(p sm.Provider, name string, life time.Duration) (*CA, error) {
	key, err := p.GenerateKey(ca.rand)
	if err != nil {
		return nil, fmt.Errorf("key of authority %q: %w", name, err)
	}
	template := authorityTemplate(name, ca.now(), life)
	template.MaxPathLen, template.MaxPathLenZero = 0, true
	der, err := create(ca.rand, template, ca.Certificate.parsed, key.Public(), ca.key)
	if err != nil {
		return nil, fmt.Errorf("certificate of authority %q: %w", name, err)
	}
	return LoadCA(p, ca.rand, der, key.Scalar())
}

// IssuePair issues the domain's own signing and encryption certificates.
func (ca *CA) IssuePair(domain string, sign, encrypt crypto.PublicKey) (Pair, error) {
	return ca.issue(domain, RoleDomain, "", sign, encrypt)
}

// IssueReplica issues the pair of one member of the domain's Raft group. It
// never speaks for the domain on a link.
func (ca *CA) IssueReplica(domain, replica string, sign, encrypt crypto.PublicKey) (Pair, error) {
	if !nameForm.MatchString(replica) {
		return Pair{}, fmt.Errorf("%w: %q is not a replica's name like county-1", ErrCertificate, replica)
	}
	return ca.issue(domain, RoleReplica, replica, sign, encrypt)
}

// Scalar returns the authority's private key, 32 bytes, to be sealed.
func (ca *CA) Scalar() []byte { return ca.key.Scalar() }

// String names the authority and nothing secret.
func (ca *CA) String() string { return "authority " + ca.Certificate.String() }

// Format answers every verb with String.
func (ca *CA) Format(s fmt.State, _ rune) { fmt.Fprint(s, ca.String()) }

func (ca *CA) issue(domain string, role Role, name string, sign, encrypt crypto.PublicKey) (p Pair, err error) {
	if !domainForm.MatchString(domain) {
		return Pair{}, fmt.Errorf("%w: %q is not a domain like 320582", ErrCertificate, domain)
	}
	if sign == encrypt {
		return Pair{}, fmt.Errorf("%w: one key may not both sign and encrypt", ErrUsage)
	}
	const encipher = x509.KeyUsageKeyEncipherment | x509.KeyUsageDataEncipherment | x509.KeyUsageKeyAgreement
	subject := leafSubject{domain, role, name}
	if p.Sign, err = ca.leaf(subject, x509.KeyUsageDigitalSignature, sign); err != nil {
		return Pair{}, err
	}
	if p.Encrypt, err = ca.leaf(subject, encipher, encrypt); err != nil {
		return Pair{}, err
	}
	if ca.Certificate.Subject != ca.Certificate.Issuer {
		p.Chain = []*Certificate{ca.Certificate}
	}
	return p, nil
}

type leafSubject struct {
	domain string
	role   Role
	name   string
}

func (ca *CA) leaf(s leafSubject, usage x509.KeyUsage, pub crypto.PublicKey) (*Certificate, error) {
	unit := string(s.role)
	if s.name != "" {
		unit += " " + s.name
	}
	begin := ca.now().Add(-time.Minute) // clocks differ a little
	end := begin.Add(ca.life)
	if last := ca.Certificate.NotAfter; end.After(last) {
		end = last
	}
	id := sm.KeyIDOf(defaultProvider(), pub)
	template := &x509.Certificate{
		Subject:      pkix.Name{Country: []string{"CN"}, Organization: []string{"Yizhan"}, OrganizationalUnit: []string{unit}, CommonName: s.domain},
		NotBefore:    begin,
		NotAfter:     end,
		KeyUsage:     usage,
		SubjectKeyId: id[:20],
		URIs:         []*url.URL{uriOf(s.domain, s.role, s.name)},
		// Some verifiers insist on it for either end of a channel.
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	der, err := create(ca.rand, template, ca.Certificate.parsed, pub, ca.key)
	if err != nil {
		return nil, fmt.Errorf("issuing to %s: %w", s.domain, err)
	}
	return ParseCertificate(der)
}

func authorityTemplate(name string, notBefore time.Time, life time.Duration) *x509.Certificate {
	return &x509.Certificate{
		Subject:               pkix.Name{Country: []string{"CN"}, Organization: []string{"Yizhan"}, CommonName: name},
		NotBefore:             notBefore,
		NotAfter:              notBefore.Add(life),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
}

// create lends the library's encoder a key of the selected provider.
func create(rand io.Reader, template, parent any, pub crypto.PublicKey, key sm.PrivateKey) ([]byte, error) {
	subject, err := libraryKey(pub)
	if err != nil {
		return nil, err
	}
	issuer, err := libraryKey(key.Public())
	if err != nil {
		return nil, err
	}
	return smx509.CreateCertificate(rand, template, parent, subject, certSigner{key, issuer})
}

func libraryKey(pub crypto.PublicKey) (*ecdsa.PublicKey, error) {
	key, err := gmsm2.NewPublicKey(append([]byte{4}, pub[:]...))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", sm.ErrPublicKey, err)
	}
	return key, nil
}

// certSigner signs TBS bytes with a key of either provider.
type certSigner struct {
	key sm.PrivateKey
	pub *ecdsa.PublicKey
}

func (s certSigner) Public() stdcrypto.PublicKey { return s.pub }

// Sign is given the message, not a digest: SM2 hashes it with the signer's id.
func (s certSigner) Sign(_ io.Reader, tbs []byte, _ stdcrypto.SignerOpts) ([]byte, error) {
	sig, err := s.key.Sign(tbs)
	if err != nil {
		return nil, err
	}
	return sig.DER(), nil
}
