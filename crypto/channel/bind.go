package channel

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/cryptobyte"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
)

// exporterLabel makes the channel binding of RFC 9266 §2, 32 bytes.
const (
	exporterLabel = "EXPORTER-Channel-Binding"
	exporterSize  = 32
)

// A side signs as what it is, so that a proof is never good for the other end.
type side uint8

const (
	sideClient side = 1
	sideServer side = 2
)

// binding authenticates both ends of an encrypted but anonymous connection:
//
//	client → server   hello
//	server → client   hello, proof
//	client → server   proof
//	server → client   ready
//
// A proof signs everything that both sides said and the exporter of the
// connection beneath, so it is of no use on any other connection.
type binding struct {
	Options
	conn      io.ReadWriter
	transport string // "tls" or "tlcp"
	exporter  []byte
	// beneath are the certificates that the transport itself authenticated,
	// which must then be those of the hello. It is nil for TLS.
	beneath *verified
}

// verified is a peer's pair after the certificates were checked.
type verified struct {
	pair trust.Pair
}

// client binds as self to peerDomain and returns the authorized peer.
func (b *binding) client(self Identity, peerDomain, protocol string) (Peer, error) {
	mine, err := helloOf(self, peerDomain, protocol).marshal()
	if err != nil {
		return Peer{}, err
	}
	if err := b.write(appendFrame(nil, frameHello, mine)); err != nil {
		return Peer{}, err
	}
	theirs, h, err := b.readHello()
	if err != nil {
		return Peer{}, b.refuse(err)
	}
	peer, pub, err := b.check(h, self, peerDomain, protocol)
	if err != nil {
		return Peer{}, b.refuse(err)
	}
	said := b.statement(self, peer, mine, theirs, sideClient)
	if err := b.readProof(pub, said.by(sideServer)); err != nil {
		return Peer{}, b.refuse(err)
	}
	if err := b.authorize(self, peer); err != nil {
		return Peer{}, b.refuse(err)
	}
	proof, err := self.Sign.Sign(said.by(sideClient))
	if err != nil {
		return Peer{}, b.refuse(fmt.Errorf("%w: signing: %w", ErrHandshake, err))
	}
	if err := b.write(appendFrame(nil, frameProof, proof[:])); err != nil {
		return Peer{}, err
	}
	_, err = readFrame(b.conn, frameReady)
	return peer, err
}

// server binds as the identity that the connection beneath was opened for.
func (b *binding) server(self Identity, protocol string) (Peer, error) {
	theirs, h, err := b.readHello()
	if err != nil {
		return Peer{}, b.refuse(err)
	}
	peer, pub, err := b.check(h, self, "", protocol)
	if err != nil {
		return Peer{}, b.refuse(err)
	}
	mine, err := helloOf(self, peer.Domain, protocol).marshal()
	if err != nil {
		return Peer{}, b.refuse(err)
	}
	said := b.statement(self, peer, mine, theirs, sideServer)
	proof, err := self.Sign.Sign(said.by(sideServer))
	if err != nil {
		return Peer{}, b.refuse(fmt.Errorf("%w: signing: %w", ErrHandshake, err))
	}
	if err := b.write(appendFrame(appendFrame(nil, frameHello, mine), frameProof, proof[:])); err != nil {
		return Peer{}, err
	}
	if err := b.readProof(pub, said.by(sideClient)); err != nil {
		return Peer{}, b.refuse(err)
	}
	if err := b.authorize(self, peer); err != nil {
		return Peer{}, b.refuse(err)
	}
	return peer, b.write(appendFrame(nil, frameReady, nil))
}

func helloOf(id Identity, to, protocol string) hello {
	return hello{
		protocol: protocol, to: to, incarnation: id.Incarnation,
		sign: id.Certificate, encrypt: id.EncryptCertificate, chain: id.Chain,
	}
}

func (b *binding) readHello() ([]byte, hello, error) {
	body, err := readFrame(b.conn, frameHello)
	if err != nil {
		return nil, hello{}, err
	}
	h, err := parseHello(body)
	return body, h, err
}

// check verifies the certificates of a hello, that it is meant for us, and that
// the peer's role speaks the protocol. wantDomain is "" for a server.
func (b *binding) check(h hello, self Identity, wantDomain, protocol string) (Peer, crypto.PublicKey, error) {
	var none crypto.PublicKey
	if h.protocol != protocol {
		return Peer{}, none, fmt.Errorf("%w: peer speaks %q on a connection for %q", ErrRole, h.protocol, protocol)
	}
	if h.to != self.Domain {
		return Peer{}, none, fmt.Errorf("%w: peer wants %q, we are %s", trust.ErrWrongDomain, h.to, self)
	}
	pair, err := verifyPair(b.Options, b.beneath, h, wantDomain)
	if err != nil {
		return Peer{}, none, err
	}
	peer := Peer{
		Domain: pair.Sign.Domain, Role: pair.Sign.Role, Name: pair.Sign.Name,
		Incarnation: h.incarnation, Protocol: protocol, Certificate: pair.Sign.Raw,
		Key: pair.Sign.KeyID, EncryptKey: pair.Encrypt.KeyID,
	}
	return peer, pair.Sign.PublicKey, speaks(protocol, self, peer)
}

func (b *binding) readProof(pub crypto.PublicKey, statement []byte) error {
	body, err := readFrame(b.conn, frameProof)
	if err != nil {
		return err
	}
	sig, err := parseProof(body)
	if err != nil {
		return err
	}
	if err := b.Provider.Verify(pub, statement, sig); err != nil {
		return fmt.Errorf("%w: %w", ErrProof, err)
	}
	return nil
}

func (b *binding) authorize(self Identity, peer Peer) error {
	if err := b.Authorize(self, peer); err != nil {
		return unauthorized(peer, err)
	}
	return nil
}

func unauthorized(peer Peer, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnauthorized, peer, err)
}

func (b *binding) write(frames []byte) error {
	if _, err := b.conn.Write(frames); err != nil {
		return fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	return nil
}

// refuse tells the peer the class of err, as far as it still listens, and
// returns err. Nobody is told why when it was the peer that refused.
func (b *binding) refuse(err error) error {
	if !errors.Is(err, ErrRefused) {
		_, _ = b.conn.Write(appendFrame(nil, frameRefuse, []byte{codeOf(err)}))
	}
	return err
}

// statement is what both sides sign, apart from the side.
type statement struct {
	body []byte
}

// statement collects transport, protocol, both names, both incarnations, the
// digests of both hellos and the exporter. mine and theirs are hello bodies.
func (b *binding) statement(self Identity, peer Peer, mine, theirs []byte, as side) statement {
	client, server := partyOf(self, mine), party{peer.Domain, peer.Role, peer.Name, peer.Incarnation, theirs}
	if as == sideServer {
		client, server = server, client
	}
	var out cryptobyte.Builder
	addLabel(&out, b.transport)
	addLabel(&out, peer.Protocol)
	for _, p := range []party{client, server} {
		addLabel(&out, p.domain)
		addLabel(&out, string(p.role))
		addLabel(&out, p.name)
		out.AddUint64(p.incarnation)
		digest := b.Provider.Sum(p.hello)
		out.AddBytes(digest[:])
	}
	addLabel(&out, string(b.exporter))
	return statement{out.BytesOrPanic()} // labels were bounded when they were read
}

// by returns the bytes that one side signs, under crypto.ContextChannel.
func (s statement) by(as side) []byte {
	return crypto.WithContext(crypto.ContextChannel, append([]byte{byte(as)}, s.body...))
}

type party struct {
	domain      string
	role        trust.Role
	name        string
	incarnation uint64
	hello       []byte
}

func partyOf(id Identity, hello []byte) party {
	return party{id.Domain, id.Role, id.Name, id.Incarnation, hello}
}
