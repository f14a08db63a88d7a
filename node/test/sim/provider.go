package sim

import (
	"bytes"
	"crypto/sha256"
	"io"
	"sync"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

// pretend is a provider for simulation only: digests and ciphers are real, what
// a key does is a digest of its public half, so that anybody could forge it.
// It costs a hundredth of SM2, and the same call always gives the same bytes.
//
// Certificates bear real signatures, because the encoder of certificates
// insists; each is verified once and remembered.
type pretend struct {
	sm.Provider
	believed *sync.Map
}

// pretendKey has a real point, for certificates, and signs with nothing secret.
type pretendKey struct{ sm.PrivateKey }

// Name implements sm.Provider.
func (pretend) Name() string { return "pretend" }

// GenerateKey implements sm.Provider.
func (p pretend) GenerateKey(rand io.Reader) (sm.PrivateKey, error) {
	k, err := p.Provider.GenerateKey(rand)
	return pretendKey{k}, err
}

// ParseKey implements sm.Provider.
func (p pretend) ParseKey(d []byte) (sm.PrivateKey, error) {
	k, err := p.Provider.ParseKey(d)
	return pretendKey{k}, err
}

// Verify implements sm.Provider.
func (p pretend) Verify(pub crypto.PublicKey, msg []byte, sig crypto.Signature) error {
	want := pretendSignature(pub, msg)
	if want == sig {
		return nil
	}
	known := [2]crypto.Signature{want, sig}
	if _, ok := p.believed.Load(known); ok {
		return nil
	}
	err := p.Provider.Verify(pub, msg, sig)
	if err == nil {
		p.believed.Store(known, true)
	}
	return err
}

// Encrypt implements sm.Provider. The recipient, a nonce and the masked secret
// stand where SM2 has its own.
func (pretend) Encrypt(rand io.Reader, pub crypto.PublicKey, secret []byte) ([]byte, error) {
	var nonce [32]byte
	if _, err := io.ReadFull(rand, nonce[:]); err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1OctetString(nonce[:])
		b.AddASN1OctetString(masked(pub, nonce[:], secret))
	})
	return b.Bytes()
}

// Sign implements crypto.Signer.
func (k pretendKey) Sign(msg []byte) (crypto.Signature, error) {
	return pretendSignature(k.Public(), msg), nil
}

// Unwrap implements crypto.Opener.
func (k pretendKey) Unwrap(der []byte) ([]byte, error) {
	in := cryptobyte.String(der)
	var inner, nonce, hidden cryptobyte.String
	if !in.ReadASN1(&inner, asn1.SEQUENCE) || !inner.ReadASN1(&nonce, asn1.OCTET_STRING) || !inner.ReadASN1(&hidden, asn1.OCTET_STRING) {
		return nil, sm.ErrDecrypt
	}
	return unmasked(k.Public(), nonce, hidden)
}

// pretendSignature binds key and message. The first bytes keep both halves
// positive, as integers of a signature are.
func pretendSignature(pub crypto.PublicKey, msg []byte) (sig crypto.Signature) {
	h := sha256.New()
	h.Write(pub[:])
	h.Write(msg)
	h.Sum(sig[:0])
	second := sha256.Sum256(sig[:32])
	copy(sig[32:], second[:])
	sig[0] |= 1
	sig[32] |= 1
	return sig
}

// masked appends a check to a secret and hides both under a stream.
func masked(pub crypto.PublicKey, nonce, secret []byte) []byte {
	check := sha256.Sum256(append(pub[:], secret...))
	return mask(pub, nonce, append(bytes.Clone(secret), check[:]...))
}

func unmasked(pub crypto.PublicKey, nonce, hidden []byte) ([]byte, error) {
	plain := mask(pub, nonce, hidden)
	if len(plain) < sha256.Size {
		return nil, sm.ErrDecrypt
	}
	secret, check := plain[:len(plain)-sha256.Size], plain[len(plain)-sha256.Size:]
	if want := sha256.Sum256(append(pub[:], secret...)); !bytes.Equal(want[:], check) {
		return nil, sm.ErrDecrypt
	}
	return secret, nil
}

func mask(pub crypto.PublicKey, nonce, data []byte) []byte {
	out := bytes.Clone(data)
	block := sha256.Sum256(append(pub[:], nonce...))
	for i := range out {
		if i > 0 && i%len(block) == 0 {
			block = sha256.Sum256(block[:])
		}
		out[i] ^= block[i%len(block)]
	}
	return out
}
