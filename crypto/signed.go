package crypto

import (
	"bytes"
	"fmt"
)

// Signed is a statement exactly as its signer made it. Bytes begin with a
// context line ("yizhan/receipt/v1\n") and are kept and forwarded as received:
// nothing is re-encoded in order to verify it, and a signature made for one
// purpose never verifies for another.
type Signed struct {
	Bytes []byte    `cbor:"1,keyasint"`
	Key   KeyID     `cbor:"2,keyasint"`
	Sig   Signature `cbor:"3,keyasint"`
}

// Contexts of everything that is signed. The version is part of the context.
const (
	ContextManifest   = "yizhan/manifest/v1"
	ContextReceipt    = "yizhan/receipt/v1"
	ContextDirectory  = "yizhan/directory/v1"
	ContextUnits      = "yizhan/units/v1"
	ContextRevoked    = "yizhan/revoked/v1"
	ContextPolicy     = "yizhan/policy/v1"
	ContextVoid       = "yizhan/void/v1"
	ContextChannel    = "yizhan/channel/v1"
	ContextCheckpoint = "yizhan/checkpoint/v1"
	ContextBackup     = "yizhan/backup/v1"
)

// WithContext returns the bytes to sign: context, a line feed, body.
func WithContext(context string, body []byte) []byte {
	out := make([]byte, 0, len(context)+1+len(body))
	out = append(out, context...)
	out = append(out, '\n')
	return append(out, body...)
}

// Sign makes a statement of body under context.
func Sign(s Signer, context string, body []byte) (Signed, error) {
	msg := WithContext(context, body)
	sig, err := s.Sign(msg)
	if err != nil {
		return Signed{}, fmt.Errorf("signing %s: %w", context, err)
	}
	return Signed{Bytes: msg, Key: s.KeyID(), Sig: sig}, nil
}

// Body returns what follows the context line, or false when the statement was
// made under another context. It says nothing about the signature.
func (s Signed) Body(context string) ([]byte, bool) {
	n := len(context)
	if len(s.Bytes) <= n || s.Bytes[n] != '\n' || !bytes.HasPrefix(s.Bytes, []byte(context)) {
		return nil, false
	}
	return s.Bytes[n+1:], true
}
