package merkle

import (
	"errors"
	"slices"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// digests cuts bytes into a path.
func digests(b []byte) (path []crypto.Digest) {
	for chunk := range slices.Chunk(b, 32) {
		var d crypto.Digest
		copy(d[:], chunk)
		path = append(path, d)
	}
	return path
}

func flatten(path []crypto.Digest) (b []byte) {
	for _, d := range path {
		b = append(b, d[:]...)
	}
	return b
}

// FuzzVerifyInclusion looks for a proof of something that is not so: only the
// path that the prover makes may verify.
func FuzzVerifyInclusion(f *testing.F) {
	d := leaves(small)
	l := grow(d)
	for _, n := range []uint64{1, 2, 3, 7, 8, 9, 64, 70} {
		f.Add(n/2, n/2, n, flatten(must(ProveInclusion(hash, l.node, n/2, n))))
	}
	f.Fuzz(func(t *testing.T, leaf, index, size uint64, raw []byte) {
		p, n := digests(raw), size%(small+1)
		err := VerifyInclusion(hash, d[leaf%small], index, size, p, mth(d[:n]))
		if err != nil {
			if !errors.Is(err, ErrProof) {
				t.Fatal(err)
			}
			return
		}
		if size != n || leaf%small != index || !slices.Equal(p, path(int(index), d[:n])) {
			t.Fatalf("leaf %d is proved at %d of %d", leaf%small, index, size)
		}
	})
}

func FuzzVerifyConsistency(f *testing.F) {
	d := leaves(small)
	l := grow(d)
	for _, n := range []uint64{1, 2, 3, 7, 8, 9, 64, 70} {
		f.Add(n/2, n, flatten(must(ProveConsistency(hash, l.node, n/2, n))))
	}
	f.Fuzz(func(t *testing.T, older, newer uint64, raw []byte) {
		p, m, n := digests(raw), older%(small+1), newer%(small+1)
		err := VerifyConsistency(hash, older, newer, mth(d[:m]), mth(d[:n]), p)
		if err != nil {
			if !errors.Is(err, ErrProof) {
				t.Fatal(err)
			}
			return
		}
		trivial := older == newer || older == 0
		if trivial && len(p) > 0 || !trivial && (older != m || newer != n || !slices.Equal(p, subproof(int(m), d[:n], true))) {
			t.Fatalf("size %d is proved a beginning of %d", older, newer)
		}
	})
}
