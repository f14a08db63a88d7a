package trust

import (
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

// addKeys seals the given keys that the store does not hold yet.
func (s *Store) addKeys(keys Keys) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range []sm.PrivateKey{keys.Sign, keys.Encrypt} {
		if k == nil {
			continue
		}
		if _, ok := s.keys[k.KeyID()]; ok {
			continue
		}
		scalar := k.Scalar()
		err := s.writeSealed(keysDir, k.KeyID().String(), blockKey, scalar)
		clear(scalar)
		if err != nil {
			return fmt.Errorf("sealing key %s: %w", k.KeyID().Short(), err)
		}
		s.keys[k.KeyID()] = k
	}
	return nil
}

// PutSecret seals a small secret under a name such as "api-server". It replaces
// the one that was there.
func (s *Store) PutSecret(name string, secret []byte) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("%w: %q is not a name", ErrNoKey, name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeSealed(secretsDir, name, blockSecret, secret)
}

// SealSecret returns the file, below the directory of the store, that PutSecret
// would write, and writes nothing: for what is to travel with a copy of the
// store.
func (s *Store) SealSecret(name string, secret []byte) (path string, text []byte, err error) {
	if !nameForm.MatchString(name) {
		return "", nil, fmt.Errorf("%w: %q is not a name", ErrNoKey, name)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	text, err = s.sealed(secretsDir, name, blockSecret, secret)
	return secretsDir + "/" + name + suffix, text, err
}

// Secret opens what PutSecret sealed. An unknown name is ErrNoKey.
func (s *Store) Secret(name string) ([]byte, error) {
	if !nameForm.MatchString(name) {
		return nil, fmt.Errorf("%w: %q is not a name", ErrNoKey, name)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	secret, err := s.readSealed(secretsDir, name, blockSecret)
	if isNotExist(err) {
		return nil, fmt.Errorf("%w: %s has no secret %q", ErrNoKey, s, name)
	}
	return secret, err
}

// Certificates returns every certificate that was ever current, to verify what
// retired keys signed.
func (s *Store) Certificates() ([]*Certificate, error) {
	names, err := s.list(certsDir)
	if err != nil {
		return nil, err
	}
	var out []*Certificate
	for _, name := range names {
		text, err := readFile(s.path(certsDir, name))
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(text)
		if block == nil {
			return nil, fmt.Errorf("%w: %s/%s is not PEM", ErrDamaged, certsDir, name)
		}
		c, err := ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.Join(ErrDamaged, err)
		}
		out = append(out, c)
	}
	return out, nil
}

func (s *Store) loadKeys() error {
	names, err := s.list(keysDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		scalar, err := s.readSealed(keysDir, name, blockKey)
		if err != nil {
			return err
		}
		k, err := s.provider.ParseKey(scalar)
		clear(scalar)
		if err != nil || k.KeyID().String() != name {
			return fmt.Errorf("%w: %s/%s does not hold the key that it names", ErrDamaged, keysDir, name)
		}
		s.keys[k.KeyID()] = k
	}
	return nil
}

func (s *Store) loadPairs() error {
	holders, err := s.list(pairsDir)
	if err != nil {
		return err
	}
	for _, holder := range holders {
		text, err := readFile(s.path(pairsDir, holder))
		if err != nil {
			return err
		}
		pair, err := ParsePair(text)
		if err != nil {
			return errors.Join(fmt.Errorf("%w: %s/%s", ErrDamaged, pairsDir, holder), err)
		}
		if err := s.adopt(holder, pair); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) adopt(holder string, pair Pair) error {
	want, err := s.holderOf(pair)
	if err != nil {
		return err
	}
	if want != holder {
		return fmt.Errorf("%w: %s/%s holds the pair of %s", ErrDamaged, pairsDir, holder, want)
	}
	for _, id := range []crypto.KeyID{pair.Sign.KeyID, pair.Encrypt.KeyID} {
		if _, ok := s.keys[id]; !ok {
			return fmt.Errorf("%w: key %s of %s is missing", ErrNoKey, id.Short(), holder)
		}
	}
	s.pairs[holder] = pair
	return nil
}

// label binds a sealed file to the store's domain, its kind and its name.
func (s *Store) label(dir, name string) string {
	return contextSeal + s.domain + "/" + dir + "/" + name
}

func (s *Store) writeSealed(dir, name, blockType string, secret []byte) error {
	text, err := s.sealed(dir, name, blockType, secret)
	if err != nil {
		return err
	}
	return writeFile(s.path(dir, name), text, 0o600)
}

func (s *Store) sealed(dir, name, blockType string, secret []byte) ([]byte, error) {
	aead, err := s.provider.NewGCM(s.storeKey)
	if err != nil {
		return nil, err
	}
	body, err := seal(aead, s.rand, s.label(dir, name), secret)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockType, Bytes: body, Headers: map[string]string{"Domain": s.domain}}), nil
}

func (s *Store) readSealed(dir, name, blockType string) ([]byte, error) {
	text, err := readSecretFile(s.path(dir, name))
	if err != nil {
		return nil, err
	}
	aead, err := s.provider.NewGCM(s.storeKey)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != blockType {
		return nil, fmt.Errorf("%w: %s/%s is not a sealed file", ErrDamaged, dir, name)
	}
	secret, ok := unseal(aead, s.label(dir, name), block.Bytes)
	if !ok {
		return nil, fmt.Errorf("%w: %s/%s does not open", ErrDamaged, dir, name)
	}
	return secret, nil
}
