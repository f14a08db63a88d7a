// Package sm puts two independent implementations of SM2, SM3 and SM4 behind
// one seam. Each is held to the same conformance suite, and whichever is not
// selected is the witness of the other in the power-on self-test.
package sm

import (
	"crypto/cipher"
	"hash"
	"io"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// Sizes, in bytes.
const (
	KeySize   = 16 // an SM4 key (GB/T 32907)
	NonceSize = 12 // a GCM nonce
	TagSize   = 16 // a GCM tag

	// MinSecret and MaxSecret bound what SM2 encrypts. Below 16 bytes the key
	// stream of GB/T 32918.4 A5 is all zero often enough to matter, and the
	// libraries disagree about that case; above, a wrapped SM4 key does better.
	MinSecret = 16
	MaxSecret = 1024
)

// Provider is one implementation of the national algorithms. A Provider is
// safe for concurrent use; what its methods return is safe only where said.
type Provider interface {
	// Name is the value of crypto.provider: "emmansun" or "tjfoc".
	Name() string
	// Sum returns SM3 over the concatenation of parts.
	Sum(parts ...[]byte) crypto.Digest
	// NewHash returns a fresh SM3 state, for one goroutine.
	NewHash() hash.Hash
	// NewGCM returns SM4-GCM with 12-byte nonces and 16-byte tags under a
	// 16-byte key. The AEAD is for one goroutine at a time.
	NewGCM(key []byte) (cipher.AEAD, error)
	// GenerateKey makes an SM2 key from rand (crypto/rand.Reader outside tests).
	// The same bytes make the same key with every provider. A failure is ErrKey.
	GenerateKey(rand io.Reader) (PrivateKey, error)
	// ParseKey restores a key from its 32-byte scalar d, big endian, 1 ≤ d ≤ n-2
	// (GB/T 32918.1 §6.1). A failure is ErrKey.
	ParseKey(d []byte) (PrivateKey, error)
	// Verify reports whether sig is SM2-with-SM3 over msg under the default
	// signer id (GB/T 32918.2). A nil error is the only success; a failure is
	// ErrSignature or ErrPublicKey.
	Verify(pub crypto.PublicKey, msg []byte, sig crypto.Signature) error
	// Encrypt encrypts a secret of MinSecret to MaxSecret bytes to pub:
	// SEQUENCE{x,y,C3,C2} (GB/T 35276 §7.2), in canonical DER. A failure is
	// ErrPublicKey, ErrSecretSize or that of rand.
	Encrypt(rand io.Reader, pub crypto.PublicKey, secret []byte) ([]byte, error)
}

// PrivateKey is an SM2 key held in memory. It is safe for concurrent use.
// Every failure of Unwrap is ErrDecrypt and says nothing more, so that an
// answer to a made-up ciphertext teaches nothing about the key.
type PrivateKey interface {
	crypto.Signer
	crypto.Opener
	// Public returns the point d·G.
	Public() crypto.PublicKey
	// Scalar returns d, 32 bytes big endian. Only the key store calls it.
	Scalar() []byte
}
