package channel

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"time"
)

// NewTLS returns the transport over TLS 1.3 (RFC 8446): forward secrecy from
// TLS, identity from SM2. The server's TLS certificate is made here, belongs to
// nobody and is believed by nobody; nothing is ever resumed.
func NewTLS(o Options) (Transport, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	cert, err := ephemeralCertificate()
	if err != nil {
		return nil, fmt.Errorf("channel: certificate of this process: %w", err)
	}
	return &tlsTransport{Options: o, cert: cert}, nil
}

type tlsTransport struct {
	Options
	cert tls.Certificate
}

func (t *tlsTransport) Client(ctx context.Context, conn net.Conn, self Identity, peerDomain, protocol string) (*Conn, error) {
	inner := tls.Client(conn, &tls.Config{
		MinVersion:         tls.VersionTLS13,
		ServerName:         peerDomain,
		NextProtos:         []string{protocol},
		InsecureSkipVerify: true, // the binding authenticates: see DESIGN.md
	})
	return guard(ctx, t.Timeout, conn, inner, func() (*Conn, error) {
		if err := inner.Handshake(); err != nil {
			return nil, handshakeError(err)
		}
		b, err := t.binding(inner)
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

func (t *tlsTransport) Server(ctx context.Context, conn net.Conn) (*Conn, error) {
	var self Identity
	inner := tls.Server(conn, &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(info *tls.ClientHelloInfo) (*tls.Config, error) {
			var err error
			self, err = t.hosted(info.ServerName, info.SupportedProtos)
			return t.serverConfig(info.SupportedProtos), err
		},
	})
	return guard(ctx, t.Timeout, conn, inner, func() (*Conn, error) {
		if err := inner.Handshake(); err != nil {
			return nil, handshakeError(err)
		}
		b, err := t.binding(inner)
		if err != nil {
			return nil, err
		}
		peer, err := b.server(self, inner.ConnectionState().NegotiatedProtocol)
		if err != nil {
			return nil, err
		}
		return t.newConn(inner, self, peer)
	})
}

func (t *tlsTransport) serverConfig(protocols []string) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{t.cert},
		SessionTicketsDisabled: true,
		NextProtos:             protocols,
	}
}

func (t *tlsTransport) binding(inner *tls.Conn) (*binding, error) {
	state := inner.ConnectionState()
	exporter, err := state.ExportKeyingMaterial(exporterLabel, nil, exporterSize)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	return &binding{Options: t.Options, conn: inner, transport: "tls", exporter: exporter}, nil
}

// hosted finds the identity that a client asks for by server name and the one
// protocol that it offers.
func (o Options) hosted(domain string, protocols []string) (Identity, error) {
	if len(protocols) != 1 {
		return Identity{}, fmt.Errorf("%w: a client offers exactly one protocol, got %d", ErrRole, len(protocols))
	}
	id, ok := o.Host(domain, protocols[0])
	if !ok || id.Domain != domain {
		return Identity{}, fmt.Errorf("%w: %q for %q", ErrUnknownDomain, domain, protocols[0])
	}
	return id, nil
}

// ephemeralCertificate is what TLS 1.3 demands of a server. It lives as long as
// the process and says nothing.
func ephemeralCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280 §4.1.2.5: no end
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
