package check

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/content"
)

// askedAtOnce bounds how many chunks a content store is asked about.
const askedAtOnce = 1024

// addresses checks that the chunks of an exchange are where they ought to be.
func (c *checker) addresses(s *subject) {
	all := s.m.Chunks()
	if s.Inline {
		for n, a := range all {
			c.inlined(s, n, a)
		}
		return
	}
	c.refs += uint64(len(all))
	c.referred(s, all)
	if c.content == nil || !c.custodian(s) {
		return
	}
	missing := 0
	for part := range slices.Chunk(all, askedAtOnce) {
		missing += c.stored(s, part)
	}
	if missing > 0 {
		c.report.Counts.Missing += uint64(missing)
		say := c.warn
		if c.Strict {
			say = c.errorf
		}
		say(ContentMissing, s.id.String(), fmt.Sprintf("%d of its %d chunks are not in the content store", missing, len(all)))
	}
}

func (c *checker) inlined(s *subject, n int, a crypto.Digest) {
	sealed := c.r.Get(ledger.TableInline, ledger.InlineKey(s.id, uint32(n)))
	switch {
	case sealed == nil:
		c.errorf(InlineMissing, s.id.String(), fmt.Sprintf("chunk %d, %s, is not in the ledger", n, a.Short()))
	case c.Provider.Sum(sealed) != a:
		c.errorf(InlineDamaged, s.id.String(), fmt.Sprintf("the bytes of chunk %d, %s, are not what its address says", n, a.Short()))
	}
}

// custodian reports whether this domain answers for the chunks: it took the
// exchange into custody. What waits, or was refused or recalled before its
// chunks came, has none.
func (c *checker) custodian(s *subject) bool {
	return !s.Waiting && slices.ContainsFunc(s.receipts, func(r *receipt) bool { return r.Domain == c.self.Domain && r.State.Custody() })
}

// stored counts the chunks that are missing, and reads the others if asked to.
func (c *checker) stored(s *subject, addresses []crypto.Digest) (missing int) {
	has, err := c.content.Has(c.ctx, addresses)
	if err != nil {
		c.failed = err
		return 0
	}
	for n, a := range addresses {
		if !has[n] {
			missing++
		} else if c.Content && c.going() {
			c.read(s, a)
		}
	}
	return missing
}

func (c *checker) read(s *subject, a crypto.Digest) {
	_, err := c.content.Get(c.ctx, a)
	switch exchange.CodeOf(err) {
	case exchange.Corrupt, exchange.NotFound:
		c.errorf(ContentDamaged, s.id.String(), fmt.Sprintf("the bytes of chunk %s are not what its address says", a.Short()))
		return
	}
	if err != nil {
		c.failed = err
		return
	}
	c.report.Counts.Rehashed++
}

// span is a range of addresses by their first two bytes, the end excluded.
type span struct{ from, to int }

func (p span) has(a []byte) bool {
	n := int(a[0])<<8 | int(a[1])
	return p.from <= n && n < p.to
}

// chunks looks from the chunks back to the exchanges, one range of addresses
// after another, so that memory stays bounded however much is stored.
func (c *checker) chunks() {
	c.inline()
	if c.content == nil {
		return
	}
	width := 1 << 16
	for uint64(c.batch) < c.refs*uint64(width)>>16 && width > 1 {
		width /= 2
	}
	for from := 0; from < 1<<16 && c.going(); from += width {
		p := span{from, from + width}
		if refs := c.references(p); c.going() {
			c.unreferenced(p, refs)
		}
	}
}

// inline looks from the chunks that the ledger keeps back to their exchanges.
func (c *checker) inline() {
	known := c.remembering()
	c.scan(ledger.TableInline, nil, idSize+4, func(k, _ []byte) {
		c.report.Counts.Inline++
		ex, ok := known(idOf(k))
		m, err := ledger.DecodeManifest(ex.Manifest)
		if !ok || err != nil || !ex.Inline || int(binary.BigEndian.Uint32(k[idSize:])) >= len(m.Chunks()) {
			c.errorf(InlineOrphan, objectOf(ledger.TableInline, k), "no exchange refers to the chunk")
		}
	})
}

// references are the chunks of a range that exchanges refer to, in order.
func (c *checker) references(p span) (out []crypto.Digest) {
	c.r.Scan(ledger.TableExchange, nil, nil, func(_, raw []byte) bool {
		ex, err := exchange.DecodeStored[ledger.Exchange](raw)
		if err != nil || ex.Inline {
			return c.going()
		}
		m, _ := ledger.DecodeManifest(ex.Manifest) // one that cannot be read is reported with its exchange
		for _, a := range m.Chunks() {
			if p.has(a[:]) {
				out = append(out, a)
			}
		}
		return c.going()
	})
	slices.SortFunc(out, compare)
	return out
}

func compare(a, b crypto.Digest) int { return bytes.Compare(a[:], b[:]) }

// unreferenced finds the chunks of a range that no exchange refers to.
func (c *checker) unreferenced(p span, refs []crypto.Digest) {
	err := c.content.Walk(c.ctx, func(i content.Info) error {
		if !p.has(i.Address[:]) {
			return nil
		}
		_, ok := slices.BinarySearchFunc(refs, i.Address, compare)
		switch n := &c.report.Counts; {
		case ok:
			n.Chunks++
		case n.Leases > 0:
			n.Uploading++
		default:
			n.Unreferenced++
		}
		return nil
	})
	if err != nil {
		c.failed = err
	}
}
