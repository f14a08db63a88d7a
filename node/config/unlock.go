package config

import (
	"bytes"
	"fmt"
	"os"

	"github.com/yizhan-exchange/yizhan/crypto/trust"
)

// Lock returns what opens the key store. A passphrase file that others may
// read is trust.ErrPermissions; the line feed at its end is not part of the
// passphrase.
func (u Unlock) Lock() (trust.Lock, error) {
	if u.KeyFile != "" {
		return trust.KeyFileLock(u.KeyFile), nil
	}
	info, err := os.Stat(u.PassphraseFile)
	if err != nil {
		return nil, fmt.Errorf("passphrase file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s; run chmod 600 on it", trust.ErrPermissions, u.PassphraseFile)
	}
	b, err := os.ReadFile(u.PassphraseFile)
	if err != nil {
		return nil, fmt.Errorf("passphrase file: %w", err)
	}
	if b = bytes.TrimRight(b, "\r\n"); len(b) == 0 {
		return nil, fmt.Errorf("%w: %s is empty", trust.ErrPassphrase, u.PassphraseFile)
	}
	return trust.PassphraseLock(b), nil
}
