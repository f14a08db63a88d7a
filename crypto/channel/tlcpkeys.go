package channel

import (
	stdcrypto "crypto"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/tjfoc/gmsm/gmtls"
	"github.com/tjfoc/gmsm/sm2"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// closeLimit bounds the farewell of a closing connection whose peer is stuck.
const closeLimit = 2 * time.Second

// serverPair is the order that the library wants: one entry to sign with, one to
// decrypt with; all certificates are sent in this order.
func serverPair(id Identity) []gmtls.Certificate {
	return []gmtls.Certificate{
		{Certificate: [][]byte{id.Certificate}, PrivateKey: tlcpSigner{id.Sign}},
		{Certificate: append([][]byte{id.EncryptCertificate}, id.Chain...), PrivateKey: tlcpOpener{id.Encrypt}},
	}
}

func clientPair(id Identity) gmtls.Certificate {
	return gmtls.Certificate{
		Certificate: append([][]byte{id.Certificate, id.EncryptCertificate}, id.Chain...),
		PrivateKey:  tlcpSigner{id.Sign},
	}
}

// tlcpSigner lets the library sign with a key of any provider or device.
type tlcpSigner struct{ crypto.Signer }

// Public is not asked for in TLCP: the certificate has the key.
func (tlcpSigner) Public() stdcrypto.PublicKey { return nil }

// Sign is given the message itself: SM2 hashes it with the signer's id.
func (s tlcpSigner) Sign(_ io.Reader, msg []byte, _ stdcrypto.SignerOpts) ([]byte, error) {
	sig, err := s.Signer.Sign(msg)
	if err != nil {
		return nil, err
	}
	return sig.DER(), nil
}

// tlcpOpener lets the library open the pre-master secret the same way.
type tlcpOpener struct{ crypto.Opener }

func (tlcpOpener) Public() stdcrypto.PublicKey { return nil }

// Decrypt is given 04‖x‖y‖C3‖C2, made by the library from the wire's DER.
func (o tlcpOpener) Decrypt(_ io.Reader, raw []byte, _ stdcrypto.DecrypterOpts) ([]byte, error) {
	const least = 1 + 64 + 32 + 1
	if len(raw) < least {
		return nil, fmt.Errorf("%w: key exchange too short", ErrHandshake)
	}
	der, err := sm2.CipherMarshal(raw)
	if err != nil {
		return nil, err
	}
	return o.Unwrap(der)
}

// guardedConn is a connection of the library whose panics end the connection,
// which closes once, within closeLimit, and answers net.ErrClosed afterwards.
type guardedConn struct {
	*gmtls.Conn
	raw    net.Conn
	closed atomic.Bool
}

func (c *guardedConn) Read(p []byte) (n int, err error) {
	defer c.recovered(&err)
	n, err = c.Conn.Read(p)
	return n, c.explain(err)
}

func (c *guardedConn) Write(p []byte) (n int, err error) {
	defer c.recovered(&err)
	n, err = c.Conn.Write(p)
	return n, c.explain(err)
}

func (c *guardedConn) Close() (err error) {
	if !c.closed.CompareAndSwap(false, true) {
		return nil
	}
	defer c.recovered(&err)
	_ = c.raw.SetWriteDeadline(time.Now().Add(closeLimit)) // else Close below fails as well
	err = c.Conn.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// SetDeadline and its kin reach the connection beneath even before the library
// has one of its own.
func (c *guardedConn) SetDeadline(t time.Time) error      { return c.raw.SetDeadline(t) }
func (c *guardedConn) SetReadDeadline(t time.Time) error  { return c.raw.SetReadDeadline(t) }
func (c *guardedConn) SetWriteDeadline(t time.Time) error { return c.raw.SetWriteDeadline(t) }

func (c *guardedConn) recovered(err *error) {
	if r := recover(); r != nil {
		_ = c.raw.Close() // the panic is the error to tell
		*err = fmt.Errorf("channel: the TLCP library gave up on the peer's bytes: %v", r)
	}
}

// explain makes every failure after Close the one that callers test for.
func (c *guardedConn) explain(err error) error {
	if err != nil && err != io.EOF && c.closed.Load() {
		return net.ErrClosed
	}
	return err
}

// handshakeError classes a failure of the handshake under the binding: an alert from
// the other side is its refusal, the rest is ours.
func handshakeError(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return fmt.Errorf("%w: %w", ErrHandshake, err)
}
