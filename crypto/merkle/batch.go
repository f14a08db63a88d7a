package merkle

import (
	"fmt"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// Tree is a tree held in memory, level by level from the leaves up. A node
// without a sibling stands again one level higher.
type Tree struct{ levels [][]crypto.Digest }

// Build returns the tree over leaf digests (see Leaf), which it keeps.
func Build(hash Hash, leaves []crypto.Digest) *Tree {
	t := &Tree{levels: [][]crypto.Digest{leaves}}
	for row := leaves; len(row) > 1; {
		next := make([]crypto.Digest, (len(row)+1)/2)
		for i := range next {
			next[i] = row[2*i]
			if 2*i+1 < len(row) {
				next[i] = node(hash, row[2*i], row[2*i+1])
			}
		}
		t.levels = append(t.levels, next)
		row = next
	}
	return t
}

// Node is a Nodes over the tree. The error is ErrRange.
func (t *Tree) Node(level uint, index uint64) (crypto.Digest, error) {
	// A subtree that is not perfect is no node: the tree has too few leaves.
	if level >= uint(len(t.levels)) || index >= uint64(len(t.levels[0]))>>level {
		return crypto.Digest{}, fmt.Errorf("%w: node %d at level %d", ErrRange, index, level)
	}
	return t.levels[level][index], nil
}

// Root returns the root of the tree.
func (t *Tree) Root(hash Hash) crypto.Digest {
	if len(t.levels[0]) == 0 {
		return Empty(hash)
	}
	return t.levels[len(t.levels)-1][0]
}

// Path returns the inclusion path of leaf index, which must be in the tree.
func (t *Tree) Path(index int) []crypto.Digest {
	path := make([]crypto.Digest, 0, len(t.levels)-1)
	for _, row := range t.levels {
		if sibling := index ^ 1; sibling < len(row) {
			path = append(path, row[sibling])
		}
		index >>= 1
	}
	return path
}

// Batch returns the root over entries that are signed together, and the
// inclusion path of each. One signature over the size and the root then stands
// for all of them: entry i is verified by VerifyInclusion of
// Leaf(hash, entries[i]), i, len(entries) and paths[i].
func Batch(hash Hash, entries [][]byte) (root crypto.Digest, paths [][]crypto.Digest) {
	leaves := make([]crypto.Digest, len(entries))
	for i, e := range entries {
		leaves[i] = Leaf(hash, e)
	}
	t := Build(hash, leaves)
	paths = make([][]crypto.Digest, len(entries))
	for i := range paths {
		paths[i] = t.Path(i)
	}
	return t.Root(hash), paths
}
