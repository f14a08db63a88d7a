// Package durable makes names outlive a loss of power. To sync a file keeps its
// bytes and not its name: that is in the directory, whose own name is in its
// parent. Whoever keeps files here syncs them all, in an order that a crash may
// interrupt anywhere.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/yizhan-exchange/yizhan/node/failpoint"
)

// SyncDir makes the creation, renaming and removal of names in dir durable.
func SyncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// MkdirAll creates dir and what lacks above it, and returns once the way to it
// is durable, whoever made it: an earlier process may have made a directory and
// ended before it synced the parent. Directories above a mount point, and those
// that may not be read, are left to whoever made them. It is for the start of
// a program; it syncs a handful of directories each time.
func MkdirAll(dir string, mode fs.FileMode) error {
	if err := os.MkdirAll(dir, mode); err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.DirMade); err != nil {
		return err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for parent := filepath.Dir(dir); dir != parent && sameDevice(dir, parent); dir, parent = parent, filepath.Dir(parent) {
		if err := SyncDir(parent); errors.Is(err, fs.ErrPermission) {
			break
		} else if err != nil {
			return err
		}
	}
	return failpoint.Hit(failpoint.DirSynced)
}

func sameDevice(a, b string) bool {
	var s, t syscall.Stat_t
	return syscall.Stat(a, &s) == nil && syscall.Stat(b, &t) == nil && s.Dev == t.Dev
}

// WriteFile makes or replaces a file at one moment, durably: temporary file
// beside it, sync, rename, sync of the directory. After a crash the old file or
// the new one is there, and perhaps a temporary one, named by pattern as of
// os.CreateTemp.
func WriteFile(path, pattern string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), pattern) // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone once renamed
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode))
	if err == nil {
		err = failpoint.Hit(failpoint.FileWritten)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.FileSynced); err != nil {
		return err
	}
	return Rename(f.Name(), path)
}

// Rename gives a file that was synced its name, in the same directory, durably.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if err := failpoint.Hit(failpoint.FileRenamed); err != nil {
		return err
	}
	if err := SyncDir(filepath.Dir(to)); err != nil {
		return err
	}
	return failpoint.Hit(failpoint.FileNamed)
}
