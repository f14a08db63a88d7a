package sm

import (
	"bytes"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// The recommended curve y² = x³ - 3x + b over GF(p), of prime order n
// (GB/T 32918.5 §2). These checks stand before the libraries because one of
// them computes on points that it never checked.
var (
	fieldPrime = mustInt("fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff")
	curveB     = mustInt("28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93")
	order      = mustInt("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123")

	orderBytes = order.FillBytes(make([]byte, 32))
	// maxScalar is n-2, the largest private key: n-1 has no inverse of 1+d.
	maxScalar = new(big.Int).Sub(order, big.NewInt(2)).FillBytes(make([]byte, 32))
	three     = big.NewInt(3)
)

func mustInt(digits string) *big.Int {
	b, err := hex.DecodeString(digits)
	if err != nil {
		panic("sm: curve constant: " + err.Error())
	}
	return new(big.Int).SetBytes(b)
}

// onCurve reports whether (x, y) is a point other than infinity with both
// coordinates below p. The order is prime, so such a point has no small
// subgroup to hide in. Coordinates are public: timing does not matter.
func onCurve(x, y *big.Int) bool {
	if x.Cmp(fieldPrime) >= 0 || y.Cmp(fieldPrime) >= 0 {
		return false
	}
	rhs := new(big.Int).Mul(x, x)
	rhs.Sub(rhs, three)
	rhs.Mul(rhs, x)
	rhs.Add(rhs, curveB)
	rhs.Mod(rhs, fieldPrime)
	lhs := new(big.Int).Mul(y, y)
	return lhs.Mod(lhs, fieldPrime).Cmp(rhs) == 0
}

// coordinates splits X‖Y.
func coordinates(pub crypto.PublicKey) (x, y *big.Int) {
	return new(big.Int).SetBytes(pub[:32]), new(big.Int).SetBytes(pub[32:])
}

// signatureInRange reports 1 ≤ r, s ≤ n-1 (GB/T 32918.2 §7.1 B1, B2).
func signatureInRange(sig crypto.Signature) bool {
	var zero [32]byte
	for _, v := range [][]byte{sig[:32], sig[32:]} {
		if bytes.Equal(v, zero[:]) || bytes.Compare(v, orderBytes) >= 0 {
			return false
		}
	}
	return true
}

// scalarInRange reports 1 ≤ d ≤ n-2 in time that does not depend on d.
func scalarInRange(d []byte) bool {
	if len(d) != 32 {
		return false
	}
	var zero [32]byte
	nonzero := 1 - subtle.ConstantTimeCompare(d, zero[:])
	return nonzero&atMost(d, maxScalar) == 1
}

// atMost returns 1 when a ≤ b as big-endian numbers of equal length, else 0,
// from the borrow of b - a.
func atMost(a, b []byte) int {
	borrow := 0
	for i := len(a) - 1; i >= 0; i-- {
		borrow = (int(b[i]) - int(a[i]) - borrow) >> 8 & 1
	}
	return 1 - borrow
}

// sampleScalar draws d uniformly from [1, n-2] by rejection. A fair source is
// rejected once in 2³²; one that is rejected often is broken, and the loop ends.
func sampleScalar(rand io.Reader) ([]byte, error) {
	d := make([]byte, 32)
	for range 8 {
		if _, err := io.ReadFull(rand, d); err != nil {
			return nil, fmt.Errorf("%w: reading randomness: %w", ErrKey, err)
		}
		if scalarInRange(d) {
			return d, nil
		}
	}
	return nil, fmt.Errorf("%w: the random source gives no usable scalar", ErrKey)
}
