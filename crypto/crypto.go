// Package crypto holds the small fixed-size types that every other package
// uses to speak of national cryptography (SM2, SM3, SM4), and the two
// interfaces behind which private keys live. It performs no cryptography
// itself: providers are in crypto/sm.
package crypto

import (
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
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

type derSignature struct{ R, S *big.Int }

// DER returns SEQUENCE{r INTEGER, s INTEGER} (GB/T 35276 §7.3), the form that
// OpenSSL and certificate tools read.
func (s Signature) DER() []byte {
	der, err := asn1.Marshal(derSignature{new(big.Int).SetBytes(s[:32]), new(big.Int).SetBytes(s[32:])})
	if err != nil { // two non-negative integers always encode
		panic("crypto: encoding two integers failed: " + err.Error())
	}
	return der
}

// ParseSignature reads the DER form. Only the canonical encoding of two
// integers of at most 256 bits is accepted.
func ParseSignature(der []byte) (Signature, error) {
	var v derSignature
	var s Signature
	rest, err := asn1.Unmarshal(der, &v)
	if err != nil || len(rest) != 0 {
		return s, fmt.Errorf("%w: signature is not SEQUENCE{r, s}", ErrEncoding)
	}
	if v.R.Sign() <= 0 || v.S.Sign() <= 0 || v.R.BitLen() > 256 || v.S.BitLen() > 256 {
		return s, fmt.Errorf("%w: signature value out of range", ErrEncoding)
	}
	v.R.FillBytes(s[:32])
	v.S.FillBytes(s[32:])
	return s, nil
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
