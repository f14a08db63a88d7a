package sm

import (
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"hash"
	"io"
	"math/big"

	"github.com/tjfoc/gmsm/sm2"
	"github.com/tjfoc/gmsm/sm3"
	"github.com/tjfoc/gmsm/sm4"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// tjfoc is github.com/tjfoc/gmsm: pure Go. It multiplies points without asking
// whether they are on the curve, so every point is checked before it gets one;
// its arithmetic takes time that depends on the private key.
type tjfoc struct{}

func (tjfoc) Name() string { return TJFOC }

func (p tjfoc) Sum(parts ...[]byte) (d crypto.Digest) {
	h := p.NewHash()
	for _, part := range parts {
		h.Write(part)
	}
	h.Sum(d[:0])
	return d
}

func (tjfoc) NewHash() hash.Hash { return tjfocHash{sm3.New()} }

// tjfocHash restores the contract of hash.Hash: the library's Sum(b) absorbs b
// into the state and returns the digest without it, which breaks HMAC.
type tjfocHash struct{ hash.Hash }

func (h tjfocHash) Sum(b []byte) []byte { return append(b, h.Hash.Sum(nil)...) }

// Write feeds pages, because the library copies all that one call is given.
func (h tjfocHash) Write(p []byte) (int, error) {
	const page = 4096
	n := len(p)
	for len(p) > page {
		h.Hash.Write(p[:page])
		p = p[page:]
	}
	h.Hash.Write(p)
	return n, nil
}

// NewGCM gives each AEAD a block of its own: the library's block keeps scratch
// space and gives wrong answers when two goroutines share it.
func (tjfoc) NewGCM(key []byte) (cipher.AEAD, error) {
	block, err := sm4.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("%w: an SM4 key has %d bytes, got %d", ErrKey, KeySize, len(key))
	}
	return cipher.NewGCM(block)
}

func (p tjfoc) GenerateKey(rand io.Reader) (PrivateKey, error) {
	d, err := sampleScalar(rand)
	if err != nil {
		return nil, err
	}
	return p.ParseKey(d)
}

func (p tjfoc) ParseKey(d []byte) (PrivateKey, error) {
	if !scalarInRange(d) {
		return nil, fmt.Errorf("%w: scalar is not in [1, n-2]", ErrKey)
	}
	k := &tjfocKey{key: &sm2.PrivateKey{D: new(big.Int).SetBytes(d)}}
	curve := sm2.P256Sm2()
	k.key.Curve = curve
	//lint:ignore SA1019 the library offers d·G in no other way
	k.key.X, k.key.Y = curve.ScalarBaseMult(d)
	k.key.X.FillBytes(k.pub[:32])
	k.key.Y.FillBytes(k.pub[32:])
	k.id = KeyIDOf(p, k.pub)
	return k, nil
}

func (tjfoc) Verify(pub crypto.PublicKey, msg []byte, sig crypto.Signature) error {
	key, err := tjfocPublic(pub)
	if err != nil {
		return err
	}
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
	if !signatureInRange(sig) || !sm2.Sm2Verify(key, msg, nil, r, s) {
		return ErrSignature
	}
	return nil
}

func (tjfoc) Encrypt(rand io.Reader, pub crypto.PublicKey, secret []byte) ([]byte, error) {
	if err := checkSecret(secret); err != nil {
		return nil, err
	}
	key, err := tjfocPublic(pub)
	if err != nil {
		return nil, err
	}
	raw, err := sm2.Encrypt(key, secret, rand, sm2.C1C3C2)
	if err != nil {
		return nil, err
	}
	c, err := fromRaw(raw)
	if err != nil {
		return nil, err
	}
	return c.marshal()
}

func tjfocPublic(pub crypto.PublicKey) (*sm2.PublicKey, error) {
	x, y := coordinates(pub)
	if !onCurve(x, y) {
		return nil, ErrPublicKey
	}
	return &sm2.PublicKey{Curve: sm2.P256Sm2(), X: x, Y: y}, nil
}

type tjfocKey struct {
	key *sm2.PrivateKey
	pub crypto.PublicKey
	id  crypto.KeyID
}

func (k *tjfocKey) KeyID() crypto.KeyID      { return k.id }
func (k *tjfocKey) Public() crypto.PublicKey { return k.pub }
func (k *tjfocKey) Scalar() []byte           { return k.key.D.FillBytes(make([]byte, 32)) }

func (k *tjfocKey) Sign(msg []byte) (crypto.Signature, error) {
	return k.signWith(rand.Reader, msg)
}

func (k *tjfocKey) signWith(rand io.Reader, msg []byte) (sig crypto.Signature, err error) {
	r, s, err := sm2.Sm2Sign(k.key, msg, nil, rand) // nil is the default signer id
	if err != nil {
		return sig, fmt.Errorf("%w: signing: %w", ErrKey, err)
	}
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return sig, nil
}

// Unwrap discards what the library returns beside an error: it is the
// unauthenticated plaintext.
func (k *tjfocKey) Unwrap(der []byte) ([]byte, error) {
	c, err := parseCiphertext(der)
	if err != nil {
		return nil, err
	}
	secret, err := sm2.Decrypt(k.key, c.raw(), sm2.C1C3C2)
	if err != nil {
		return nil, ErrDecrypt
	}
	return secret, nil
}
