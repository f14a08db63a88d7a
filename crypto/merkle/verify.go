package merkle

import (
	"fmt"
	"math/bits"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// VerifyInclusion reports whether path leads from leaf (see Leaf) at index to
// the root of a tree of size leaves (RFC 9162 §2.1.3.2). Any failure is ErrProof.
// A root does not determine its size: take both from one signed checkpoint.
func VerifyInclusion(hash Hash, leaf crypto.Digest, index, size uint64, path []crypto.Digest, root crypto.Digest) error {
	if index >= size {
		return fmt.Errorf("%w: leaf %d of %d", ErrProof, index, size)
	}
	fn, sn, r := index, size-1, leaf
	for _, c := range path {
		if sn == 0 {
			return fmt.Errorf("%w: path is too long", ErrProof)
		}
		if fn&1 == 1 || fn == sn {
			r = node(hash, c, r)
			fn, sn = ascend(fn, sn)
		} else {
			r = node(hash, r, c)
		}
		fn, sn = fn>>1, sn>>1
	}
	if sn != 0 {
		return fmt.Errorf("%w: path is too short", ErrProof)
	}
	if r != root {
		return fmt.Errorf("%w: path leads to another root", ErrProof)
	}
	return nil
}

// VerifyConsistency reports whether path shows the tree of older leaves with
// olderRoot to be a beginning of the tree of newer leaves with newerRoot (RFC
// 9162 §2.1.4.2). The empty tree is a beginning of every tree. Any failure is
// ErrProof. Sizes and roots come in pairs from signed checkpoints.
func VerifyConsistency(hash Hash, older, newer uint64, olderRoot, newerRoot crypto.Digest, path []crypto.Digest) error {
	switch {
	case older > newer:
		return fmt.Errorf("%w: size %d comes after %d", ErrProof, older, newer)
	case older == newer:
		return unless(len(path) == 0 && olderRoot == newerRoot, "equal sizes have equal roots and no path")
	case older == 0:
		return unless(len(path) == 0 && olderRoot == Empty(hash), "the empty tree has its root and no path")
	case older&(older-1) != 0 && len(path) == 0:
		return fmt.Errorf("%w: path is too short", ErrProof)
	}
	start := olderRoot // a perfect older tree is itself the first node of the path
	if older&(older-1) != 0 {
		start, path = path[0], path[1:]
	}
	return climb(hash, older, newer, start, path, olderRoot, newerRoot)
}

// climb rebuilds both roots from start, the subtree that ends the older tree.
func climb(hash Hash, older, newer uint64, start crypto.Digest, path []crypto.Digest, olderRoot, newerRoot crypto.Digest) error {
	shift := bits.TrailingZeros64(older)
	fn, sn := (older-1)>>shift, (newer-1)>>shift
	fr, sr := start, start
	for _, c := range path {
		if sn == 0 {
			return fmt.Errorf("%w: path is too long", ErrProof)
		}
		if fn&1 == 1 || fn == sn {
			fr, sr = node(hash, c, fr), node(hash, c, sr)
			fn, sn = ascend(fn, sn)
		} else {
			sr = node(hash, sr, c)
		}
		fn, sn = fn>>1, sn>>1
	}
	if err := unless(sn == 0, "path is too short"); err != nil {
		return err
	}
	if err := unless(fr == olderRoot, "path leads to another older root"); err != nil {
		return err
	}
	return unless(sr == newerRoot, "path leads to another newer root")
}

// ascend skips the levels at which the right edge of the tree has no sibling.
func ascend(fn, sn uint64) (uint64, uint64) {
	for fn&1 == 0 && fn != 0 {
		fn, sn = fn>>1, sn>>1
	}
	return fn, sn
}

func unless(ok bool, failure string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrProof, failure)
}
