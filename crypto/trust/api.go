package trust

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"
)

const (
	apiLife    = 10 * 365 * 24 * time.Hour // of the authority
	apiOldest  = 365 * 24 * time.Hour      // of a server or client: ordinary clients accept little more
	serialBits = 127
	blockECKey = "EC PRIVATE KEY"
)

// APICA is the small ordinary authority (ECDSA P-256) of a domain's client API.
// Ordinary TLS clients cannot do SM2, so the doors for units and persons speak
// TLS with these certificates. It proves nothing between domains.
type APICA struct {
	Certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	rand        io.Reader
	now         func() time.Time
}

// APICert is a certificate and its key in PEM, the certificate of the authority
// last. Key prints as nothing: see String.
type APICert struct {
	CertificatePEM []byte
	KeyPEM         []byte
}

// String tells that there is a certificate, not what its key is.
func (c APICert) String() string { return "trust.APICert{…}" }

// Format answers every verb with String.
func (c APICert) Format(s fmt.State, _ rune) { fmt.Fprint(s, c.String()) }

// TLS returns the form that crypto/tls wants.
func (c APICert) TLS() (tls.Certificate, error) { return tls.X509KeyPair(c.CertificatePEM, c.KeyPEM) }

// NewAPICA makes the authority of a domain's API.
func NewAPICA(rand io.Reader, domain string) (*APICA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand)
	if err != nil {
		return nil, fmt.Errorf("API authority of %s: %w", domain, err)
	}
	ca := &APICA{key: key, rand: rand, now: time.Now}
	begin := ca.now().Add(-time.Minute)
	template := &x509.Certificate{
		Subject:   pkix.Name{Organization: []string{"Yizhan"}, CommonName: "Yizhan API " + domain},
		NotBefore: begin, NotAfter: begin.Add(apiLife),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		IsCA:     true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	if ca.Certificate, err = ca.sign(template, template, key); err != nil {
		return nil, fmt.Errorf("API authority of %s: %w", domain, err)
	}
	return ca, nil
}

// ParseAPICA restores an authority from the PEM of Marshal.
func ParseAPICA(rand io.Reader, c APICert) (*APICA, error) {
	pair, err := c.TLS()
	if err != nil {
		return nil, fmt.Errorf("%w: API authority: %w", ErrDamaged, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("%w: not an API authority", ErrUsage)
	}
	return &APICA{Certificate: pair.Leaf, key: key, rand: rand, now: time.Now}, nil
}

// Marshal returns the authority for safekeeping: seal KeyPEM.
func (ca *APICA) Marshal() (APICert, error) { return encodeAPI(ca.key, ca.Certificate) }

// PEM returns the certificate that clients put in their trust store.
func (ca *APICA) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: ca.Certificate.Raw})
}

// NewAPIServerCert issues a server certificate for host names and IP addresses.
// No hosts is ErrUsage.
func (ca *APICA) NewAPIServerCert(hosts ...string) (APICert, error) {
	if len(hosts) == 0 {
		return APICert{}, fmt.Errorf("%w: a server certificate names at least one host", ErrUsage)
	}
	t := ca.template(hosts[0], x509.ExtKeyUsageServerAuth)
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	return ca.issue(t)
}

// NewAPIClientCert issues a client certificate whose common name is the unit:
// "wjw@320582".
func (ca *APICA) NewAPIClientCert(unit string) (APICert, error) {
	return ca.issue(ca.template(unit, x509.ExtKeyUsageClientAuth))
}

// Pool returns a pool of this authority alone, to verify servers or clients.
func (ca *APICA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Certificate)
	return pool
}

func (ca *APICA) template(name string, use x509.ExtKeyUsage) *x509.Certificate {
	begin := ca.now().Add(-time.Minute)
	return &x509.Certificate{
		Subject:   pkix.Name{Organization: []string{"Yizhan"}, CommonName: name},
		NotBefore: begin, NotAfter: begin.Add(apiOldest),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{use},
	}
}

func (ca *APICA) issue(t *x509.Certificate) (APICert, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), ca.rand)
	if err != nil {
		return APICert{}, err
	}
	cert, err := ca.sign(t, ca.Certificate, key)
	if err != nil {
		return APICert{}, fmt.Errorf("API certificate of %s: %w", t.Subject.CommonName, err)
	}
	return encodeAPI(key, cert, ca.Certificate)
}

func (ca *APICA) sign(t, parent *x509.Certificate, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	serial := make([]byte, serialBits/8+1)
	if _, err := io.ReadFull(ca.rand, serial); err != nil {
		return nil, err
	}
	serial[0] &= 0x7f
	t.SerialNumber = new(big.Int).SetBytes(serial)
	der, err := x509.CreateCertificate(ca.rand, t, parent, key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func encodeAPI(key *ecdsa.PrivateKey, certs ...*x509.Certificate) (c APICert, err error) {
	for _, cert := range certs {
		c.CertificatePEM = append(c.CertificatePEM, pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: cert.Raw})...)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return APICert{}, err
	}
	c.KeyPEM = pem.EncodeToMemory(&pem.Block{Type: blockECKey, Bytes: der})
	return c, nil
}
