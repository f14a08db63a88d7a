package sm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/big"
	"math/bits"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// SM2 signing and encryption are randomised. Their known answers are reached
// by feeding the nonce of the standard's example through the random source;
// each provider says in what form its library draws a nonce.
type nonceFeeder interface {
	nonce(k []byte) io.Reader
}

type nonceSigner interface {
	signWith(rand io.Reader, msg []byte) (crypto.Signature, error)
}

var errNoNonce = errors.New("the provider takes no known nonce")

// nonce gives the 32 bytes of k. The library reads one byte in half of the
// calls, in order that nobody relies on what it reads; that byte is skipped.
func (emmansun) nonce(k []byte) io.Reader { return fixedRandom(k) }

// nonce gives the 40 bytes of k-1: the library reduces them mod n-1 and adds 1.
func (tjfoc) nonce(k []byte) io.Reader {
	v := new(big.Int).SetBytes(k)
	return fixedRandom(v.Sub(v, big.NewInt(1)).FillBytes(make([]byte, 40)))
}

type fixedRandom []byte

func (r fixedRandom) Read(p []byte) (int, error) {
	if len(p) == 1 {
		p[0] = 0
		return 1, nil
	}
	return copy(p, r), nil
}

func knownDigest(p Provider, v *knownAnswers) error {
	for _, k := range v.SM3 {
		d := p.Sum(k.Msg)
		corrupt(PrimitiveSM3, d[:])
		if !bytes.Equal(d[:], k.Digest) {
			return errKnown
		}
	}
	return nil
}

func knownGCM(p Provider, v *knownAnswers) error {
	for _, k := range v.GCM {
		aead, err := p.NewGCM(k.Key)
		if err != nil {
			return err
		}
		sealed := aead.Seal(nil, k.Nonce, k.Plain, k.AAD)
		corrupt(PrimitiveGCM, sealed)
		if !bytes.Equal(sealed, append(bytes.Clone(k.Cipher), k.Tag...)) {
			return errKnown
		}
		if opened, err := aead.Open(nil, k.Nonce, sealed, k.AAD); err != nil || !bytes.Equal(opened, k.Plain) {
			return errKnown
		}
		sealed[0] ^= 1
		if _, err := aead.Open(nil, k.Nonce, sealed, k.AAD); err == nil {
			return errTampered
		}
	}
	return nil
}

func knownSign(p Provider, v *knownAnswers) error {
	feeder, ok := p.(nonceFeeder)
	if !ok {
		return errNoNonce
	}
	for _, k := range v.Sign {
		key, err := p.ParseKey(k.D)
		if err != nil {
			return err
		}
		signer, ok := key.(nonceSigner)
		if !ok {
			return errNoNonce
		}
		sig, err := signer.signWith(feeder.nonce(k.K), k.Msg)
		if err != nil {
			return err
		}
		corrupt(PrimitiveSign, sig[:])
		if sig != crypto.Signature(joinPoint(k.R, k.S)) {
			return errKnown
		}
	}
	return nil
}

func knownVerify(p Provider, v *knownAnswers) error {
	for _, k := range v.Sign {
		pub, sig := joinPoint(k.Px, k.Py), crypto.Signature(joinPoint(k.R, k.S))
		if !accepts(p, pub, k.Msg, sig) {
			return errKnown
		}
		sig[0] ^= 1
		if accepts(p, pub, k.Msg, sig) {
			return errTampered
		}
	}
	return nil
}

func knownEncrypt(p Provider, v *knownAnswers) error {
	feeder, ok := p.(nonceFeeder)
	if !ok {
		return errNoNonce
	}
	for _, k := range v.Encrypt {
		key, err := p.ParseKey(k.D)
		if err != nil {
			return err
		}
		der, err := p.Encrypt(feeder.nonce(k.K), key.Public(), k.Msg)
		if err != nil {
			return err
		}
		corrupt(PrimitiveEncrypt, der)
		c, err := fromRaw(bytes.Join([][]byte{k.C1, k.C3, k.C2}, nil))
		if err != nil {
			return err
		}
		if answer, err := c.marshal(); err != nil || !bytes.Equal(der, answer) {
			return errKnown
		}
	}
	return nil
}

func knownDecrypt(p Provider, v *knownAnswers) error {
	for _, k := range v.Encrypt {
		key, err := p.ParseKey(k.D)
		if err != nil {
			return err
		}
		c, err := fromRaw(bytes.Join([][]byte{k.C1, k.C3, k.C2}, nil))
		if err != nil {
			return err
		}
		der, err := c.marshal()
		if err != nil {
			return err
		}
		opened, err := key.Unwrap(der)
		corrupt(PrimitiveDecrypt, opened)
		if err != nil || !bytes.Equal(opened, k.Msg) {
			return errKnown
		}
		der[len(der)-1] ^= 1
		if _, err := key.Unwrap(der); err == nil {
			return errTampered
		}
	}
	return nil
}

// knownRandom has no known answer to compare with. It judges 20,000 bits of
// the source by FIPS 140-1 §4.11.1, whose bounds a fair source misses about
// once in a million, and checks that the judge refuses a source that stands still.
func knownRandom(Provider, *knownAnswers) error {
	sample := make([]byte, 2500)
	if randomDefect(sample) == nil {
		return errTampered
	}
	if _, err := io.ReadFull(randomSource(), sample); err != nil {
		return err
	}
	return randomDefect(sample)
}

// randomDefect says how 2,500 bytes are visibly not random.
func randomDefect(sample []byte) error {
	ones, nibbles := 0, [16]int{}
	for i, b := range sample {
		ones += bits.OnesCount8(b)
		nibbles[b>>4]++
		nibbles[b&15]++
		if i%16 == 0 && i > 0 && i+16 <= len(sample) && bytes.Equal(sample[i-16:i], sample[i:i+16]) {
			return errors.New("the random source repeats itself")
		}
	}
	if ones <= 9654 || ones >= 10346 {
		return fmt.Errorf("the random source gave %d ones in 20000 bits", ones)
	}
	sum := 0
	for _, n := range nibbles {
		sum += n * n
	}
	if chi := 16.0/5000*float64(sum) - 5000; chi <= 1.03 || chi >= 57.4 {
		return fmt.Errorf("the random source fails the poker test with %.2f", chi)
	}
	return nil
}
