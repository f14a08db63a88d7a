package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/node/config"
)

// keyFile matches the files of a key store, and no path that leads out of it.
var keyFile = regexp.MustCompile(`^(lock|(keys|pairs|certs|secrets)/[a-z0-9][a-z0-9._-]{0,100})\.pem$`)

// secretAPI is the name under which the key of the API's certificate travels
// inside the key store.
const secretAPI = "api-server"

// Files collects what a replica needs to run again besides its ledger and
// content: configuration, anchor, founding file, the certificate of the API, and
// the key store as it lies there, still sealed. The one private key that lies
// outside the store, that of the API, is sealed under it for the purpose. dir is
// where the configuration lies; names in it become relative to that.
func Files(n *config.Node, d *config.Domain, vault *trust.Store, dir string) ([]File, error) {
	text, err := n.Text(dir)
	if err != nil {
		return nil, err
	}
	out := []File{{nameConfig, text}}
	for _, f := range []struct{ name, path string }{{nameAnchor, d.Anchor}, {nameAPI, n.API.Certificate}, {nameFounding, d.Founding}, {nameOffline, d.BackupKey}} {
		data, err := os.ReadFile(f.path)
		if f.path == "" || f.name == nameFounding && errors.Is(err, fs.ErrNotExist) {
			continue // that of the founding was read once, when the domain was founded
		}
		if err != nil {
			return nil, err
		}
		out = append(out, File{f.name, data})
	}
	keys, err := keyFiles(d.Keys)
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(n.API.Key)
	if err != nil {
		return nil, err
	}
	path, sealed, err := vault.SealSecret(secretAPI, key)
	clear(key)
	return append(append(out, keys...), File{nameKeys + path, sealed}), err
}

// keyFiles reads a key store as it lies there.
func keyFiles(dir string) (out []File, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if !keyFile.MatchString(rel) || rel == "secrets/"+secretAPI+".pem" {
			return nil // not of the store, or the one that is sealed anew
		}
		data, err := os.ReadFile(path)
		if err == nil {
			out = append(out, File{nameKeys + rel, data})
		}
		return err
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("there is no key store in %s", dir)
	}
	return out, err
}

// lockKind tells what opens the key store of a node.
func LockKind(u config.Unlock) string {
	if u.KeyFile != "" {
		return "keyfile"
	}
	return "passphrase"
}

// Holds reports whether a list of files has one whose name begins so.
func holds(files []File, prefix string) bool {
	for _, f := range files {
		if strings.HasPrefix(f.Name, prefix) {
			return true
		}
	}
	return false
}
