package sm

import (
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// ciphertext is C1 = (x, y), C3 = SM3(x₂‖M‖y₂), C2 = M ⊕ t (GB/T 32918.4 §6.1).
type ciphertext struct {
	x, y *big.Int
	c3   []byte // 32 bytes
	c2   []byte // as long as the secret
}

// marshal returns SEQUENCE{x, y, C3, C2} (GB/T 35276 §7.2).
func (c ciphertext) marshal() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(c.x)
		b.AddASN1BigInt(c.y)
		b.AddASN1OctetString(c.c3)
		b.AddASN1OctetString(c.c2)
	})
	return b.Bytes()
}

// parseCiphertext reads the DER form and checks every length and the point, so
// that a library sees only what it can compute on. Anything else is ErrDecrypt.
func parseCiphertext(der []byte) (ciphertext, error) {
	var inner cryptobyte.String
	c := ciphertext{x: new(big.Int), y: new(big.Int)}
	in := cryptobyte.String(der)
	if !in.ReadASN1(&inner, asn1.SEQUENCE) || !in.Empty() ||
		!inner.ReadASN1Integer(c.x) || !inner.ReadASN1Integer(c.y) ||
		!inner.ReadASN1Bytes(&c.c3, asn1.OCTET_STRING) ||
		!inner.ReadASN1Bytes(&c.c2, asn1.OCTET_STRING) || !inner.Empty() {
		return ciphertext{}, ErrDecrypt
	}
	if c.x.Sign() < 0 || c.y.Sign() < 0 || !onCurve(c.x, c.y) ||
		len(c.c3) != 32 || len(c.c2) < MinSecret || len(c.c2) > MaxSecret {
		return ciphertext{}, ErrDecrypt
	}
	return c, nil
}

// raw returns 04‖x‖y‖C3‖C2.
func (c ciphertext) raw() []byte {
	out := make([]byte, 65, 65+len(c.c3)+len(c.c2))
	out[0] = 4
	c.x.FillBytes(out[1:33])
	c.y.FillBytes(out[33:65])
	return append(append(out, c.c3...), c.c2...)
}

// fromRaw splits 04‖x‖y‖C3‖C2 as the library made it.
func fromRaw(raw []byte) (ciphertext, error) {
	if len(raw) < 97+MinSecret || raw[0] != 4 {
		return ciphertext{}, fmt.Errorf("%w: the library returned %d bytes", ErrDecrypt, len(raw))
	}
	x, y := new(big.Int).SetBytes(raw[1:33]), new(big.Int).SetBytes(raw[33:65])
	return ciphertext{x: x, y: y, c3: raw[65:97], c2: raw[97:]}, nil
}

func checkSecret(secret []byte) error {
	if len(secret) < MinSecret || len(secret) > MaxSecret {
		return fmt.Errorf("%w: %d bytes, want %d to %d", ErrSecretSize, len(secret), MinSecret, MaxSecret)
	}
	return nil
}
