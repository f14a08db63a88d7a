package merkle

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
)

//go:embed testdata/roots.json
var rootFile []byte

func sha(parts ...[]byte) crypto.Digest { return sha256.Sum256(bytes.Join(parts, nil)) }

func TestRootsMatchTheReferenceTestsOfCertificateTransparency(t *testing.T) {
	var v struct{ Entries, SHA256, SM3 []string }
	if err := json.Unmarshal(rootFile, &v); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		hash  Hash
		roots []string
	}{"sha256": {sha, v.SHA256}, "sm3": {hash, v.SM3}} {
		var f Frontier
		for n, want := range c.roots {
			if got := f.Root(c.hash).String(); got != want {
				t.Errorf("%s: root of %d is %s, want %s", name, n, got, want)
			}
			if n < len(v.Entries) {
				entry := must(hex.DecodeString(v.Entries[n]))
				f = f.Append(c.hash, Leaf(c.hash, entry), nil)
			}
		}
	}
}
