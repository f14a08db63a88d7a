package trust

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"net/url"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

const (
	blockRequest = "CERTIFICATE REQUEST"
	scalarSize   = 32
)

// Request makes a PKCS #10 request (GM/T 0014 §6) in PEM, for an outside
// authority, for one key of the holder: the domain itself, or its replica when
// replica is not "". What comes back is read by ParsePair and installed by
// Store.Rotate.
func Request(rand io.Reader, domain, replica string, key sm.PrivateKey) ([]byte, error) {
	role := RoleDomain
	if replica != "" {
		role = RoleReplica
	}
	if !domainForm.MatchString(domain) || (replica != "" && !nameForm.MatchString(replica)) {
		return nil, fmt.Errorf("%w: cannot request a certificate for %q %q", ErrCertificate, domain, replica)
	}
	pub, err := libraryKey(key.Public())
	if err != nil {
		return nil, err
	}
	template := &x509.CertificateRequest{
		Subject: pkix.Name{Country: []string{"CN"}, CommonName: domain},
		URIs:    []*url.URL{uriOf(domain, role, replica)},
	}
	der, err := smx509.CreateCertificateRequest(rand, template, certSigner{key, pub})
	if err != nil {
		return nil, fmt.Errorf("request for %s: %w", domain, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockRequest, Bytes: der}), nil
}

// ParseKeyPEM reads a private key that an outside authority made, as some do for
// encryption keys: an unencrypted SM2 key as PKCS #8 or SEC 1. Any failure is
// sm.ErrKey and tells nothing about the key.
func ParseKeyPEM(p sm.Provider, text []byte) (sm.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%w: not PEM", sm.ErrKey)
	}
	key, err := parseKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	scalar := key.D.FillBytes(make([]byte, scalarSize))
	defer clear(scalar)
	return p.ParseKey(scalar)
}

func parseKey(der []byte) (*sm2.PrivateKey, error) {
	if key, err := smx509.ParsePKCS8PrivateKey(der); err == nil {
		if k, ok := key.(*sm2.PrivateKey); ok {
			return k, nil
		}
	}
	if key, err := smx509.ParseSM2PrivateKey(der); err == nil {
		return key, nil
	}
	return nil, fmt.Errorf("%w: not an unencrypted SM2 private key", sm.ErrKey)
}
