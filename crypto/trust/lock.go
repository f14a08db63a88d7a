package trust

import (
	"crypto/cipher"
	"encoding/pem"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/crypto/argon2"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

// A Lock yields the key-encryption key of a store. PassphraseLock and
// KeyFileLock are the two in software; a device can be a third.
type Lock interface {
	// Kind names the lock in the store's file, so that opening with another
	// kind says so.
	Kind() string
	// Key derives the secret for this salt at this cost. It is called once when
	// a store is opened or locked anew.
	Key(salt []byte, cost Cost) ([]byte, error)
}

// Cost is the work of argon2id (RFC 9106 §4). Other locks ignore it.
type Cost struct {
	Passes  uint32
	Memory  uint32 // KiB
	Threads uint8
}

// DefaultCost is the second choice of RFC 9106 §4, for machines that do other
// work as well: 64 MiB, three passes.
var DefaultCost = Cost{Passes: 3, Memory: 64 << 10, Threads: 4}

// maxCost bounds what a store's file may ask of us.
var maxCost = Cost{Passes: 64, Memory: 4 << 20, Threads: 64}

func (c Cost) valid() bool {
	return c.Passes > 0 && c.Memory >= 8*uint32(c.Threads) && c.Threads > 0 &&
		c.Passes <= maxCost.Passes && c.Memory <= maxCost.Memory && c.Threads <= maxCost.Threads
}

// PassphraseLock locks by what a person knows.
func PassphraseLock(passphrase []byte) Lock {
	return passphraseLock{append([]byte(nil), passphrase...)}
}

type passphraseLock struct{ secret []byte }

func (passphraseLock) Kind() string                   { return "passphrase" }
func (passphraseLock) String() string                 { return "passphrase lock" }
func (passphraseLock) Format(s fmt.State, _ rune)     { fmt.Fprint(s, "passphrase lock") }
func (l passphraseLock) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

func (l passphraseLock) Key(salt []byte, c Cost) ([]byte, error) {
	return argon2.IDKey(l.secret, salt, c.Passes, c.Memory, c.Threads, 32), nil
}

// KeyFileSize is the length of a key file, in random bytes.
const KeyFileSize = 32

// KeyFileLock locks by a file of KeyFileSize random bytes that only its owner
// may read (else ErrPermissions). Keep it on other media than the store.
func KeyFileLock(path string) Lock { return keyFileLock(path) }

type keyFileLock string

func (keyFileLock) Kind() string { return "keyfile" }

func (l keyFileLock) Key([]byte, Cost) ([]byte, error) {
	if err := checkPrivate(string(l)); err != nil {
		return nil, err
	}
	key, err := readFile(string(l))
	if err != nil {
		return nil, err
	}
	if len(key) != KeyFileSize {
		return nil, fmt.Errorf("%w: %s has %d bytes, a key file has %d", ErrPassphrase, string(l), len(key), KeyFileSize)
	}
	return key, nil
}

// NewKeyFile writes a fresh key file, mode 0600. It never replaces a file.
func NewKeyFile(path string, rand io.Reader) error {
	key := make([]byte, KeyFileSize)
	if _, err := io.ReadFull(rand, key); err != nil {
		return err
	}
	return createFile(path, key, 0o600)
}

const (
	blockLock   = "YIZHAN STORE LOCK"
	contextKEK  = "yizhan/kek/v1\n"
	contextLock = "yizhan/lock/v1\n"
	saltSize    = 16
)

// newLockFile seals storeKey under lock and returns the text of the lock file.
func newLockFile(p sm.Provider, rand io.Reader, domain string, lock Lock, cost Cost, storeKey []byte) ([]byte, error) {
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(rand, salt); err != nil {
		return nil, err
	}
	aead, err := kek(p, lock, salt, cost)
	if err != nil {
		return nil, err
	}
	body, err := seal(aead, rand, contextLock+domain, storeKey)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockLock, Bytes: append(salt, body...), Headers: map[string]string{
		"Domain": domain, "Lock": lock.Kind(),
		"Passes": strconv.Itoa(int(cost.Passes)), "Memory": strconv.Itoa(int(cost.Memory)), "Threads": strconv.Itoa(int(cost.Threads)),
	}}), nil
}

// openLockFile returns the domain and the store key. Its failures are
// ErrDamaged and ErrPassphrase.
func openLockFile(p sm.Provider, lock Lock, text []byte) (domain string, storeKey []byte, err error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != blockLock || len(block.Bytes) < saltSize {
		return "", nil, fmt.Errorf("%w: the lock file is not one", ErrDamaged)
	}
	h := block.Headers
	if h["Lock"] != lock.Kind() {
		return "", nil, fmt.Errorf("%w: the store is locked by %q, not by %q", ErrPassphrase, h["Lock"], lock.Kind())
	}
	cost, err := parseCost(h)
	if err != nil {
		return "", nil, err
	}
	aead, err := kek(p, lock, block.Bytes[:saltSize], cost)
	if err != nil {
		return "", nil, err
	}
	storeKey, ok := unseal(aead, contextLock+h["Domain"], block.Bytes[saltSize:])
	if !ok || len(storeKey) != sm.KeySize {
		return "", nil, ErrPassphrase
	}
	return h["Domain"], storeKey, nil
}

func parseCost(h map[string]string) (Cost, error) {
	passes, err1 := strconv.ParseUint(h["Passes"], 10, 32)
	memory, err2 := strconv.ParseUint(h["Memory"], 10, 32)
	threads, err3 := strconv.ParseUint(h["Threads"], 10, 8)
	c := Cost{uint32(passes), uint32(memory), uint8(threads)}
	if err1 != nil || err2 != nil || err3 != nil || !c.valid() {
		return Cost{}, fmt.Errorf("%w: the lock file asks for an impossible derivation", ErrDamaged)
	}
	return c, nil
}

// kek is SM4-GCM under the first 16 bytes of SM3(context ‖ lock's secret).
func kek(p sm.Provider, lock Lock, salt []byte, cost Cost) (cipher.AEAD, error) {
	secret, err := lock.Key(salt, cost)
	if err != nil {
		return nil, err
	}
	key := p.Sum([]byte(contextKEK), secret)
	clear(secret)
	return p.NewGCM(key[:sm.KeySize])
}

// seal returns nonce ‖ ciphertext ‖ tag. The label says what is sealed, so that
// no sealed file can take the place of another.
func seal(aead cipher.AEAD, rand io.Reader, label string, secret []byte) ([]byte, error) {
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(secret)+aead.Overhead())
	if _, err := io.ReadFull(rand, nonce); err != nil {
		return nil, err
	}
	return aead.Seal(nonce, nonce, secret, []byte(label)), nil
}

func unseal(aead cipher.AEAD, label string, sealed []byte) ([]byte, bool) {
	n := aead.NonceSize()
	if len(sealed) < n+aead.Overhead() {
		return nil, false
	}
	secret, err := aead.Open(nil, sealed[:n], sealed[n:], []byte(label))
	return secret, err == nil
}
