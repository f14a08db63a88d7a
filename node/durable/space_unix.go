//go:build unix

package durable

import "golang.org/x/sys/unix"

// Space returns what an unprivileged process may still write where dir is, and
// how much there is, in bytes.
func Space(dir string) (free, total uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	return s.Bavail * uint64(s.Bsize), s.Blocks * uint64(s.Bsize), nil
}
