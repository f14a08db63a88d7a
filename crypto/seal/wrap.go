package seal

import (
	"bytes"
	"crypto/subtle"
	"io"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

// Commit returns SM3(context, exchange, K), which the manifest signs. It binds
// one key to the exchange and reveals nothing about it, since K is random.
func Commit(p sm.Provider, exchange [16]byte, k Key) crypto.Digest {
	return p.Sum([]byte(contextCommit), exchange[:], k[:])
}

// CheckCommitment reports ErrCommitment unless k is the key committed to. A
// domain that can unwrap K checks this before it signs for the content.
func CheckCommitment(p sm.Provider, exchange [16]byte, k Key, committed crypto.Digest) error {
	got := Commit(p, exchange, k)
	if subtle.ConstantTimeCompare(got[:], committed[:]) != 1 {
		return ErrCommitment
	}
	return nil
}

// Wrap encrypts K to pub (SM2, GB/T 32918.4): context ‖ exchange ‖ K. The error
// is sm.ErrPublicKey or that of rand.
func Wrap(p sm.Provider, rand io.Reader, pub crypto.PublicKey, exchange [16]byte, k Key) ([]byte, error) {
	secret := make([]byte, 0, len(contextWrap)+len(exchange)+len(k))
	secret = append(secret, contextWrap...)
	secret = append(secret, exchange[:]...)
	secret = append(secret, k[:]...)
	defer clear(secret)
	return p.Encrypt(rand, pub, secret)
}

// Unwrap opens what Wrap made. The error is sm.ErrDecrypt when it was altered
// or made for another key, ErrExchange when it was made for another exchange,
// ErrWrap when it holds something else. The key may still be one that the
// manifest does not commit to: see CheckCommitment.
func Unwrap(opener crypto.Opener, exchange [16]byte, der []byte) (k Key, err error) {
	secret, err := opener.Unwrap(der)
	if err != nil {
		return Key{}, err
	}
	defer clear(secret)
	rest, ok := bytes.CutPrefix(secret, []byte(contextWrap))
	if !ok || len(rest) != len(exchange)+len(k) {
		return Key{}, ErrWrap
	}
	if !bytes.Equal(rest[:len(exchange)], exchange[:]) {
		return Key{}, ErrExchange
	}
	copy(k[:], rest[len(exchange):])
	return k, nil
}
