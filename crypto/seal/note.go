package seal

import (
	"bytes"
	"fmt"
	"io"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

// SealNote seals up to MaxNote bytes to one public key: the SM2 ciphertext of a
// fresh key, followed by ciphertext‖tag of SM4-GCM under that key with a zero
// nonce. context says what the note is for and is authenticated, not stored.
// The error is ErrSize, sm.ErrPublicKey or that of rand.
func SealNote(p sm.Provider, rand io.Reader, pub crypto.PublicKey, context string, note []byte) ([]byte, error) {
	if len(note) > MaxNote {
		return nil, fmt.Errorf("%w: note of %d bytes, at most %d", ErrSize, len(note), MaxNote)
	}
	k, err := NewKey(rand)
	if err != nil {
		return nil, err
	}
	secret := append([]byte(contextNote), k[:]...)
	defer clear(secret)
	wrap, err := p.Encrypt(rand, pub, secret)
	if err != nil {
		return nil, err
	}
	aead, err := p.NewGCM(k[:])
	if err != nil {
		return nil, err
	}
	return aead.Seal(wrap, make([]byte, sm.NonceSize), note, noteData(context)), nil
}

// OpenNote opens what SealNote made under the same context. The error is
// sm.ErrDecrypt when it was made for another key, and otherwise ErrNote.
func OpenNote(p sm.Provider, opener crypto.Opener, context string, sealed []byte) ([]byte, error) {
	var wrap cryptobyte.String
	rest := cryptobyte.String(sealed)
	if !rest.ReadASN1Element(&wrap, asn1.SEQUENCE) || len(rest) > MaxNote+Overhead {
		return nil, ErrNote
	}
	secret, err := opener.Unwrap(wrap)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	k, ok := bytes.CutPrefix(secret, []byte(contextNote))
	if !ok || len(k) != sm.KeySize {
		return nil, ErrNote
	}
	aead, err := p.NewGCM(k)
	if err != nil {
		return nil, err
	}
	note, err := aead.Open(nil, make([]byte, sm.NonceSize), rest, noteData(context))
	if err != nil {
		return nil, ErrNote
	}
	return note, nil
}

func noteData(context string) []byte { return append([]byte(contextNote), context...) }
