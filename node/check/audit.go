package check

import (
	"fmt"
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto/merkle"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// audit grows the tree again from its leaves and compares the frontier.
func (c *checker) audit() {
	var tree merkle.Frontier
	var index uint64
	var at exchange.Time
	gap := false
	c.scan(ledger.TableAudit, nil, 8, func(k, raw []byte) {
		e, err := exchange.DecodeStored[ledger.Event](raw)
		n := number(k)
		object := fmt.Sprintf("audit %d", n)
		switch {
		case err != nil:
			c.unreadable(ledger.TableAudit, k)
		case e.Index < index || e.At < at || e.At > c.now || c.report.Index != 0 && e.Index > c.report.Index:
			c.errorf(AuditOrder, object, "the leaf is of an earlier entry than the one before it, or of one that was not applied")
		default:
			index, at = e.Index, e.At
		}
		if n != tree.Size && !gap {
			gap = true
			c.errorf(AuditGap, object, fmt.Sprintf("leaf %d is missing", tree.Size))
		}
		c.report.Counts.Leaves++
		tree = tree.Append(c.Provider.Sum, merkle.Leaf(c.Provider.Sum, raw), nil)
	})
	c.report.AuditRoot = tree.Root(c.Provider.Sum)
	c.frontier(tree, gap)
}

func (c *checker) frontier(tree merkle.Frontier, gap bool) {
	stored, _, err := ledger.AuditOf(c.r)
	if err != nil || stored.Check() != nil {
		c.unreadable(ledger.TableMeta, []byte("audit"))
		return
	}
	switch {
	case stored.Size > tree.Size && !gap:
		c.errorf(AuditGap, fmt.Sprintf("audit %d", tree.Size), fmt.Sprintf("%d leaves are missing at the end", stored.Size-tree.Size))
	case !gap && (stored.Size != tree.Size || !slices.Equal(stored.Roots, tree.Roots)):
		c.errorf(AuditFrontier, "meta audit", "the leaves do not give the stored root")
	}
}
