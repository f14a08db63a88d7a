package channel

import (
	"context"
	"errors"
	"fmt"
	"net"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// AuthType is the name of our credentials in gRPC.
const AuthType = "yizhan"

// AuthInfo is what gRPC carries with every call on a channel.
type AuthInfo struct {
	credentials.CommonAuthInfo
	Local    Identity
	Peer     Peer
	Protocol string
}

// AuthType implements credentials.AuthInfo.
func (AuthInfo) AuthType() string { return AuthType }

// Credentials are a gRPC client's: connections as self to one domain.
func Credentials(t Transport, self Identity, peerDomain, protocol string) credentials.TransportCredentials {
	return RotatingCredentials(t, func() (Identity, error) { return self, nil }, peerDomain, protocol)
}

// RotatingCredentials asks for the identity at every connection, so that one
// made after a rotation shows the new certificates.
func RotatingCredentials(t Transport, self func() (Identity, error), peerDomain, protocol string) credentials.TransportCredentials {
	return &creds{transport: t, self: self, peerDomain: peerDomain, protocol: protocol}
}

// ServerCredentials authenticate the connections that a gRPC server accepts.
// They serve one protocol; on a shared port use a Mux with Accepted.
func ServerCredentials(t Transport, protocol string) credentials.TransportCredentials {
	return &creds{transport: t, protocol: protocol}
}

// Accepted are the credentials of a gRPC server behind a Mux, whose connections
// are authenticated already. Any other connection is refused.
func Accepted() credentials.TransportCredentials { return &creds{} }

// InfoFromContext returns what is known of the connection that a call came on.
func InfoFromContext(ctx context.Context) (AuthInfo, bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return AuthInfo{}, false
	}
	info, ok := p.AuthInfo.(AuthInfo)
	return info, ok
}

// PeerFromContext returns the authenticated peer of a call.
func PeerFromContext(ctx context.Context) (Peer, bool) {
	info, ok := InfoFromContext(ctx)
	return info.Peer, ok
}

type creds struct {
	transport  Transport
	self       func() (Identity, error)
	peerDomain string
	protocol   string
}

// ClientHandshake ignores the authority: the domain is what is verified.
func (c *creds) ClientHandshake(ctx context.Context, _ string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if c.self == nil {
		return nil, nil, errors.Join(errors.New("channel: credentials of a server used by a client"), raw.Close())
	}
	self, err := c.self()
	if err != nil {
		return nil, nil, errors.Join(err, raw.Close())
	}
	conn, err := c.transport.Client(ctx, raw, self, c.peerDomain, c.protocol)
	if err != nil {
		return nil, nil, err
	}
	return conn, infoOf(conn), nil
}

func (c *creds) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, ok := raw.(*Conn)
	if !ok && c.transport == nil {
		return nil, nil, errors.Join(errors.New("channel: connection did not come from a Mux"), raw.Close())
	}
	if !ok {
		var err error
		if conn, err = c.transport.Server(context.Background(), raw); err != nil {
			return nil, nil, err
		}
	}
	if c.protocol != "" && conn.Protocol != c.protocol {
		return nil, nil, errors.Join(fmt.Errorf("%w: %s on a server for %s", ErrRole, conn.Protocol, c.protocol), conn.Close())
	}
	return conn, infoOf(conn), nil
}

func (c *creds) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: AuthType}
}

func (c *creds) Clone() credentials.TransportCredentials { out := *c; return &out }

// OverrideServerName does nothing: the domain to verify is not negotiable.
func (c *creds) OverrideServerName(string) error { return nil }

func infoOf(c *Conn) AuthInfo {
	return AuthInfo{
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
		Local:          c.Local, Peer: c.Peer, Protocol: c.Protocol,
	}
}
