package sm

import (
	"errors"
	"fmt"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// Names of the providers, the values of crypto.provider.
const (
	Emmansun = "emmansun"
	TJFOC    = "tjfoc"
)

// Failure classes. Every error of this package wraps one of them, but for those
// of the random source that the caller gave to Encrypt.
var (
	// ErrSignature reports a signature that does not verify, for any reason
	// that is not the public key.
	ErrSignature = errors.New("sm: invalid signature")
	// ErrPublicKey reports a public key that is not a point on the SM2 curve.
	ErrPublicKey = errors.New("sm: public key is not on the curve")
	// ErrDecrypt reports a ciphertext that does not open. It never says why.
	ErrDecrypt = errors.New("sm: cannot decrypt")
	// ErrKey reports a key of the wrong length or out of range.
	ErrKey = errors.New("sm: invalid key")
	// ErrSecretSize reports a secret outside MinSecret … MaxSecret bytes.
	ErrSecretSize = errors.New("sm: secret has a size that SM2 does not wrap")
	// ErrUnknownProvider reports a name that no provider has.
	ErrUnknownProvider = errors.New("sm: unknown provider")
	// ErrSelfTest reports that the power-on self-test failed.
	ErrSelfTest = errors.New("power-on self-test failed")
)

// New returns the provider of that name; "" is Emmansun. Any other name is
// ErrUnknownProvider.
func New(name string) (Provider, error) {
	switch name {
	case "", Emmansun:
		return emmansun{}, nil
	case TJFOC:
		return tjfoc{}, nil
	}
	return nil, fmt.Errorf("%w %q: want %q or %q", ErrUnknownProvider, name, Emmansun, TJFOC)
}

// Witness returns the provider that checks the one called name in the power-on
// self-test: the other one.
func Witness(name string) (Provider, error) {
	selected, err := New(name)
	if err != nil {
		return nil, err
	}
	if selected.Name() == Emmansun {
		return tjfoc{}, nil
	}
	return emmansun{}, nil
}

// KeyIDOf names a public key: SM3(X‖Y). It does not check the point.
func KeyIDOf(p Provider, pub crypto.PublicKey) crypto.KeyID {
	return crypto.KeyID(p.Sum(pub[:]))
}
