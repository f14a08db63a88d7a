package check

import (
	"fmt"

	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// meta checks the singletons. It returns false when there is nothing more to
// look at: a replica that has not heard of its domain yet.
func (c *checker) meta() bool {
	self, ok, err := ledger.SelfOf(c.r)
	c.head(ok)
	if err != nil {
		c.unreadable(ledger.TableMeta, []byte("domain"))
	}
	if !ok {
		c.notFounded()
		return false
	}
	c.self, c.report.Domain, c.now = self, self.Domain, ledger.TimeOf(c.r)
	if level := ledger.LevelOf(c.r); level == 0 || level > ledger.FeatureLevel {
		c.errorf(LevelUnknown, "meta level", fmt.Sprintf("feature level %d; this program knows 1 to %d", level, ledger.FeatureLevel))
	}
	conf, err := ledger.ConfigurationOf(c.r)
	if err != nil || len(conf.Voters) == 0 {
		c.errorf(ConfigurationMissing, "meta configuration", "the membership cannot be read, or has no voter")
	}
	return true
}

func (c *checker) head(founded bool) {
	index, term, digest := c.r.Get(ledger.TableMeta, ledger.KeyApplied), c.r.Get(ledger.TableMeta, ledger.KeyTerm), c.r.Get(ledger.TableMeta, ledger.KeyDigest)
	if !founded && index == nil && term == nil && digest == nil {
		return // nothing was ever applied
	}
	if len(index) != 8 || len(term) != 8 || len(digest) != len(c.report.Digest) {
		c.errorf(HeadMissing, "meta", "the applied index, its term or its digest is missing or malformed")
		return
	}
	c.report.Index, c.report.Term = number(index), number(term)
	copy(c.report.Digest[:], digest)
}

// notFounded tells an empty replica, which may be about to catch up, from one
// that lost its identity.
func (c *checker) notFounded() {
	for t := ledger.TableExchange; t < ledger.TableEnd; t++ {
		empty := true
		c.r.Scan(t, nil, nil, func(_, _ []byte) bool { empty = false; return false })
		if !empty {
			c.errorf(NotFounded, "meta domain", "there are rows, but no domain that they belong to")
			return
		}
	}
	c.warn(NotFounded, "meta domain", "the replica has not heard of its domain yet")
}

// totals compares the counts of status pages with the rows.
func (c *checker) totals() {
	counts, err := ledger.CountsOf(c.r)
	if err != nil {
		c.unreadable(ledger.TableMeta, []byte("counts"))
		return
	}
	if n := c.report.Counts; counts.Exchanges != n.Exchanges || counts.Held != n.Held || counts.Tombs != n.Tombs {
		c.errorf(CountsWrong, "meta counts", fmt.Sprintf("%d exchanges, %d held messages and %d tombstones are counted; there are %d, %d and %d",
			counts.Exchanges, counts.Held, counts.Tombs, n.Exchanges, n.Held, n.Tombs))
	}
}
