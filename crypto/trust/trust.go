// Package trust says who holds which SM2 key: it reads and verifies
// certificates, runs a domain's own certificate authority for trials, keeps the
// trust anchors of a federation, and seals private keys at rest. DESIGN.md
// says what each of these protects and what it does not.
package trust

import (
	"errors"
	"fmt"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

// Failure classes. Every refusal of this package wraps exactly one of them; the
// message names the subject and what to do, and never holds key material.
var (
	// ErrCertificate reports bytes that are not a certificate of ours: not
	// X.509, not an SM2 key, or names that contradict each other.
	ErrCertificate = errors.New("trust: malformed certificate")
	// ErrExpired reports a certificate whose validity has ended.
	ErrExpired = errors.New("trust: certificate has expired")
	// ErrNotYetValid reports a certificate whose validity has not begun.
	ErrNotYetValid = errors.New("trust: certificate is not valid yet")
	// ErrUntrusted reports a certificate that no anchor vouches for.
	ErrUntrusted = errors.New("trust: certificate is not trusted")
	// ErrUsage reports a certificate used for what it was not issued for.
	ErrUsage = errors.New("trust: certificate does not allow this use")
	// ErrWrongDomain reports a good certificate of another domain.
	ErrWrongDomain = errors.New("trust: certificate names another domain")
	// ErrPassphrase reports a passphrase or key file that does not open a store.
	ErrPassphrase = errors.New("trust: wrong passphrase or key file")
	// ErrPermissions reports a secret file that others on the machine may read.
	ErrPermissions = errors.New("trust: file permissions are too open")
	// ErrNoKey reports a key, pair or secret that the store does not hold.
	ErrNoKey = errors.New("trust: no such key")
	// ErrDamaged reports a file of the store that was changed or cut short.
	ErrDamaged = errors.New("trust: key store is damaged")
)

// Use is what a certificate's key is for. A body has two certificates, one for
// each use (GB/T 38636 §6.4.5.3, GM/T 0015).
type Use uint8

// Uses of a certificate's key.
const (
	UseSign    Use = iota + 1 // digitalSignature
	UseEncrypt                // keyEncipherment, dataEncipherment, keyAgreement
	UseCA                     // keyCertSign with basicConstraints CA
)

// String returns "sign", "encrypt" or "ca".
func (u Use) String() string {
	switch u {
	case UseSign:
		return "sign"
	case UseEncrypt:
		return "encrypt"
	case UseCA:
		return "ca"
	}
	return "none"
}

// Role is the part of a domain that a certificate stands for.
type Role string

// Roles.
const (
	// RoleDomain is the domain itself: it signs statements and speaks on links.
	RoleDomain Role = "domain"
	// RoleReplica is one member of the domain's Raft group.
	RoleReplica Role = "replica"
)

// Pair is what a holder presents: signing certificate, encryption certificate,
// and the certificates between them and an anchor, nearest first.
type Pair struct {
	Sign    *Certificate
	Encrypt *Certificate
	Chain   []*Certificate
}

// RawChain returns the DER of Chain.
func (p Pair) RawChain() [][]byte {
	out := make([][]byte, len(p.Chain))
	for i, c := range p.Chain {
		out[i] = c.Raw
	}
	return out
}

// Keys is the private half of a Pair. It prints as key ids only.
type Keys struct {
	Sign    sm.PrivateKey
	Encrypt sm.PrivateKey
}

// String names the keys without disclosing them.
func (k Keys) String() string {
	return "trust.Keys{sign: " + keyName(k.Sign) + ", encrypt: " + keyName(k.Encrypt) + "}"
}

// GoString is String, so that %#v discloses nothing either.
func (k Keys) GoString() string { return k.String() }

// Format answers every verb with String: some verbs would print the fields.
func (k Keys) Format(s fmt.State, _ rune) { fmt.Fprint(s, k.String()) }

// Vault is what a holder of keys offers to the rest of the node. *Store is the
// one in files; a device that keeps its keys to itself can stand in its place.
type Vault interface {
	// Signer returns the domain's current signing key.
	Signer() (crypto.Signer, error)
	// Opener returns the decryption key of that id, current or retired.
	Opener(crypto.KeyID) (crypto.Opener, bool)
	// Pair returns the domain's current certificates.
	Pair() (Pair, error)
}

func keyName(k sm.PrivateKey) string {
	if k == nil {
		return "none"
	}
	return k.KeyID().Short()
}

// defaultProvider names keys while certificates are parsed. A digest is the
// same with either provider.
func defaultProvider() sm.Provider {
	p, err := sm.New(sm.Emmansun)
	if err != nil {
		panic(err) // the name is a constant that sm knows
	}
	return p
}
