package trust

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tjsm2 "github.com/tjfoc/gmsm/sm2"
	tjx509 "github.com/tjfoc/gmsm/x509"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

func TestAnIssuedPairVerifiesAndNamesItsHolder(t *testing.T) {
	both(t, func(t *testing.T, p sm.Provider) {
		ca := authority(t, p)
		keys, pair := issue(t, ca, p, county)
		check(t, verifier(t, p, ca).VerifyPair(pair, county, noon))
		c := pair.Sign
		if c.Domain != county || c.Role != RoleDomain || c.Name != "" || c.Use != UseSign ||
			c.PublicKey != keys.Sign.Public() || c.KeyID != keys.Sign.KeyID() {
			t.Errorf("signing certificate says %+v", c)
		}
		if pair.Encrypt.Use != UseEncrypt || pair.Encrypt.KeyID != keys.Encrypt.KeyID() {
			t.Errorf("encryption certificate says %+v", pair.Encrypt)
		}
	})
}

func TestAReplicasCertificateNamesDomainAndReplica(t *testing.T) {
	p := provider(t)
	ca, k := authority(t, p), newKeys(t, p)
	pair, err := ca.IssueReplica("320582.health", "county-1", k.Sign.Public(), k.Encrypt.Public())
	check(t, err)
	check(t, verifier(t, p, ca).VerifyPair(pair, "320582.health", noon))
	if c := pair.Sign; c.Domain != "320582.health" || c.Role != RoleReplica || c.Name != "county-1" {
		t.Errorf("certificate says %+v", c)
	}
}

func TestEveryRefusalHasItsClass(t *testing.T) {
	both(t, func(t *testing.T, p sm.Provider) {
		ca, other := authority(t, p), authority(t, p)
		_, pair := issue(t, ca, p, county)
		_, neighbour := issue(t, ca, p, "320583")
		_, stranger := issue(t, other, p, county)
		v := verifier(t, p, ca)
		for _, c := range []struct {
			name string
			got  error
			want error
		}{
			{"after its end", v.VerifyPair(pair, county, noon.Add(2*year)), ErrExpired},
			{"before its begin", v.VerifyPair(pair, county, begin), ErrNotYetValid},
			{"of another domain", v.VerifyPair(neighbour, county, noon), ErrWrongDomain},
			{"of another authority of the same name", v.VerifyPair(stranger, county, noon), ErrUntrusted},
			{"encryption certificate to sign", v.Verify(pair.Encrypt, nil, UseSign, county, noon), ErrUsage},
			{"signing certificate to encrypt", v.Verify(pair.Sign, nil, UseEncrypt, county, noon), ErrUsage},
			{"authority as a peer", v.Verify(ca.Certificate, nil, UseSign, "", noon), ErrUsage},
			{"pair of two holders", v.VerifyPair(Pair{Sign: pair.Sign, Encrypt: neighbour.Encrypt}, "", noon), ErrWrongDomain},
			{"half a pair", v.VerifyPair(Pair{Sign: pair.Sign}, county, noon), ErrUsage},
		} {
			t.Run(c.name, func(t *testing.T) { refused(t, c.got, c.want) })
		}
	})
}

func TestAChainThroughAnIntermediateAuthorityVerifies(t *testing.T) {
	both(t, func(t *testing.T, p sm.Provider) {
		root := authority(t, p)
		middle, err := root.Intermediate(p, "Trial City CA", 2*year)
		check(t, err)
		_, pair := issue(t, middle.WithValidity(noon, year), p, county)
		v := verifier(t, p, root)
		check(t, v.VerifyPair(pair, county, noon))
		refused(t, v.VerifyPair(Pair{Sign: pair.Sign, Encrypt: pair.Encrypt}, county, noon), ErrUntrusted)
	})
}

func TestAnAuthorityMayNotExceedItsPathLength(t *testing.T) {
	p := provider(t)
	root := authority(t, p)
	middle, err := root.Intermediate(p, "Trial City CA", 5*year)
	check(t, err)
	below, err := middle.WithValidity(noon, 2*year).Intermediate(p, "Trial County CA", year)
	check(t, err)
	_, pair := issue(t, below.WithValidity(noon, year), p, county)
	chain := []*Certificate{below.Certificate, middle.Certificate}
	refused(t, verifier(t, p, root).Verify(pair.Sign, chain, UseSign, county, noon), ErrUntrusted)
}

func TestADomainCannotActAsAnAuthority(t *testing.T) {
	p := provider(t)
	root := authority(t, p)
	keys, pair := issue(t, root, p, county)
	// The domain signs a certificate with its own key and offers its own
	// certificate as the authority.
	template := &x509.Certificate{Subject: pair.Sign.parsed.Subject, NotBefore: noon, NotAfter: noon.Add(year),
		KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := create(rand.Reader, template, pair.Sign.parsed, newKeys(t, p).Sign.Public(), keys.Sign)
	check(t, err)
	forged, err := ParseCertificate(der)
	check(t, err)
	refused(t, verifier(t, p, root).Verify(forged, []*Certificate{pair.Sign}, UseSign, county, noon), ErrUntrusted)
}

func TestATamperedCertificateIsUntrusted(t *testing.T) {
	both(t, func(t *testing.T, p sm.Provider) {
		ca := authority(t, p)
		_, pair := issue(t, ca, p, county)
		der := bytes.Replace(pair.Sign.Raw, []byte(county), []byte("320583"), -1)
		c, err := ParseCertificate(der)
		check(t, err)
		refused(t, verifier(t, p, ca).Verify(c, nil, UseSign, "320583", noon), ErrUntrusted)
	})
}

func TestContradictoryNamesAreMalformed(t *testing.T) {
	p := provider(t)
	ca := authority(t, p)
	for _, uri := range []string{"yizhan://320583", "yizhan://320582/officer/x", "yizhan://320582/replica/", "yizhan://u@320582", "yizhan://320582?x"} {
		template := &x509.Certificate{NotBefore: noon, NotAfter: noon.Add(year), KeyUsage: x509.KeyUsageDigitalSignature}
		template.Subject.CommonName = county
		template.URIs = append(template.URIs, mustURL(t, uri))
		der, err := create(rand.Reader, template, ca.Certificate.parsed, newKeys(t, p).Sign.Public(), ca.key)
		check(t, err)
		_, err = ParseCertificate(der)
		refused(t, err, ErrCertificate)
	}
}

func TestNoErrorMentionsAKey(t *testing.T) {
	p := provider(t)
	ca := authority(t, p)
	keys, pair := issue(t, ca, p, county)
	err := verifier(t, p, ca).VerifyPair(pair, "320583", noon)
	for _, text := range []string{err.Error(), printed(keys), printed(ca)} {
		for _, k := range []sm.PrivateKey{keys.Sign, keys.Encrypt, ca.key} {
			if strings.Contains(text, hexOf(k.Scalar())) {
				t.Errorf("a private key appears in %q", text)
			}
		}
	}
}

func TestOpenSSLVerifiesWhatWeIssue(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	both(t, func(t *testing.T, p sm.Provider) {
		dir := t.TempDir()
		root, err := NewCA(p, rand.Reader, "Trial Root", time.Now().Add(-time.Hour), 10*year)
		check(t, err)
		_, pair := issue(t, root, p, county)
		anchor := filepath.Join(dir, "anchor.pem")
		check(t, anchorOf(root).Save(anchor))
		for _, c := range []*Certificate{pair.Sign, pair.Encrypt} {
			leaf := filepath.Join(dir, "leaf.pem")
			check(t, os.WriteFile(leaf, pemOf(c), 0o600))
			out, err := exec.Command(openssl, "verify", "-x509_strict",
				"-vfyopt", "distid:1234567812345678", "-CAfile", anchor, leaf).CombinedOutput()
			if err != nil {
				t.Errorf("openssl verify, %s: %s", c.Use, out)
			}
		}
	})
}

func TestTheOtherLibraryVerifiesWhatWeIssue(t *testing.T) {
	both(t, func(t *testing.T, p sm.Provider) {
		ca := authority(t, p)
		_, pair := issue(t, ca, p, county)
		root, err := tjx509.ParseCertificate(ca.Certificate.Raw)
		check(t, err)
		leaf, err := tjx509.ParseCertificate(pair.Sign.Raw)
		check(t, err)
		check(t, leaf.CheckSignatureFrom(root))
		if _, ok := leaf.PublicKey.(*tjsm2.PublicKey); ok {
			t.Log("library now has a type of its own for SM2 certificates")
		}
	})
}

func FuzzParseCertificate(f *testing.F) {
	p := provider(f)
	ca := authority(f, p)
	_, pair := issue(f, ca, p, county)
	v := verifier(f, p, ca)
	f.Add(pair.Sign.Raw)
	f.Add(pair.Encrypt.Raw)
	f.Add(ca.Certificate.Raw)
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := ParseCertificate(der)
		if err != nil {
			return
		}
		if err := v.Verify(c, nil, UseSign, county, noon); err == nil && !bytes.Equal(c.parsed.RawTBSCertificate, pair.Sign.parsed.RawTBSCertificate) {
			t.Error("a certificate that we did not issue verifies")
		}
	})
}
