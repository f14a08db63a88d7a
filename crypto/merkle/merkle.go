// Package merkle is the Merkle tree of RFC 9162 §2.1 with the hash given by the
// caller (SM3: sm.Provider.Sum fits Hash). Everything in it is a pure function
// of its arguments: what is stored, and where, is the caller's affair.
package merkle

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// Hash digests the concatenation of its parts.
type Hash func(parts ...[]byte) crypto.Digest

// Failure classes.
var (
	// ErrProof reports a path that does not prove what it is held to.
	ErrProof = errors.New("merkle: proof does not hold")
	// ErrRange reports an index or size outside the tree.
	ErrRange = errors.New("merkle: outside the tree")
	// ErrFrontier reports a frontier whose nodes do not fit its size.
	ErrFrontier = errors.New("merkle: frontier is malformed")
)

// The prefixes keep a leaf from passing for a node (RFC 9162 §2.1.1).
var (
	leafPrefix = []byte{0}
	nodePrefix = []byte{1}
)

// Leaf returns the digest of an entry: Hash(0x00 ‖ data).
func Leaf(hash Hash, data []byte) crypto.Digest { return hash(leafPrefix, data) }

// Empty returns the root of the tree without leaves: Hash of nothing.
func Empty(hash Hash) crypto.Digest { return hash() }

// node returns Hash(0x01 ‖ left ‖ right).
func node(hash Hash, left, right crypto.Digest) crypto.Digest {
	return hash(nodePrefix, left[:], right[:])
}

// Nodes reads the digest of a perfect subtree: the one over the 2^level leaves
// from index·2^level on. Level 0 is the leaves. It is asked only for subtrees
// that lie wholly in the tree.
type Nodes func(level uint, index uint64) (crypto.Digest, error)

// Frontier is what a log keeps in order to grow: its size and the roots of the
// perfect subtrees that its leaves fall into, the largest first, one for each
// bit set in Size. The zero value is the empty tree. A Frontier is a value:
// no method changes it.
type Frontier struct {
	Size  uint64          `cbor:"1,keyasint"`
	Roots []crypto.Digest `cbor:"2,keyasint"`
}

// Check reports ErrFrontier unless there is one root for each bit of the size.
func (f Frontier) Check() error {
	if want := bits.OnesCount64(f.Size); len(f.Roots) != want {
		return fmt.Errorf("%w: %d roots for size %d, want %d", ErrFrontier, len(f.Roots), f.Size, want)
	}
	return nil
}

// Append returns the frontier with leaf (see Leaf) as the next leaf, in
// O(log size). visit, which may be nil, is given every subtree that the leaf
// completes, the leaf itself first: storing them makes a Nodes. f must pass
// Check.
func (f Frontier) Append(hash Hash, leaf crypto.Digest, visit func(level uint, index uint64, d crypto.Digest)) Frontier {
	if visit == nil {
		visit = func(uint, uint64, crypto.Digest) {}
	}
	merged := bits.TrailingZeros64(^f.Size) // subtrees that the leaf completes above itself
	kept := len(f.Roots) - merged
	d := leaf
	visit(0, f.Size, d)
	for level := range merged {
		d = node(hash, f.Roots[len(f.Roots)-1-level], d)
		visit(uint(level+1), f.Size>>(level+1), d)
	}
	roots := make([]crypto.Digest, kept+1)
	copy(roots, f.Roots[:kept])
	roots[kept] = d
	return Frontier{Size: f.Size + 1, Roots: roots}
}

// Root returns the root of the tree (RFC 9162 §2.1.1). f must pass Check.
func (f Frontier) Root(hash Hash) crypto.Digest {
	if f.Size == 0 {
		return Empty(hash)
	}
	last := len(f.Roots) - 1
	d := f.Roots[last]
	for i := last - 1; i >= 0; i-- {
		d = node(hash, f.Roots[i], d)
	}
	return d
}
