package check

import (
	"fmt"
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// referred checks that an exchange's chunks are kept for it: without its
// reference a sweep would take a chunk away.
func (c *checker) referred(s *subject, all []crypto.Digest) {
	if _, ok := ledger.Referred(c.r, nil); !ok {
		return // the ledger is older than its references, and nothing is swept
	}
	missing := 0
	for _, a := range all {
		if c.r.Get(ledger.TableRef, ledger.RefKey(a, s.id)) == nil {
			missing++
		}
	}
	if missing > 0 {
		c.errorf(RefMissing, s.id.String(), fmt.Sprintf("%d of its %d chunks are not kept for it, and would be swept", missing, len(all)))
	}
}

// kept looks from references and tombstones back to the exchanges.
func (c *checker) kept() {
	digest := len(crypto.Digest{})
	c.scan(ledger.TableRef, nil, digest+idSize, func(k, _ []byte) {
		found, ok, err := ledger.Find(c.r, lastID(k))
		if err != nil || !ok || found.Inline || !slices.Contains(found.M.Chunks(), crypto.Digest(k[:digest])) {
			c.errorf(RefOrphan, lastID(k).String(), "a chunk is kept for an exchange that is not stored, or does not name it")
		}
	})
	rows(c, ledger.TableGone, nil, idSize, func(k []byte, g ledger.Gone) {
		c.report.Counts.Gone++
		if c.r.Get(ledger.TableExchange, k) != nil {
			c.errorf(GoneWrong, idOf(k).String(), "it is stored, and counts as deleted")
		}
		if g.Unit == "" {
			return
		}
		if row, ok := row[ledger.KeyRow](c, ledger.TableKey, ledger.UnitKey(g.Unit, []byte(g.Key))); !ok || !row.Gone || row.Exchange != idOf(k) {
			c.errorf(KeyCount, idOf(k).String(), "it was deleted, and its idempotency key is free again")
		}
	})
}
