package trust

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net"
	"path/filepath"
	"testing"
)

func TestAnAnchorComesBackFromItsFile(t *testing.T) {
	p := provider(t)
	a := anchorOf(authority(t, p), authority(t, p))
	path := filepath.Join(t.TempDir(), "anchor.pem")
	check(t, a.Save(path))
	b, err := LoadAnchor(path)
	check(t, err)
	if b.Root != a.Root || len(b.CAs) != 2 || !bytes.Equal(a.CAs[1], b.CAs[1]) {
		t.Errorf("came back as %s with %d authorities", b.Root, len(b.CAs))
	}
}

func TestAnAnchorFileOfTwoMindsIsRefused(t *testing.T) {
	p := provider(t)
	ca := authority(t, p)
	other := anchorOf(ca)
	other.Root = "330000"
	_, pair := issue(t, ca, p, county)
	for _, text := range [][]byte{
		nil, pemOf(ca.Certificate),
		append(anchorOf(ca).PEM(), other.PEM()...),
		Anchor{Root: "320000"}.PEM(),
	} {
		_, err := ParseAnchor(text)
		refused(t, err, ErrCertificate)
	}
	_, err := ParseAnchor(Anchor{Root: "320000", CAs: [][]byte{pair.Sign.Raw}}.PEM())
	refused(t, err, ErrUsage)
}

func TestAPairFromOutsideIsSortedByUse(t *testing.T) {
	p := provider(t)
	root := authority(t, p)
	middle, err := root.Intermediate(p, "Trial City CA", 2*year)
	check(t, err)
	_, pair := issue(t, middle.WithValidity(noon, year), p, county)
	text := bytes.Join([][]byte{pemOf(middle.Certificate), pemOf(pair.Encrypt), pemOf(pair.Sign)}, nil)
	got, err := ParsePair(text)
	check(t, err)
	check(t, verifier(t, p, root).VerifyPair(got, county, noon))
	again, err := ParsePair(EncodePair(got))
	check(t, err)
	if !bytes.Equal(EncodePair(again), EncodePair(pair)) {
		t.Error("the pair changed on its way")
	}
	_, err = ParsePair(pemOf(pair.Sign))
	refused(t, err, ErrUsage)
	_, err = ParsePair(append(EncodePair(pair), pemOf(pair.Sign)...))
	refused(t, err, ErrUsage)
}

func TestAnAuthorityComesBackOnlyWithItsOwnKey(t *testing.T) {
	p := provider(t)
	ca := authority(t, p)
	again, err := LoadCA(p, rand.Reader, ca.Certificate.Raw, ca.Scalar())
	check(t, err)
	_, pair := issue(t, again.WithValidity(noon, year), p, county)
	check(t, verifier(t, p, ca).VerifyPair(pair, county, noon))
	_, err = LoadCA(p, rand.Reader, ca.Certificate.Raw, newKeys(t, p).Sign.Scalar())
	refused(t, err, ErrNoKey)
}

func TestOrdinaryTLSClientsReachTheAPI(t *testing.T) {
	ca, err := NewAPICA(rand.Reader, county)
	check(t, err)
	sealed, err := ca.Marshal()
	check(t, err)
	ca, err = ParseAPICA(rand.Reader, sealed)
	check(t, err)
	issued, err := ca.NewAPIServerCert("gateway.example", "127.0.0.1")
	check(t, err)
	server, err := issued.TLS()
	check(t, err)
	issued, err = ca.NewAPIClientCert("wjw@320582")
	check(t, err)
	client, err := issued.TLS()
	check(t, err)
	a, b := net.Pipe()
	done := make(chan error, 1)
	s := tls.Server(b, &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool()})
	go func() { done <- s.Handshake() }()
	check(t, tls.Client(a, &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1", Certificates: []tls.Certificate{client}}).Handshake())
	check(t, <-done)
	if cn := s.ConnectionState().PeerCertificates[0].Subject.CommonName; cn != "wjw@320582" {
		t.Errorf("the unit reads %q", cn)
	}
	_, err = ca.NewAPIServerCert()
	refused(t, err, ErrUsage)
	if _, err := server.Leaf.Verify(x509.VerifyOptions{Roots: ca.Pool(), DNSName: "elsewhere.example"}); err == nil {
		t.Error("the certificate is good for any host")
	}
}
