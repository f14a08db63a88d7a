package sm

import (
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rand"
	"fmt"
	"hash"
	"io"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// emmansun is github.com/emmansun/gmsm: assembly, constant time in the private
// key, safe for concurrent use.
type emmansun struct{}

func (emmansun) Name() string { return Emmansun }

func (emmansun) Sum(parts ...[]byte) (d crypto.Digest) {
	if len(parts) == 1 {
		return sm3.Sum(parts[0])
	}
	h := sm3.New()
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(d[:0])
	return d
}

func (emmansun) NewHash() hash.Hash { return sm3.New() }

func (emmansun) NewGCM(key []byte) (cipher.AEAD, error) {
	block, err := sm4.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("%w: an SM4 key has %d bytes, got %d", ErrKey, KeySize, len(key))
	}
	return cipher.NewGCM(block)
}

func (p emmansun) GenerateKey(rand io.Reader) (PrivateKey, error) {
	d, err := sampleScalar(rand)
	if err != nil {
		return nil, err
	}
	return p.ParseKey(d)
}

func (p emmansun) ParseKey(d []byte) (PrivateKey, error) {
	if !scalarInRange(d) {
		return nil, fmt.Errorf("%w: scalar is not in [1, n-2]", ErrKey)
	}
	key, err := sm2.NewPrivateKey(d)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	k := &emmansunKey{key: key}
	key.X.FillBytes(k.pub[:32])
	key.Y.FillBytes(k.pub[32:])
	k.id = KeyIDOf(p, k.pub)
	return k, nil
}

func (p emmansun) Verify(pub crypto.PublicKey, msg []byte, sig crypto.Signature) error {
	key, err := emmansunPublic(pub)
	if err != nil {
		return err
	}
	if !signatureInRange(sig) || !sm2.VerifyASN1WithSM2(key, nil, msg, sig.DER()) {
		return ErrSignature
	}
	return nil
}

func (emmansun) Encrypt(rand io.Reader, pub crypto.PublicKey, secret []byte) ([]byte, error) {
	if err := checkSecret(secret); err != nil {
		return nil, err
	}
	key, err := emmansunPublic(pub)
	if err != nil {
		return nil, err
	}
	return sm2.EncryptASN1(rand, key, secret)
}

// emmansunPublic restores a point; the library checks that it is on the curve.
func emmansunPublic(pub crypto.PublicKey) (*ecdsa.PublicKey, error) {
	var point [65]byte
	point[0] = 4
	copy(point[1:], pub[:])
	key, err := sm2.NewPublicKey(point[:])
	if err != nil {
		return nil, ErrPublicKey
	}
	return key, nil
}

type emmansunKey struct {
	key *sm2.PrivateKey
	pub crypto.PublicKey
	id  crypto.KeyID
}

func (k *emmansunKey) KeyID() crypto.KeyID      { return k.id }
func (k *emmansunKey) Public() crypto.PublicKey { return k.pub }
func (k *emmansunKey) Scalar() []byte           { return k.key.D.FillBytes(make([]byte, 32)) }

func (k *emmansunKey) Sign(msg []byte) (crypto.Signature, error) {
	return k.signWith(rand.Reader, msg)
}

func (k *emmansunKey) signWith(rand io.Reader, msg []byte) (crypto.Signature, error) {
	der, err := k.key.Sign(rand, msg, sm2.DefaultSM2SignerOpts)
	if err != nil {
		return crypto.Signature{}, fmt.Errorf("%w: signing: %w", ErrKey, err)
	}
	return crypto.ParseSignature(der)
}

func (k *emmansunKey) Unwrap(der []byte) ([]byte, error) {
	if _, err := parseCiphertext(der); err != nil {
		return nil, err
	}
	secret, err := k.key.Decrypt(nil, der, sm2.ASN1DecrypterOpts)
	if err != nil {
		return nil, ErrDecrypt
	}
	return secret, nil
}
