package fleet

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// SaveData keeps a copy of what every process has stored. All must be stopped.
func (f *Fleet) SaveData() {
	f.t.Helper()
	for name, c := range f.configs {
		if err := copyTree(c.Data, filepath.Join(f.Dir, "saved", name)); err != nil {
			f.t.Fatal(err)
		}
	}
}

// RestoreData puts every process back to where it was at SaveData. All must be
// stopped.
func (f *Fleet) RestoreData() {
	f.t.Helper()
	for name, c := range f.configs {
		if err := os.RemoveAll(c.Data); err != nil {
			f.t.Fatal(err)
		}
		if err := copyTree(filepath.Join(f.Dir, "saved", name), c.Data); err != nil {
			f.t.Fatal(err)
		}
		_ = os.Remove(f.Output(name)) // begins anew
	}
}

// KeepData copies everything about the processes to a directory that outlives
// the test.
func (f *Fleet) KeepData(dir string) error {
	return copyTree(filepath.Join(f.Dir, "nodes"), dir)
}

func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		return copySparse(path, target)
	})
}

// copySparse leaves pages of zeros unwritten: segments of a log are allocated
// whole.
func copySparse(from, to string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return err
	}
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() {
		if e := dst.Close(); err == nil {
			err = e
		}
	}()
	if err := dst.Truncate(info.Size()); err != nil {
		return err
	}
	const size = 64 << 10
	zeros, page := make([]byte, size), make([]byte, size)
	for at := int64(0); ; at += size {
		n, err := io.ReadFull(src, page)
		if n > 0 && !bytes.Equal(page[:n], zeros[:n]) {
			if _, err := dst.WriteAt(page[:n], at); err != nil {
				return err
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
