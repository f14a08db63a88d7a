package channel

import (
	"context"
	"fmt"
	"net"

	"github.com/tjfoc/gmsm/gmtls"
	tjx509 "github.com/tjfoc/gmsm/x509"

	"github.com/yizhan-exchange/yizhan/crypto/trust"
)

// NewTLCP returns the transport over TLCP (GB/T 38636) with certificate pairs
// and the suite ECC_SM4_CBC_SM3, then the same binding as over TLS. Its key
// exchange is static: who obtains a server's encryption key reads recorded
// traffic. DESIGN.md lists what the library beneath does and how it is fenced.
func NewTLCP(o Options) (Transport, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	return &tlcpTransport{Options: o}, nil
}

type tlcpTransport struct{ Options }

func (t *tlcpTransport) Client(ctx context.Context, conn net.Conn, self Identity, peerDomain, protocol string) (*Conn, error) {
	seen := new(verified)
	config := t.config(seen, peerDomain)
	config.InsecureSkipVerify = true // for the library: VerifyPeerCertificate verifies
	own := clientPair(self)
	config.GetClientCertificate = func(*gmtls.CertificateRequestInfo) (*gmtls.Certificate, error) { return &own, nil }
	inner := &guardedConn{raw: conn}
	return guard(ctx, t.Timeout, conn, inner, func() (*Conn, error) {
		inner.Conn = gmtls.Client(&namingConn{Conn: conn, domain: peerDomain, protocol: protocol}, config)
		b, err := t.open(inner, seen)
		if err != nil {
			return nil, err
		}
		peer, err := b.client(self, peerDomain, protocol)
		if err != nil {
			return nil, err
		}
		return t.newConn(inner, self, peer)
	})
}

func (t *tlcpTransport) Server(ctx context.Context, conn net.Conn) (*Conn, error) {
	inner := &guardedConn{raw: conn}
	return guard(ctx, t.Timeout, conn, inner, func() (*Conn, error) {
		h, replay, err := readClientHello(conn)
		if err != nil {
			return nil, err
		}
		if err := h.acceptable(); err != nil {
			return nil, err
		}
		self, err := t.hosted(h.serverName, h.protocols)
		if err != nil {
			return nil, err
		}
		seen := new(verified)
		config := t.config(seen, "")
		config.Certificates = serverPair(self)
		config.ClientAuth = gmtls.RequireAnyClientCert // VerifyPeerCertificate verifies
		inner.Conn = gmtls.Server(replay, config)
		b, err := t.open(inner, seen)
		if err != nil {
			return nil, err
		}
		peer, err := b.server(self, h.protocols[0])
		if err != nil {
			return nil, err
		}
		return t.newConn(inner, self, peer)
	})
}

// config pins version and suite and leaves nothing to resume. It is made for
// one connection, because the library writes to it. The peer's certificates are
// verified here, before anything is decrypted or encrypted for it.
func (t *tlcpTransport) config(seen *verified, wantDomain string) *gmtls.Config {
	return &gmtls.Config{
		GMSupport:              gmtls.NewGMSupport(),
		MinVersion:             gmtls.VersionGMSSL,
		MaxVersion:             gmtls.VersionGMSSL,
		CipherSuites:           []uint16{gmtls.GMTLS_SM2_WITH_SM4_SM3},
		SessionTicketsDisabled: true,
		// Small first records help browsers; a record costs us a MAC and an IV.
		DynamicRecordSizingDisabled: true,
		VerifyPeerCertificate: func(ders [][]byte, _ [][]*tjx509.Certificate) (err error) {
			seen.pair, err = verifyCertificates(t.Options, ders, wantDomain)
			return err
		},
	}
}

// open runs the library's handshake and prepares the binding above it.
func (t *tlcpTransport) open(inner *guardedConn, seen *verified) (*binding, error) {
	if err := inner.Handshake(); err != nil {
		return nil, handshakeError(err)
	}
	state := inner.ConnectionState()
	if state.Version != gmtls.VersionGMSSL || state.CipherSuite != gmtls.GMTLS_SM2_WITH_SM4_SM3 || state.DidResume {
		return nil, fmt.Errorf("%w: negotiated version %#04x, suite %#04x", ErrHandshake, state.Version, state.CipherSuite)
	}
	if seen.pair.Sign == nil {
		return nil, fmt.Errorf("%w: the peer showed no certificates", trust.ErrUntrusted)
	}
	exporter, err := state.ExportKeyingMaterial(exporterLabel, nil, exporterSize)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	return &binding{Options: t.Options, conn: inner, transport: "tlcp", exporter: exporter, beneath: seen}, nil
}
