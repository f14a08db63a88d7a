package sm

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// Names of the primitives, as the self-test reports them.
const (
	PrimitiveSM3     = "sm3"
	PrimitiveGCM     = "sm4-gcm"
	PrimitiveSign    = "sm2-sign"
	PrimitiveVerify  = "sm2-verify"
	PrimitiveEncrypt = "sm2-encrypt"
	PrimitiveDecrypt = "sm2-decrypt"
	PrimitiveRandom  = "random"
)

// selfTests holds, per primitive, what p must answer alone and what w must
// find right about p's work on fresh input.
var selfTests = []struct {
	primitive string
	known     func(p Provider, v *knownAnswers) error
	crossed   func(p, w Provider) error
}{
	{PrimitiveSM3, knownDigest, crossDigest},
	{PrimitiveGCM, knownGCM, crossGCM},
	{PrimitiveSign, knownSign, crossSign},
	{PrimitiveVerify, knownVerify, crossVerify},
	{PrimitiveEncrypt, knownEncrypt, crossEncrypt},
	{PrimitiveDecrypt, knownDecrypt, crossDecrypt},
	{PrimitiveRandom, knownRandom, crossRandom},
}

// Primitives lists what SelfTest tests, in its order.
func Primitives() []string {
	names := make([]string, len(selfTests))
	for i, t := range selfTests {
		names[i] = t.primitive
	}
	return names
}

// SelfTest is the power-on self-test: each primitive of both providers is held
// to a published known answer, and then one does it on fresh input and the
// other checks it. The first failure is returned; it wraps ErrSelfTest and
// names the primitive and the provider. It takes about 15 ms. A node whose
// self-test fails must not start.
func SelfTest(selected, witness Provider) error {
	v, err := loadKnownAnswers()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSelfTest, err)
	}
	if selected.Name() == witness.Name() {
		return fmt.Errorf("%w: %s cannot be its own witness", ErrSelfTest, selected.Name())
	}
	for _, t := range selfTests {
		for _, pair := range [2][2]Provider{{selected, witness}, {witness, selected}} {
			p, w := pair[0], pair[1]
			if err := errors.Join(t.known(p, v), t.crossed(p, w)); err != nil {
				return fmt.Errorf("%w: %s of provider %s: %w", ErrSelfTest, t.primitive, p.Name(), err)
			}
		}
	}
	return nil
}

var (
	errKnown    = errors.New("known answer differs")
	errCross    = errors.New("the other provider disagrees")
	errTampered = errors.New("altered input was accepted")
)

func want(ok bool, failure error) error {
	if ok {
		return nil
	}
	return failure
}

func freshBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails: a broken source ends the process
	return b
}

func crossDigest(p, w Provider) error {
	msg := freshBytes(1000)
	d := p.Sum(msg[:100], msg[100:])
	corrupt(PrimitiveSM3, d[:])
	return want(d == w.Sum(msg), errCross)
}

func crossGCM(p, w Provider) error {
	key, nonce, plain := freshBytes(KeySize), freshBytes(NonceSize), freshBytes(1000)
	mine, err := p.NewGCM(key)
	if err != nil {
		return err
	}
	theirs, err := w.NewGCM(key)
	if err != nil {
		return err
	}
	sealed := mine.Seal(nil, nonce, plain, key)
	corrupt(PrimitiveGCM, sealed)
	opened, err := theirs.Open(nil, nonce, sealed, key)
	return want(err == nil && bytes.Equal(opened, plain), errCross)
}

func crossSign(p, w Provider) error {
	key, err := p.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	msg := freshBytes(100)
	sig, err := key.Sign(msg)
	if err != nil {
		return err
	}
	corrupt(PrimitiveSign, sig[:])
	return want(w.Verify(key.Public(), msg, sig) == nil, errCross)
}

func crossVerify(p, w Provider) error {
	key, err := w.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	msg := freshBytes(100)
	sig, err := key.Sign(msg)
	if err != nil {
		return err
	}
	return want(accepts(p, key.Public(), msg, sig), errCross)
}

func crossEncrypt(p, w Provider) error {
	key, err := w.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	secret := freshBytes(48)
	der, err := p.Encrypt(rand.Reader, key.Public(), secret)
	if err != nil {
		return err
	}
	corrupt(PrimitiveEncrypt, der)
	opened, err := key.Unwrap(der)
	return want(err == nil && bytes.Equal(opened, secret), errCross)
}

func crossDecrypt(p, w Provider) error {
	key, err := p.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	secret := freshBytes(48)
	der, err := w.Encrypt(rand.Reader, key.Public(), secret)
	if err != nil {
		return err
	}
	opened, err := key.Unwrap(der)
	corrupt(PrimitiveDecrypt, opened)
	return want(err == nil && bytes.Equal(opened, secret), errCross)
}

// crossRandom makes two keys: they must differ, and the witness must find the
// same points for their scalars.
func crossRandom(p, w Provider) error {
	var pubs [2]crypto.PublicKey
	for i := range pubs {
		key, err := p.GenerateKey(randomSource())
		if err != nil {
			return err
		}
		same, err := w.ParseKey(key.Scalar())
		if err != nil || same.Public() != key.Public() {
			return errCross
		}
		pubs[i] = key.Public()
	}
	return want(pubs[0] != pubs[1], errors.New("two fresh keys are the same"))
}

// accepts is the verdict of p's Verify.
func accepts(p Provider, pub crypto.PublicKey, msg []byte, sig crypto.Signature) bool {
	verdict := []byte{0}
	if p.Verify(pub, msg, sig) == nil {
		verdict[0] = 1
	}
	corrupt(PrimitiveVerify, verdict)
	return verdict[0] == 1
}

// randomSource is the system's source, which corruption makes stand still.
func randomSource() io.Reader { return corruptReader(PrimitiveRandom, rand.Reader) }
