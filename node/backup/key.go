package backup

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
)

const (
	secretName  = "backup" // of the private key in its own key store
	blockPublic = "YIZHAN BACKUP PUBLIC KEY"
)

// NewOfflineKey makes a pair in dir, a key store of its own that holds nothing
// but the private key, sealed under lock. The public key is returned: SavePublic
// writes the file that nodes are given. dir must not hold a key store.
func NewOfflineKey(dir, domain string, p sm.Provider, rand io.Reader, lock trust.Lock) (crypto.PublicKey, error) {
	s, err := trust.CreateStore(dir, domain, p, rand, lock)
	if err != nil {
		return crypto.PublicKey{}, err
	}
	k, err := p.GenerateKey(rand)
	if err != nil {
		return crypto.PublicKey{}, err
	}
	scalar := k.Scalar()
	defer clear(scalar)
	return k.Public(), s.PutSecret(secretName, scalar)
}

// OpenOfflineKey opens what NewOfflineKey made.
func OpenOfflineKey(dir string, p sm.Provider, rand io.Reader, lock trust.Lock) (sm.PrivateKey, error) {
	s, err := trust.OpenStore(dir, p, rand, lock)
	if err != nil {
		return nil, err
	}
	scalar, err := s.Secret(secretName)
	if errors.Is(err, trust.ErrNoKey) {
		return nil, fmt.Errorf("%w: %s is a key store, but not one that \"yizhan cluster backup-key\" made", trust.ErrNoKey, dir)
	}
	if err != nil {
		return nil, err
	}
	defer clear(scalar)
	return p.ParseKey(scalar)
}

// SavePublic writes the public key to a file that is not there yet.
func SavePublic(path, domain string, p sm.Provider, k crypto.PublicKey) error {
	text := pem.EncodeToMemory(&pem.Block{Type: blockPublic, Bytes: k[:],
		Headers: map[string]string{"Domain": domain, "Key": sm.KeyIDOf(p, k).String()}})
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close(), syncDir(filepath.Dir(path)))
}

// LoadPublic reads what SavePublic wrote.
func LoadPublic(path string, p sm.Provider) (k crypto.PublicKey, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return k, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != blockPublic || copy(k[:], block.Bytes) != len(block.Bytes) || len(block.Bytes) != len(k) {
		return k, fmt.Errorf("%w: %s is not the public key of a backup; \"yizhan cluster backup-key\" makes one", trust.ErrDamaged, path)
	}
	if sm.KeyIDOf(p, k).String() != block.Headers["Key"] {
		return k, fmt.Errorf("%w: the key in %s is not the one that it names", trust.ErrDamaged, path)
	}
	return k, nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
