// Package crypto holds the small fixed-size types that every other package
// uses to speak of national cryptography (SM2, SM3, SM4), and the two
// interfaces behind which private keys live. It performs no cryptography
// itself: providers are in crypto/sm.
package crypto

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Digest is an SM3 digest (GB/T 32905), 32 bytes.
type Digest [32]byte

// KeyID names a public key: the SM3 digest of its 64-byte point X‖Y.
type KeyID [32]byte

// PublicKey is a point on the SM2 curve (GB/T 32918.5), X‖Y, big endian.
type PublicKey [64]byte

// Signature is an SM2 signature r‖s (GB/T 32918.2), big endian.
type Signature [64]byte

// ErrEncoding reports text or DER that is not a well-formed value of its type.
var ErrEncoding = errors.New("crypto: malformed encoding")

// String returns the digest in lower-case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Short returns the first eight hexadecimal digits, for messages to people.
func (d Digest) Short() string { return hex.EncodeToString(d[:4]) }

// IsZero reports whether the digest was never set.
func (d Digest) IsZero() bool { return d == Digest{} }

// ParseDigest reads 64 hexadecimal digits.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if len(s) != 2*len(d) {
		return d, fmt.Errorf("%w: a digest has %d hexadecimal digits, got %d characters", ErrEncoding, 2*len(d), len(s))
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return Digest{}, fmt.Errorf("%w: digest is not hexadecimal", ErrEncoding)
	}
	return d, nil
}

// String returns the key id in lower-case hexadecimal.
func (k KeyID) String() string { return hex.EncodeToString(k[:]) }

// Short returns the first eight hexadecimal digits, for messages to people.
func (k KeyID) Short() string { return hex.EncodeToString(k[:4]) }

// IsZero reports whether the key was never set.
func (p PublicKey) IsZero() bool { return p == PublicKey{} }

// DER returns SEQUENCE{r INTEGER, s INTEGER} (GB/T 35276 §7.3), the form that
// OpenSSL and certificate tools read.
func (s Signature) DER() []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(s[:32]))
		b.AddASN1BigInt(new(big.Int).SetBytes(s[32:]))
	})
	return b.BytesOrPanic() // two non-negative integers always encode
}

// ParseSignature reads the DER form. Only the canonical encoding of two
// positive integers of at most 256 bits is accepted, so that a signature has
// one encoding and nothing can be hidden behind it.
func ParseSignature(der []byte) (Signature, error) {
	var inner cryptobyte.String
	var r, v []byte
	in := cryptobyte.String(der)
	if !in.ReadASN1(&inner, asn1.SEQUENCE) || !in.Empty() ||
		!inner.ReadASN1Integer(&r) || !inner.ReadASN1Integer(&v) || !inner.Empty() {
		return Signature{}, fmt.Errorf("%w: signature is not SEQUENCE{r, s}", ErrEncoding)
	}
	var s Signature
	if !fillPositive(s[:32], r) || !fillPositive(s[32:], v) {
		return Signature{}, fmt.Errorf("%w: signature value out of range", ErrEncoding)
	}
	return s, nil
}

// fillPositive right-aligns the minimal big-endian bytes of an integer in dst
// and reports whether it is positive and fits.
func fillPositive(dst, v []byte) bool {
	if len(v) == 0 || len(v) > len(dst) || (len(v) == 1 && v[0] == 0) {
		return false
	}
	copy(dst[len(dst)-len(v):], v)
	return true
}

// Signer signs with one SM2 private key. Implementations are safe for
// concurrent use. Keys may live in memory or in a device.
type Signer interface {
	// KeyID names the key whose public half verifies the signature.
	KeyID() KeyID
	// Sign returns SM2-with-SM3 over msg under the default signer id
	// "1234567812345678" (GB/T 35276). msg must begin with its context: see
	// Signed.
	Sign(msg []byte) (Signature, error)
}

// Opener unwraps small secrets that were encrypted to one SM2 public key.
// Implementations are safe for concurrent use.
type Opener interface {
	// KeyID names the key that the secret was wrapped for.
	KeyID() KeyID
	// Unwrap decrypts an SM2 ciphertext SEQUENCE{x,y,C3,C2} (GB/T 35276 §7.2).
	Unwrap(der []byte) ([]byte, error)
}
