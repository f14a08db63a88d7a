package merkle

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
)

var hash Hash = func() Hash {
	p, err := sm.New("")
	if err != nil {
		panic(err)
	}
	return p.Sum
}()

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The definitions of RFC 9162, word by word, as the oracle.

func mth(d []crypto.Digest) crypto.Digest {
	switch n := len(d); n {
	case 0:
		return hash()
	case 1:
		return d[0]
	default:
		k := largestPowerBelow(n)
		l, r := mth(d[:k]), mth(d[k:])
		return hash([]byte{1}, l[:], r[:])
	}
}

func path(m int, d []crypto.Digest) []crypto.Digest {
	if len(d) == 1 {
		return nil
	}
	k := largestPowerBelow(len(d))
	if m < k {
		return append(path(m, d[:k]), mth(d[k:]))
	}
	return append(path(m-k, d[k:]), mth(d[:k]))
}

func subproof(m int, d []crypto.Digest, b bool) []crypto.Digest {
	if m == len(d) {
		if b {
			return nil
		}
		return []crypto.Digest{mth(d)}
	}
	k := largestPowerBelow(len(d))
	if m <= k {
		return append(subproof(m, d[:k], b), mth(d[k:]))
	}
	return append(subproof(m-k, d[k:], false), mth(d[:k]))
}

func largestPowerBelow(n int) int {
	k := 1
	for 2*k < n {
		k *= 2
	}
	return k
}

// leaves makes n distinct leaf digests.
func leaves(n int) []crypto.Digest {
	d := make([]crypto.Digest, n)
	for i := range d {
		d[i] = Leaf(hash, binary.BigEndian.AppendUint32(nil, uint32(i)))
	}
	return d
}

// log is a tree as a ledger keeps it: a frontier and the nodes it visited.
type log struct {
	Frontier
	nodes map[[2]uint64]crypto.Digest
}

func grow(d []crypto.Digest) *log {
	l := &log{nodes: map[[2]uint64]crypto.Digest{}}
	for _, leaf := range d {
		l.Frontier = l.Append(hash, leaf, func(level uint, index uint64, d crypto.Digest) {
			l.nodes[[2]uint64{uint64(level), index}] = d
		})
	}
	return l
}

func (l *log) node(level uint, index uint64) (crypto.Digest, error) {
	if d, ok := l.nodes[[2]uint64{uint64(level), index}]; ok {
		return d, nil
	}
	return crypto.Digest{}, ErrRange
}

const small = 70 // every tree up to this size is tested

func TestTheRootIsThatOfTheDefinition(t *testing.T) {
	d := leaves(small)
	var f Frontier
	for n := 0; ; n++ {
		if err := f.Check(); err != nil {
			t.Fatal(err)
		}
		if want := mth(d[:n]); f.Root(hash) != want || Build(hash, d[:n]).Root(hash) != want {
			t.Fatalf("root of %d leaves", n)
		}
		if n == small {
			return
		}
		f = f.Append(hash, d[n], nil)
	}
}

func TestAppendChangesNoEarlierFrontier(t *testing.T) {
	d := leaves(40)
	f := grow(d[:21]).Frontier
	before := slices.Clone(f.Roots)
	a, b := f.Append(hash, d[21], nil), f.Append(hash, d[30], nil)
	if !slices.Equal(f.Roots, before) || a.Root(hash) != mth(d[:22]) || b.Root(hash) != mth(append(slices.Clone(d[:21]), d[30])) {
		t.Error("frontiers share what they change")
	}
}

func TestAFrontierThatDoesNotFitItsSizeIsFound(t *testing.T) {
	for _, f := range []Frontier{{Size: 1}, {Roots: leaves(1)}, {Size: 3, Roots: leaves(1)}, {Size: 8, Roots: leaves(3)}} {
		if err := f.Check(); !errors.Is(err, ErrFrontier) {
			t.Errorf("%d roots for %d: %v", len(f.Roots), f.Size, err)
		}
	}
}

func TestProofsAreThoseOfTheDefinitionAndVerify(t *testing.T) {
	d := leaves(small)
	l, tree := grow(d), Build(hash, d)
	for n := 1; n <= small; n++ {
		root := mth(d[:n])
		for m := range n {
			p := must(ProveInclusion(hash, l.node, uint64(m), uint64(n)))
			if !slices.Equal(p, path(m, d[:n])) || !slices.Equal(p, must(ProveInclusion(hash, tree.Node, uint64(m), uint64(n)))) {
				t.Fatalf("path of %d in %d", m, n)
			}
			if err := VerifyInclusion(hash, d[m], uint64(m), uint64(n), p, root); err != nil {
				t.Fatalf("%d in %d: %v", m, n, err)
			}
			c := must(ProveConsistency(hash, l.node, uint64(m), uint64(n)))
			if m > 0 && !slices.Equal(c, subproof(m, d[:n], true)) {
				t.Fatalf("consistency of %d and %d", m, n)
			}
			if err := VerifyConsistency(hash, uint64(m), uint64(n), mth(d[:m]), root, c); err != nil {
				t.Fatalf("%d and %d: %v", m, n, err)
			}
		}
	}
}

func TestLargeTreesProveWhatTheDefinitionSays(t *testing.T) {
	d := leaves(1100)
	l := grow(d)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, len(d)).Draw(t, "size")
		m := rapid.IntRange(0, n-1).Draw(t, "index")
		p := must(ProveInclusion(hash, l.node, uint64(m), uint64(n)))
		if !slices.Equal(p, path(m, d[:n])) {
			t.Fatal("path differs")
		}
		if err := VerifyInclusion(hash, d[m], uint64(m), uint64(n), p, mth(d[:n])); err != nil {
			t.Fatal(err)
		}
		c := must(ProveConsistency(hash, l.node, uint64(m), uint64(n)))
		if err := VerifyConsistency(hash, uint64(m), uint64(n), mth(d[:m]), mth(d[:n]), c); err != nil {
			t.Fatal(err)
		}
	})
}

func TestAnyChangeToAnInclusionProofIsRefused(t *testing.T) {
	d := leaves(small)
	l := grow(d)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(1, small).Draw(t, "size")
		m := rapid.Uint64Range(0, n-1).Draw(t, "index")
		root := mth(d[:n])
		p := must(ProveInclusion(hash, l.node, m, n))
		refuse := func(what string, leaf crypto.Digest, m, n uint64, p []crypto.Digest, root crypto.Digest) {
			if err := VerifyInclusion(hash, leaf, m, n, p, root); !errors.Is(err, ErrProof) {
				t.Fatalf("%s: %v", what, err)
			}
		}
		refuse("another leaf", hash(d[m][:]), m, n, p, root)
		refuse("another root", d[m], m, n, p, hash(root[:]))
		refuse("index beyond", d[m], n, n, p, root)
		refuse("longer", d[m], m, n, append(slices.Clone(p), d[0]), root)
		refuse("no leaves", d[m], 0, 0, p, root)
		if other := rapid.Uint64Range(0, n-1).Draw(t, "other"); other != m {
			refuse("another index", d[m], other, n, p, root)
		}
		if len(p) > 0 {
			refuse("shorter", d[m], m, n, p[1:], root)
			i := rapid.IntRange(0, len(p)-1).Draw(t, "altered")
			q := slices.Clone(p)
			q[i][rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
			refuse("altered", d[m], m, n, q, root)
		}
	})
}

func TestAnyChangeToAConsistencyProofIsRefused(t *testing.T) {
	d := leaves(small)
	l := grow(d)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(1, small).Draw(t, "newer")
		m := rapid.Uint64Range(0, n).Draw(t, "older")
		older, newer := mth(d[:m]), mth(d[:n])
		p := must(ProveConsistency(hash, l.node, m, n))
		refuse := func(what string, m, n uint64, older, newer crypto.Digest, p []crypto.Digest) {
			if err := VerifyConsistency(hash, m, n, older, newer, p); !errors.Is(err, ErrProof) {
				t.Fatalf("%s: %v", what, err)
			}
		}
		refuse("another older root", m, n, hash(older[:]), newer, p)
		if m > 0 { // anything follows from nothing
			refuse("another newer root", m, n, older, hash(newer[:]), p)
		}
		refuse("longer", m, n, older, newer, append(slices.Clone(p), d[0]))
		if m < n {
			refuse("exchanged", n, m, newer, older, p)
		}
		if len(p) > 0 {
			refuse("shorter", m, n, older, newer, p[:len(p)-1])
			refuse("none", m, n, older, newer, nil)
			q := slices.Clone(p)
			q[rapid.IntRange(0, len(p)-1).Draw(t, "altered")][rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
			refuse("altered", m, n, older, newer, q)
		}
	})
}

func TestARewrittenHistoryIsNotConsistent(t *testing.T) {
	d := leaves(50)
	forged := slices.Clone(d)
	forged[3] = Leaf(hash, []byte("never happened"))
	l := grow(forged)
	p := must(ProveConsistency(hash, l.node, 20, 50))
	if err := VerifyConsistency(hash, 20, 50, mth(d[:20]), mth(forged), p); !errors.Is(err, ErrProof) {
		t.Error(err)
	}
}

func TestALeafIsNeverTakenForANode(t *testing.T) {
	d := leaves(2)
	inner := Leaf(hash, append(d[0][:], d[1][:]...)) // an entry that spells the node
	if err := VerifyInclusion(hash, inner, 0, 1, nil, mth(d)); !errors.Is(err, ErrProof) {
		t.Error(err)
	}
}

func TestProofsOutsideTheTreeAreRefused(t *testing.T) {
	l := grow(leaves(5))
	_, e1 := ProveInclusion(hash, l.node, 5, 5)
	_, e2 := ProveInclusion(hash, l.node, 0, 0)
	_, e3 := ProveConsistency(hash, l.node, 6, 5)
	_, e4 := ProveInclusion(hash, Build(hash, leaves(5)).Node, 2, 8)
	_, e5 := ProveConsistency(hash, Build(hash, nil).Node, 3, 8)
	for i, err := range []error{e1, e2, e3, e4, e5} {
		if !errors.Is(err, ErrRange) {
			t.Errorf("%d: %v", i+1, err)
		}
	}
}

func TestSizesAtTheEndOfTheRangeAreHandled(t *testing.T) {
	const most = ^uint64(0)
	nodes := func(level uint, index uint64) (crypto.Digest, error) {
		return hash(binary.BigEndian.AppendUint64([]byte{byte(level)}, index)), nil
	}
	leaf := must(nodes(0, most-1))
	p := must(ProveInclusion(hash, nodes, most-1, most))
	if err := VerifyInclusion(hash, leaf, most-1, most, p, leaf); !errors.Is(err, ErrProof) {
		t.Error(err)
	}
	c := must(ProveConsistency(hash, nodes, most-1, most))
	if err := VerifyConsistency(hash, most-1, most, leaf, leaf, c); !errors.Is(err, ErrProof) || len(c) > 64 {
		t.Error(err)
	}
}

func TestEveryEntryOfABatchVerifiesAgainstItsRoot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 40), 0, 40).Draw(t, "entries")
		root, paths := Batch(hash, entries)
		var d []crypto.Digest
		for _, e := range entries {
			d = append(d, Leaf(hash, e))
		}
		if root != mth(d) || len(paths) != len(entries) {
			t.Fatal("root or number of paths")
		}
		for i := range entries {
			if err := VerifyInclusion(hash, d[i], uint64(i), uint64(len(entries)), paths[i], root); err != nil {
				t.Fatal(i, err)
			}
		}
	})
}

// The digests of a path do not say at which level they stand; only its length does.
func TestAPathOfTheWrongLengthIsRefusedThoughItLeadsToTheRoot(t *testing.T) {
	d := leaves(8)
	for name, err := range map[string]error{
		"a node for a leaf":       VerifyInclusion(hash, mth(d[:2]), 0, 4, []crypto.Digest{mth(d[2:4])}, mth(d[:4])),
		"a leaf of a larger tree": VerifyInclusion(hash, d[1], 0, 1, []crypto.Digest{d[0]}, mth(d[:2])),
		"a smaller newer tree":    VerifyConsistency(hash, 1, 3, d[0], mth(d[:2]), []crypto.Digest{d[1]}),
		"two larger trees":        VerifyConsistency(hash, 3, 4, mth(d[:7]), mth(d), subproof(7, d, true)),
	} {
		if !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
