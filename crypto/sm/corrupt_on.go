//go:build selftest_corrupt

package sm

import (
	"io"
	"os"
)

// EnvCorrupt names the primitive whose answers the self-test sees with one bit
// altered. It is read only in binaries built with the tag selftest_corrupt,
// which show that a node with a broken primitive does not start.
const EnvCorrupt = "YIZHAN_SELFTEST_CORRUPT"

func corrupt(primitive string, answer []byte) {
	if len(answer) > 0 && os.Getenv(EnvCorrupt) == primitive {
		answer[len(answer)-1] ^= 1
	}
}

// corruptReader returns a source that stands still.
func corruptReader(primitive string, r io.Reader) io.Reader {
	if os.Getenv(EnvCorrupt) != primitive {
		return r
	}
	return stuck{}
}

type stuck struct{}

func (stuck) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 0x55
	}
	return len(p), nil
}
