// Package newlife marks a replica whose state begins a new life of its domain:
// one that was restored from a backup, or that recovered from the loss of a
// majority. What the domain sent, received and signed after that state is
// unknown to it, so the next leader must raise the incarnation and begin a new
// numbering (ledger.Command.Renew) before it serves anything else.
//
// The mark is a file beside the state, because the state itself is somebody
// else's copy until the domain said so in its own log.
package newlife

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// FileName is the name of the mark in <data>/<DOMAIN>.
const FileName = "new-life.json"

// Reasons why a life begins.
const (
	Restored  = "restored"  // from a backup
	Recovered = "recovered" // from the loss of a majority
)

// Life says why and from which state a new life begins.
type Life struct {
	Token  [16]byte  `json:"token"`  // drawn by Mark; a life is begun once for each
	Reason string    `json:"reason"` // Restored or Recovered
	At     time.Time `json:"at"`
	Index  uint64    `json:"index"` // last log index that the state contains
}

// Mark writes the mark into dir, the domain's data directory, with a token of
// its own, and returns when the mark survives loss of power. An older mark is
// replaced. Call it when the state is complete and before any node may open it.
func Mark(dir string, l Life) error {
	if l.Reason != Restored && l.Reason != Recovered {
		return fmt.Errorf("newlife: the reason %q is neither %s nor %s", l.Reason, Restored, Recovered)
	}
	if _, err := rand.Read(l.Token[:]); err != nil {
		return fmt.Errorf("newlife: %w", err)
	}
	raw, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return fmt.Errorf("newlife: %w", err)
	}
	return replace(filepath.Join(dir, FileName), append(raw, '\n'))
}

// Read returns the mark in dir; found is false when there is none. A mark that
// cannot be read is an error: the node must not serve as if there were none.
func Read(dir string) (l Life, found bool, err error) {
	path := filepath.Join(dir, FileName)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Life{}, false, nil
	}
	if err != nil {
		return Life{}, false, fmt.Errorf("newlife: %w", err)
	}
	if err := json.Unmarshal(raw, &l); err != nil || l.Token == [16]byte{} {
		return Life{}, false, fmt.Errorf("newlife: the mark %s cannot be read (%v); restore or recover the replica again", path, err)
	}
	return l, true, nil
}

// Clear removes the mark, durably. There may be none.
func Clear(dir string) error {
	if err := os.Remove(filepath.Join(dir, FileName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("newlife: %w", err)
	}
	return syncDir(dir)
}

// replace writes a file whole or not at all.
func replace(path string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), FileName+".*")
	if err != nil {
		return fmt.Errorf("newlife: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
			err = fmt.Errorf("newlife: %w", err)
		}
	}()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
