package founding

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/yizhan-exchange/yizhan/node/durable"
)

// writeFile makes or replaces a file at one moment, durably.
func writeFile(path string, data []byte, mode os.FileMode) error {
	return durable.WriteFile(path, ".new-*", data, mode)
}

// syncTree makes the names of everything below dir durable.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return durable.SyncDir(path)
	})
}
