package trust

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

// Layout of a store. Everything is 0600 under directories 0700.
//
//	lock.pem            the store key, sealed under the lock
//	keys/<key id>.pem   one private key each, sealed under the store key; kept for ever
//	pairs/<holder>.pem  the current certificates of a holder; replaced by Rotate
//	certs/<key id>.pem  every certificate that was ever current, to verify later
//	secrets/<name>.pem  other small secrets, sealed under the store key
const (
	lockName    = "lock.pem"
	keysDir     = "keys"
	pairsDir    = "pairs"
	certsDir    = "certs"
	secretsDir  = "secrets"
	suffix      = ".pem"
	holderSelf  = string(RoleDomain)
	blockKey    = "YIZHAN SEALED KEY"
	blockSecret = "YIZHAN SEALED SECRET"
	contextSeal = "yizhan/sealed/v1\n"
)

// Store is a domain's keys in a directory: its own pair, the pairs of its
// replicas on this node, and all retired keys, which stay able to open and to
// verify. It is safe for concurrent use and prints as its domain.
type Store struct {
	dir      string
	domain   string
	provider sm.Provider
	rand     io.Reader

	mu       sync.RWMutex
	storeKey []byte // 16 bytes
	keys     map[crypto.KeyID]sm.PrivateKey
	pairs    map[string]Pair // by holder
}

var _ Vault = (*Store)(nil)

// CreateStore makes an empty store in dir, which must not hold one already.
func CreateStore(dir, domain string, p sm.Provider, rand io.Reader, lock Lock) (*Store, error) {
	return createStore(dir, domain, p, rand, lock, DefaultCost)
}

func createStore(dir, domain string, p sm.Provider, rand io.Reader, lock Lock, cost Cost) (*Store, error) {
	if !domainForm.MatchString(domain) {
		return nil, fmt.Errorf("%w: %q is not a domain like 320582", ErrWrongDomain, domain)
	}
	for _, d := range []string{"", keysDir, pairsDir, certsDir, secretsDir} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, fmt.Errorf("creating key store: %w", err)
		}
	}
	s := newStore(dir, domain, p, rand, make([]byte, sm.KeySize))
	if _, err := io.ReadFull(rand, s.storeKey); err != nil {
		return nil, fmt.Errorf("creating key store: %w", err)
	}
	text, err := newLockFile(p, rand, domain, lock, cost, s.storeKey)
	if err != nil {
		return nil, fmt.Errorf("creating key store: %w", err)
	}
	if err := createFile(filepath.Join(dir, lockName), text, 0o600); err != nil {
		return nil, fmt.Errorf("creating key store: %w", err)
	}
	if err := syncDir(filepath.Dir(filepath.Clean(dir))); err != nil {
		return nil, fmt.Errorf("creating key store: %w", err)
	}
	return s, nil
}

// OpenStore unlocks the store in dir and loads every key. A wrong lock is
// ErrPassphrase, a file that others may read ErrPermissions, a changed one
// ErrDamaged.
func OpenStore(dir string, p sm.Provider, rand io.Reader, lock Lock) (*Store, error) {
	path := filepath.Join(dir, lockName)
	text, err := readSecretFile(path)
	if err != nil {
		return nil, fmt.Errorf("opening key store: %w", err)
	}
	domain, storeKey, err := openLockFile(p, lock, text)
	if err != nil {
		return nil, fmt.Errorf("opening key store %s: %w", dir, err)
	}
	s := newStore(dir, domain, p, rand, storeKey)
	if err := errors.Join(s.loadKeys(), s.loadPairs()); err != nil {
		return nil, fmt.Errorf("opening key store %s: %w", dir, err)
	}
	return s, nil
}

func newStore(dir, domain string, p sm.Provider, rand io.Reader, storeKey []byte) *Store {
	return &Store{
		dir: dir, domain: domain, provider: p, rand: rand, storeKey: storeKey,
		keys: make(map[crypto.KeyID]sm.PrivateKey), pairs: make(map[string]Pair),
	}
}

// Domain returns the domain whose keys these are.
func (s *Store) Domain() string { return s.domain }

// String names the store and nothing in it.
func (s *Store) String() string { return "key store of " + s.domain }

// Format answers every verb with String.
func (s *Store) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// NewKeys makes a signing and an encryption key for a later Rotate, and seals
// them first: a certificate issued to them finds them after a crash.
func (s *Store) NewKeys() (Keys, error) {
	sign, err := s.provider.GenerateKey(s.rand)
	if err != nil {
		return Keys{}, err
	}
	encrypt, err := s.provider.GenerateKey(s.rand)
	if err != nil {
		return Keys{}, err
	}
	k := Keys{Sign: sign, Encrypt: encrypt}
	return k, s.addKeys(k)
}

// Rotate makes pair the current one of the holder that it names, the domain or
// one of its replicas, and keeps what was current before able to open and to
// verify. The first pair is installed the same way. The keys must be those of
// NewKeys or be given in keys; a missing one is ErrNoKey, a pair of another
// domain ErrWrongDomain. The change is one rename: after a crash the holder has
// the old pair or the new one.
func (s *Store) Rotate(keys Keys, pair Pair) error {
	holder, err := s.holderOf(pair)
	if err != nil {
		return err
	}
	if err := s.addKeys(keys); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range []*Certificate{pair.Sign, pair.Encrypt} {
		if _, ok := s.keys[c.KeyID]; !ok {
			return fmt.Errorf("%w: the private key of %s is not in the store", ErrNoKey, c)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: c.Raw})
		if err := writeFile(s.path(certsDir, c.KeyID.String()), text, 0o600); err != nil {
			return fmt.Errorf("keeping %s: %w", c, err)
		}
	}
	if err := writeFile(s.path(pairsDir, holder), EncodePair(pair), 0o600); err != nil {
		return fmt.Errorf("installing %s: %w", pair.Sign, err)
	}
	s.pairs[holder] = pair
	return nil
}

// Relock replaces the lock: a new passphrase or key file. Keys stay as they are.
func (s *Store) Relock(lock Lock) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := newLockFile(s.provider, s.rand, s.domain, lock, DefaultCost, s.storeKey)
	if err != nil {
		return fmt.Errorf("locking %s: %w", s, err)
	}
	return writeFile(filepath.Join(s.dir, lockName), text, 0o600)
}

// Signer returns the domain's current signing key, or ErrNoKey.
func (s *Store) Signer() (crypto.Signer, error) {
	k, _, err := s.current(holderSelf)
	return k.Sign, err
}

// Opener returns the decryption key of that id, current or retired.
func (s *Store) Opener(id crypto.KeyID) (crypto.Opener, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, ok := s.keys[id]
	return k, ok
}

// Pair returns the domain's current certificates, or ErrNoKey.
func (s *Store) Pair() (Pair, error) {
	_, p, err := s.current(holderSelf)
	return p, err
}

// DomainIdentity returns the domain's current keys and certificates together,
// as a channel presents them. Without a pair it is ErrNoKey.
func (s *Store) DomainIdentity() (Keys, Pair, error) { return s.current(holderSelf) }

// ReplicaIdentity returns those of one of the domain's replicas, or ErrNoKey.
func (s *Store) ReplicaIdentity(name string) (Keys, Pair, error) {
	return s.current(replicaHolder(name))
}

func (s *Store) current(holder string) (Keys, Pair, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	pair, ok := s.pairs[holder]
	if !ok {
		return Keys{}, Pair{}, fmt.Errorf("%w: %s has no certificates for %s; enrol it first", ErrNoKey, s, holder)
	}
	return Keys{Sign: s.keys[pair.Sign.KeyID], Encrypt: s.keys[pair.Encrypt.KeyID]}, pair, nil
}

// holderOf names the file of a pair after checking that it is one pair, ours.
func (s *Store) holderOf(p Pair) (string, error) {
	if p.Sign == nil || p.Encrypt == nil || p.Sign.Use != UseSign || p.Encrypt.Use != UseEncrypt {
		return "", fmt.Errorf("%w: a pair is one certificate to sign and one to encrypt", ErrUsage)
	}
	for _, c := range []*Certificate{p.Sign, p.Encrypt} {
		if c.Domain != s.domain || c.Role != p.Sign.Role || c.Name != p.Sign.Name {
			return "", fmt.Errorf("%w: %s in the %s", ErrWrongDomain, c, s)
		}
	}
	if p.Sign.Role == RoleReplica {
		return replicaHolder(p.Sign.Name), nil
	}
	return holderSelf, nil
}

func replicaHolder(name string) string { return string(RoleReplica) + "-" + name }

func (s *Store) path(dir, name string) string { return filepath.Join(s.dir, dir, name+suffix) }

// list returns the names in one directory of the store, without suffix.
func (s *Store) list(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, dir))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok && !strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
	}
	return names, nil
}

// CopyDomainKeys copies the domain's own keys, current and retired, with all
// their certificates, into the key store of another replica of the same domain:
// every replica signs for its domain, and opens what was ever sealed for it. Keys
// of replicas are nobody else's and stay here.
func (s *Store) CopyDomainKeys(to *Store) error {
	if to.domain != s.domain {
		return fmt.Errorf("%w: the keys of %s do not belong into the %s", ErrWrongDomain, s.domain, to)
	}
	certs, err := s.Certificates()
	if err != nil {
		return err
	}
	for _, c := range certs {
		if c.Role != RoleDomain {
			continue
		}
		s.mu.RLock()
		k, ok := s.keys[c.KeyID]
		s.mu.RUnlock()
		if !ok {
			return fmt.Errorf("%w: the private key of %s is not in the store", ErrNoKey, c)
		}
		text := pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: c.Raw})
		if err := errors.Join(to.addKeys(Keys{Sign: k}), writeFile(to.path(certsDir, c.KeyID.String()), text, 0o600)); err != nil {
			return err
		}
	}
	keys, pair, err := s.DomainIdentity()
	if err != nil {
		return err
	}
	return to.Rotate(keys, pair)
}
