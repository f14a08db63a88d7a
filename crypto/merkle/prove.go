package merkle

import (
	"fmt"
	"math/bits"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// ProveInclusion returns the path from leaf index to the root of the tree of
// the first size leaves, sibling of the leaf first (RFC 9162 §2.1.3.1). It
// reads O(log size) nodes. The error is ErrRange or that of nodes.
func ProveInclusion(hash Hash, nodes Nodes, index, size uint64) ([]crypto.Digest, error) {
	if index >= size {
		return nil, fmt.Errorf("%w: leaf %d of %d", ErrRange, index, size)
	}
	p := prover{hash: hash, nodes: nodes}
	p.inclusion(index, 0, size)
	return p.path, p.err
}

// ProveConsistency returns the path that shows the tree of the first older
// leaves to be a beginning of the tree of the first newer ones (RFC 9162
// §2.1.4.1). The path is empty when the sizes are equal or older is 0. The
// error is ErrRange or that of nodes.
func ProveConsistency(hash Hash, nodes Nodes, older, newer uint64) ([]crypto.Digest, error) {
	if older > newer {
		return nil, fmt.Errorf("%w: size %d comes after %d", ErrRange, older, newer)
	}
	if older == 0 || older == newer {
		return nil, nil
	}
	p := prover{hash: hash, nodes: nodes}
	p.consistency(older, 0, newer, true)
	return p.path, p.err
}

// prover collects a path. After an error it does nothing more.
type prover struct {
	hash  Hash
	nodes Nodes
	path  []crypto.Digest
	err   error
}

// inclusion appends PATH(m - begin, D[begin:end]).
func (p *prover) inclusion(m, begin, end uint64) {
	if end-begin == 1 {
		return
	}
	middle := begin + split(end-begin)
	if m < middle {
		p.inclusion(m, begin, middle)
		p.add(middle, end)
	} else {
		p.inclusion(m, middle, end)
		p.add(begin, middle)
	}
}

// consistency appends SUBPROOF(m - begin, D[begin:end], known), where known
// says that the verifier has the root of D[begin:end] at its old size.
func (p *prover) consistency(m, begin, end uint64, known bool) {
	if m == end {
		if !known {
			p.add(begin, end)
		}
		return
	}
	middle := begin + split(end-begin)
	if m <= middle {
		p.consistency(m, begin, middle, known)
		p.add(middle, end)
	} else {
		p.consistency(m, middle, end, false)
		p.add(begin, middle)
	}
}

// add appends the root of the leaves from begin to end.
func (p *prover) add(begin, end uint64) {
	if p.err != nil {
		return
	}
	d, err := rangeRoot(p.hash, p.nodes, begin, end)
	p.path, p.err = append(p.path, d), err
}

// split returns the largest power of two below n ≥ 2.
func split(n uint64) uint64 { return 1 << (bits.Len64(n-1) - 1) }

// rangeRoot returns the root over the leaves from begin to end. begin is a
// multiple of the largest power of two not above end - begin, which holds for
// every subtree of the tree; the perfect subtrees are then the bits of the length.
func rangeRoot(hash Hash, nodes Nodes, begin, end uint64) (d crypto.Digest, err error) {
	for first := true; end > begin; first = false {
		level := uint(bits.TrailingZeros64(end - begin))
		end -= 1 << level
		n, err := nodes(level, end>>level)
		if err != nil {
			return crypto.Digest{}, err
		}
		if first {
			d = n
		} else {
			d = node(hash, n, d)
		}
	}
	return d, nil
}
