package founding

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/durable"
)

// maker holds what is made before it is written.
type maker struct {
	f         *Federation
	dir       string // where it is made, before it is given its name
	now       time.Time
	provider  sm.Provider
	authority *Authority
	anchor    trust.Anchor
	processes []*process
	keys      map[exchange.Domain]trust.Keys
	pairs     map[exchange.Domain]trust.Pair
	persons   map[exchange.Domain][]ledger.PersonRow
	clients   client.Settings
}

// Make makes the federation in dir, which must not exist or be empty. It is
// made beside dir and given its name when it is whole. Keys and tokens are
// fresh. A declaration that cannot be used is Invalid, a directory that is not
// empty Conflict.
func Make(f Federation, dir string) (*Trial, error) {
	if err := f.Check(); err != nil {
		return nil, err
	}
	if err := mustBeFree(dir); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("making a federation: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return nil, fmt.Errorf("making a federation: %w", err)
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), ".making-*") // 0700
	if err != nil {
		return nil, fmt.Errorf("making a federation: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }() // gone once renamed
	f = f.complete()
	m := &maker{f: &f, dir: work, now: time.Now()}
	if err := m.make(); err != nil {
		return nil, fmt.Errorf("making a federation: %w", err)
	}
	if err := syncTree(work); err != nil {
		return nil, fmt.Errorf("making a federation: %w", err)
	}
	if err := os.Rename(work, dir); err != nil {
		return nil, fmt.Errorf("making a federation: %w; if the directory is a mount point, choose one below it", err)
	}
	if err := durable.SyncDir(filepath.Dir(dir)); err != nil {
		return nil, fmt.Errorf("making a federation: %w", err)
	}
	return Open(dir)
}

func mustBeFree(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return fmt.Errorf("making a federation: %w", err)
	}
	return exchange.Errorf(exchange.Conflict, op, "%s is not empty; choose another directory", dir)
}

func (m *maker) make() (err error) {
	if m.provider, err = sm.New(m.f.Provider); err != nil {
		return err
	}
	if m.processes, err = m.f.plan(); err != nil {
		return err
	}
	if m.authority, err = newAuthority(m.provider, m.f, m.now); err != nil {
		return err
	}
	root := m.f.root().Domain
	m.anchor = trust.Anchor{Root: string(root), CAs: [][]byte{m.authority.CA.Certificate.Raw}}
	for _, step := range []func() error{m.domainKeys, m.everybody, m.writeShared, m.writeClients, m.writeNodes} {
		if err := step(); err != nil {
			return err
		}
	}
	return m.authority.save(m.dir, m.provider, root)
}

// domainKeys makes the pair of each domain, which all its replicas share.
func (m *maker) domainKeys() error {
	m.keys, m.pairs = map[exchange.Domain]trust.Keys{}, map[exchange.Domain]trust.Pair{}
	for _, d := range m.f.Domains {
		sign, err := m.provider.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		encrypt, err := m.provider.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		m.keys[d.Domain] = trust.Keys{Sign: sign, Encrypt: encrypt}
		if m.pairs[d.Domain], err = m.authority.CA.IssuePair(string(d.Domain), sign.Public(), encrypt.Public()); err != nil {
			return err
		}
	}
	return nil
}

// writeShared writes what belongs to no node: the declaration and the anchor.
func (m *maker) writeShared() error {
	text, err := m.f.Encode()
	if err != nil {
		return err
	}
	return errors.Join(
		writeFile(filepath.Join(m.dir, federationName), text, 0o600),
		m.anchor.Save(filepath.Join(m.dir, anchorName)))
}
