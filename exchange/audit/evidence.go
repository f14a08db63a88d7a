package audit

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/seal"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
)

// Content says how much of the content goes into evidence.
type Content string

// Content modes.
const (
	None      Content = "none"      // manifest and receipts alone
	Sealed    Content = "sealed"    // with the sealed chunks, which nobody can read
	Disclosed Content = "disclosed" // with the chunks and their key: everybody can
)

// ParseContent reads a mode; "" is Sealed.
func ParseContent(s string) (Content, bool) {
	switch c := Content(s); c {
	case "":
		return Sealed, true
	case None, Sealed, Disclosed:
		return c, true
	}
	return "", false
}

// Evidence is what an export is made of. Every statement is given as it was
// received.
type Evidence struct {
	Manifest  crypto.Signed
	Receipts  []crypto.Signed // in any order
	Directory []crypto.Signed // what proves the keys: see Proofs
	Units     []crypto.Signed // optional
	Content   Content         // "" is Sealed
	// Chunk returns a sealed chunk by its address; needed unless Content is None.
	Chunk func(crypto.Digest) ([]byte, error)
	Key   *seal.Key // needed for Disclosed, and only there
	// Provider hashes; nil is the default one.
	Provider sm.Provider
}

// Proofs collects from a book the directory statements that prove the keys of a
// manifest and its receipts at the times they name, each once, superiors first.
// Recipients that have stated nothing yet are included, so that the road is
// known.
func Proofs(b *directory.Book, manifest crypto.Signed, receipts []crypto.Signed) ([]crypto.Signed, error) {
	c := collector{book: b, seen: map[string]bool{}}
	m, err := decode[exchange.Manifest](manifest, crypto.ContextManifest)
	if err != nil {
		return nil, err
	}
	if err := c.key(m.From.Domain(), manifest.Key, m.Created); err != nil {
		return nil, err
	}
	for _, s := range receipts {
		r, err := decode[exchange.Receipt](s, crypto.ContextReceipt)
		if err != nil {
			return nil, err
		}
		if err := c.key(r.Domain, s.Key, r.At); err != nil {
			return nil, err
		}
	}
	for _, d := range m.RecipientDomains() {
		c.add(b.Chain(d))
	}
	return c.out, nil
}

type collector struct {
	book *directory.Book
	seen map[string]bool
	out  []crypto.Signed
}

func (c *collector) key(d exchange.Domain, id crypto.KeyID, at exchange.Time) error {
	chain, err := c.book.Prove(d, id, at)
	if err == nil {
		c.add(chain)
	}
	return err
}

func (c *collector) add(chain []crypto.Signed) {
	for _, s := range chain {
		if !c.seen[string(s.Bytes)] {
			c.seen[string(s.Bytes)] = true
			c.out = append(c.out, s)
		}
	}
}

// decode reads a statement that is in its one deterministic encoding, so that
// no two readers understand it differently.
func decode[T any](s crypto.Signed, context string) (T, error) {
	body, ok := s.Body(context)
	if !ok {
		var zero T
		return zero, exchange.Errorf(exchange.Corrupt, "audit", "a statement is not of the kind %s", context)
	}
	v, err := exchange.Decode[T](body)
	if err != nil || !bytes.Equal(exchange.Encode(v), body) {
		return v, exchange.Errorf(exchange.Corrupt, "audit", "a statement of the kind %s cannot be read", context)
	}
	return v, nil
}

// stated is a receipt with its statement.
type stated struct {
	exchange.Receipt
	signed crypto.Signed
	digest crypto.Digest
}

// inOrder sorts receipts by the time they name, custody before what ends it,
// and drops repetitions.
func inOrder(list []stated) []stated {
	slices.SortStableFunc(list, func(a, b stated) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.State, b.State), slices.Compare(a.digest[:], b.digest[:]))
	})
	return slices.CompactFunc(list, func(a, b stated) bool { return a.digest == b.digest })
}

// final picks, of the receipts that cover a delivery, the one that says where
// it stands: a final word of the recipient's own domain before that of another,
// and that before custody; of several, the last in the order of inOrder. The
// ledger judges in the same way.
func final(list []*stated, delivery uint16, recipient exchange.Domain) *stated {
	var best *stated
	rank := func(r *stated) int {
		switch {
		case r.State.Final() && r.Domain == recipient:
			return 3
		case r.State.Final():
			return 2
		}
		return 1
	}
	for _, r := range list {
		if !r.Covers(delivery) {
			continue
		}
		if best == nil || rank(r) > rank(best) || (rank(r) == rank(best) && (rank(r) > 1 || r.State >= best.State)) {
			best = r
		}
	}
	return best
}
