package founding

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
)

const (
	authorityName   = "Yizhan trial authority (not for production)"
	authorityLife   = 10 * 365 * 24 * time.Hour
	authorityDir    = "authority"
	authorityCert   = "ca.der"
	secretAuthority = "authority"
	secretAPI       = "api-authorities"
	unlockName      = "unlock.key"
	keysDir         = "keys"

	// early is how far before now certificates and statements begin, for
	// neighbours whose clock is slow.
	early = 5 * time.Minute
)

// Authority is the trial authority of a federation: it issues the certificates
// of domains and replicas, and of each domain's client API.
type Authority struct {
	CA  *trust.CA
	API map[exchange.Domain]*trust.APICA
}

func newAuthority(p sm.Provider, f *Federation, now time.Time) (*Authority, error) {
	ca, err := trust.NewCA(p, rand.Reader, authorityName, now.Add(-time.Hour), authorityLife)
	if err != nil {
		return nil, err
	}
	a := &Authority{CA: ca.WithValidity(now.Add(-early), trust.LeafLife), API: map[exchange.Domain]*trust.APICA{}}
	for _, d := range f.Domains {
		if a.API[d.Domain], err = trust.NewAPICA(rand.Reader, string(d.Domain)); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// save keeps the authority below dir: its certificate, and its keys in a key
// store named for the top domain.
func (a *Authority) save(dir string, p sm.Provider, root exchange.Domain) error {
	dir = filepath.Join(dir, authorityDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	lock := filepath.Join(dir, unlockName)
	if err := trust.NewKeyFile(lock, rand.Reader); err != nil {
		return err
	}
	store, err := trust.CreateStore(filepath.Join(dir, keysDir), string(root), p, rand.Reader, trust.KeyFileLock(lock))
	if err != nil {
		return err
	}
	api := map[exchange.Domain][2][]byte{}
	for d, ca := range a.API {
		c, err := ca.Marshal()
		if err != nil {
			return err
		}
		api[d] = [2][]byte{c.CertificatePEM, c.KeyPEM}
	}
	return errors.Join(
		store.PutSecret(secretAuthority, a.CA.Scalar()),
		store.PutSecret(secretAPI, exchange.Encode(api)),
		writeFile(filepath.Join(dir, authorityCert), a.CA.Certificate.Raw, 0o600))
}

// OpenAuthority opens the authority of a federation that Make made in dir, to
// issue further certificates.
func OpenAuthority(dir string, p sm.Provider) (*Authority, error) {
	dir = filepath.Join(dir, authorityDir)
	store, err := trust.OpenStore(filepath.Join(dir, keysDir), p, rand.Reader, trust.KeyFileLock(filepath.Join(dir, unlockName)))
	if err != nil {
		return nil, fmt.Errorf("trial authority: %w", err)
	}
	scalar, err := store.Secret(secretAuthority)
	if err != nil {
		return nil, fmt.Errorf("trial authority: %w", err)
	}
	der, err := os.ReadFile(filepath.Join(dir, authorityCert))
	if err != nil {
		return nil, fmt.Errorf("trial authority: %w", err)
	}
	a := &Authority{}
	if a.CA, err = trust.LoadCA(p, rand.Reader, der, scalar); err != nil {
		return nil, fmt.Errorf("trial authority: %w", err)
	}
	a.API, err = openAPI(store)
	return a, err
}

func openAPI(store *trust.Store) (map[exchange.Domain]*trust.APICA, error) {
	raw, err := store.Secret(secretAPI)
	if err != nil {
		return nil, fmt.Errorf("API authorities: %w", err)
	}
	all, err := exchange.Decode[map[exchange.Domain][2][]byte](raw)
	if err != nil {
		return nil, fmt.Errorf("API authorities: %w", err)
	}
	out := map[exchange.Domain]*trust.APICA{}
	for d, c := range all {
		if out[d], err = trust.ParseAPICA(rand.Reader, trust.APICert{CertificatePEM: c[0], KeyPEM: c[1]}); err != nil {
			return nil, fmt.Errorf("API authority of %s: %w", d, err)
		}
	}
	return out, nil
}
