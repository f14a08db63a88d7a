package trust

import (
	"crypto/rand"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/emmansun/gmsm/smx509"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

func TestARequestForAnOutsideAuthorityVerifies(t *testing.T) {
	both(t, func(t *testing.T, p sm.Provider) {
		text, err := Request(rand.Reader, county, "county-1", newKeys(t, p).Sign)
		check(t, err)
		block, _ := pem.Decode(text)
		r, err := smx509.ParseCertificateRequest(block.Bytes)
		check(t, err)
		check(t, r.CheckSignature())
		if r.Subject.CommonName != county || r.URIs[0].String() != "yizhan://320582/replica/county-1" {
			t.Errorf("request is for %s %s", r.Subject, r.URIs)
		}
	})
	_, err := Request(rand.Reader, "county", "", newKeys(t, provider(t)).Sign)
	refused(t, err, ErrCertificate)
}

func TestKeysFromOpenSSLAreUnderstood(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if out, err := exec.Command(openssl, "genpkey", "-algorithm", "SM2", "-out", file).CombinedOutput(); err != nil {
		t.Skipf("openssl without SM2: %s", out)
	}
	pkcs8, err := os.ReadFile(file)
	check(t, err)
	both(t, func(t *testing.T, p sm.Provider) {
		key, err := ParseKeyPEM(p, pkcs8)
		check(t, err)
		sig, err := key.Sign([]byte("x"))
		check(t, err)
		check(t, p.Verify(key.Public(), []byte("x"), sig))
		_, err = ParseKeyPEM(p, pemOf(authority(t, p).Certificate))
		refused(t, err, sm.ErrKey)
		_, err = ParseKeyPEM(p, nil)
		refused(t, err, sm.ErrKey)
	})
}
