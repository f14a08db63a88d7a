// Package channel connects replicas to replicas and domains to domains. Both
// ends of every connection have shown an SM2 identity before the first
// application byte, and each end knows the other's domain, role and
// incarnation. Two transports do this, TLS 1.3 and TLCP (GB/T 38636); DESIGN.md
// says what each protects.
package channel

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
)

// Protocols, the ALPN names (RFC 7301) of what runs on a connection.
const (
	// ProtocolRaft carries Raft: replicas of one domain only.
	ProtocolRaft = "yz-raft"
	// ProtocolReplica carries gRPC between replicas of one domain.
	ProtocolReplica = "yz-replica"
	// ProtocolLink carries gRPC between domains, each showing its own pair.
	ProtocolLink = "yz-link"
)

// DefaultTimeout bounds a handshake, from the first byte to the last frame.
const DefaultTimeout = 10 * time.Second

// Failure classes of a handshake, beside those of package trust. The side that
// refuses returns the class; the other side learns it as ErrRefused wrapping
// the same class where the refusal could still be told.
var (
	// ErrHandshake reports bytes that are no handshake of ours: cut short,
	// malformed, out of time or not understood by the library beneath.
	ErrHandshake = errors.New("channel: handshake failed")
	// ErrProof reports a signature that does not bind the peer's identity to
	// this connection: a relay, a replay or a stolen certificate.
	ErrProof = errors.New("channel: identity is not bound to this connection")
	// ErrRole reports a role that does not speak the protocol asked for.
	ErrRole = errors.New("channel: role does not speak this protocol")
	// ErrUnknownDomain reports a domain that this node does not host.
	ErrUnknownDomain = errors.New("channel: domain is not hosted here")
	// ErrUnauthorized reports that Authorize refused an authentic peer.
	ErrUnauthorized = errors.New("channel: peer is not authorized")
	// ErrRefused reports that the peer refused us.
	ErrRefused = errors.New("channel: refused by the peer")
)

// Identity is what a node presents for one domain and role. Its keys may live
// in a device. It is immutable once made.
type Identity struct {
	Domain      string     // "320582"
	Role        trust.Role // what the certificate says
	Name        string     // a replica's name, "" for the domain itself
	Incarnation uint64     // raised when a backup was restored; see DESIGN.md of node/link

	Sign               crypto.Signer
	Certificate        []byte // DER, signing
	Encrypt            crypto.Opener
	EncryptCertificate []byte   // DER, encryption
	Chain              [][]byte // DER, authorities up to but without the anchor
}

// NewIdentity makes an identity of a holder's keys and certificates, as
// trust.Store returns them.
func NewIdentity(keys trust.Keys, pair trust.Pair, incarnation uint64) Identity {
	return Identity{
		Domain: pair.Sign.Domain, Role: pair.Sign.Role, Name: pair.Sign.Name, Incarnation: incarnation,
		Sign: keys.Sign, Certificate: pair.Sign.Raw,
		Encrypt: keys.Encrypt, EncryptCertificate: pair.Encrypt.Raw,
		Chain: pair.RawChain(),
	}
}

// String names the identity without its keys.
func (id Identity) String() string { return describe(id.Domain, id.Role, id.Name) }

// Peer is who is at the other end. Domain, role and name come from the verified
// certificate; the incarnation is the peer's signed claim.
type Peer struct {
	Domain      string
	Role        trust.Role
	Name        string
	Incarnation uint64
	Protocol    string // what the connection is for
	Certificate []byte // DER, signing
	Key         crypto.KeyID
	EncryptKey  crypto.KeyID
}

// String names the peer for logs.
func (p Peer) String() string { return describe(p.Domain, p.Role, p.Name) }

// Authorize decides about an authentic peer, by the directory: membership,
// revocation of either key, incarnation. It runs after cryptographic
// authentication and before any application byte, on both ends, concurrently
// for several connections. An error closes the connection; its text stays here.
type Authorize func(local Identity, peer Peer) error

// Transport makes authenticated connections. Both methods consume conn: they
// close it when they fail. They return within Options.Timeout, or earlier when
// ctx ends. A Transport is safe for concurrent use.
type Transport interface {
	// Client connects as self to a hosted domain for a protocol.
	Client(ctx context.Context, conn net.Conn, self Identity, peerDomain, protocol string) (*Conn, error)
	// Server answers a client as the domain that the client asks for.
	Server(ctx context.Context, conn net.Conn) (*Conn, error)
}

// Conn is an authenticated connection. Its methods are safe for concurrent use
// as those of any net.Conn; Close is idempotent and ends blocked calls.
type Conn struct {
	net.Conn
	Local    Identity
	Peer     Peer
	Protocol string

	live *Live
}

// Close says goodbye to the peer, as far as it listens, and ends blocked calls.
func (c *Conn) Close() error {
	if c.live != nil {
		c.live.remove(c)
	}
	return c.Conn.Close()
}

// Options are what a transport needs to know. Only Trust is required of a
// client; a server also needs Host.
type Options struct {
	// Provider signs and verifies; nil is the default provider.
	Provider sm.Provider
	// Trust verifies the peer's certificates.
	Trust *trust.Verifier
	// Host returns the identity with which this node answers for a domain on a
	// protocol: the domain's own on ProtocolLink, a replica's on the others.
	Host func(domain, protocol string) (Identity, bool)
	// Authorize is asked last; nil accepts every authentic peer.
	Authorize Authorize
	// Live keeps the connections that are open; nil keeps none. With it,
	// Authorize is asked twice for each.
	Live *Live
	// Timeout bounds a handshake; zero is DefaultTimeout.
	Timeout time.Duration
	// Now is the clock for validity; nil is time.Now.
	Now func() time.Time
}

// withDefaults fills what may be left out.
func (o Options) withDefaults() (Options, error) {
	if o.Trust == nil {
		return o, errors.New("channel: Options.Trust is required: without anchors nobody can be believed")
	}
	if o.Provider == nil {
		p, err := sm.New("")
		if err != nil {
			return o, err
		}
		o.Provider = p
	}
	if o.Host == nil {
		o.Host = func(string, string) (Identity, bool) { return Identity{}, false }
	}
	if o.Authorize == nil {
		o.Authorize = func(Identity, Peer) error { return nil }
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}

// Dial connects to addr over TCP and authenticates both ends.
func Dial(ctx context.Context, t Transport, addr string, self Identity, peerDomain, protocol string) (*Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return t.Client(ctx, conn, self, peerDomain, protocol)
}

func describe(domain string, role trust.Role, name string) string {
	if name != "" {
		return string(role) + " " + name + " of " + domain
	}
	return string(role) + " " + domain
}
