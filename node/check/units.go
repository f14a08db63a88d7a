package check

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// units checks inboxes and outboxes from their side.
func (c *checker) units() {
	rows(c, ledger.TableInbox, nil, idSize+2, func(k []byte, listed []uint16) {
		id := lastID(k)
		unit, _ := split(k)
		found, ok, err := ledger.Find(c.r, id)
		if err != nil || !ok {
			c.errorf(InboxWrong, objectOf(ledger.TableInbox, k), fmt.Sprintf("exchange %s is not stored", id))
			return
		}
		for n, i := range listed {
			if int(i) >= len(found.M.To) || found.M.To[i].Unit != exchange.Unit(unit) || n > 0 && slices.Contains(listed[:n], i) {
				c.errorf(InboxWrong, delivery(id, i), "it is in an inbox twice, or in that of another unit")
			}
		}
	})
	c.scan(ledger.TableOutbox, nil, idSize+2, func(k, _ []byte) {
		unit, _ := split(k)
		found, ok, err := ledger.Find(c.r, lastID(k))
		if err != nil || !ok || found.Via != "" || found.M.From != exchange.Unit(unit) {
			c.errorf(OutboxWrong, lastID(k).String(), "it is in the outbox of a unit that did not send it, or is not stored")
		}
	})
}

// tally compares two sets of exchanges without remembering either.
type tally struct{ n, mix uint64 }

func (t *tally) add(id exchange.ID) {
	t.n++
	t.mix += (number(id[:8]) ^ number(id[8:])*0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd
}

// keys checks that each exchange of this origin has one idempotency key, and
// each key its exchange. Those that neighbours gave back have lost theirs.
func (c *checker) keys() {
	var keyed tally
	rows(c, ledger.TableKey, nil, 2, func(k []byte, v ledger.KeyRow) {
		if v.Gone {
			if c.r.Get(ledger.TableGone, ledger.ExchangeKey(v.Exchange)) == nil {
				c.errorf(KeyOrphan, v.Exchange.String(), "a key names it as deleted, and nothing remembers that it was")
			}
			return
		}
		unit, _ := split(k)
		found, ok, err := ledger.Find(c.r, v.Exchange)
		if !found.Regained {
			keyed.add(v.Exchange)
		}
		if err != nil || !ok || found.M.From != exchange.Unit(unit) {
			c.errorf(KeyOrphan, v.Exchange.String(), "a key names it, and it is not stored or of another unit")
		}
	})
	if c.going() && keyed != c.origin {
		c.keysOneByOne()
	}
}

// keysOneByOne finds the exchanges that have no key, or several: a batch of
// exchanges for each scan of the keys.
func (c *checker) keysOneByOne() {
	count := map[exchange.ID]int{}
	flush := func() {
		c.r.Scan(ledger.TableKey, nil, nil, func(_, raw []byte) bool {
			if v, err := exchange.DecodeStored[ledger.KeyRow](raw); err == nil {
				if _, asked := count[v.Exchange]; asked {
					count[v.Exchange]++
				}
			}
			return c.going()
		})
		for id, n := range count {
			if n != 1 {
				c.errorf(KeyCount, id.String(), fmt.Sprintf("%d keys name it instead of one", n))
			}
		}
		clear(count)
	}
	c.r.Scan(ledger.TableExchange, nil, nil, func(k, raw []byte) bool {
		if ex, err := exchange.DecodeStored[ledger.Exchange](raw); err == nil && ex.Via == "" && !ex.Regained && len(k) == idSize {
			count[idOf(k)] = 0
		}
		if len(count) >= c.batch {
			flush()
		}
		return c.going()
	})
	flush()
}

// small checks deadlines, leases and what is held.
func (c *checker) small() {
	c.scan(ledger.TableDeadline, nil, 8+idSize, func(k, raw []byte) {
		id := lastID(k)
		found, ok, err := ledger.Find(c.r, id)
		if err != nil || !ok || found.Via != "" || found.M.NotAfter != exchange.Time(number(k)) || len(raw) != 2 || binary.BigEndian.Uint16(raw) == 0 {
			c.errorf(DeadlineOrphan, id.String(), "a deadline stands for what is not stored, not of this origin, or ended")
		}
	})
	rows(c, ledger.TableLease, nil, len(ledger.Lease{}.ID), func(k []byte, l ledger.Lease) {
		if string(l.ID[:]) != string(k) || l.Unit.Domain() != c.self.Domain {
			c.errorf(LeaseWrong, objectOf(ledger.TableLease, k), "the lease is another's, or of a unit of another domain")
		}
		if l.Until >= c.now {
			c.report.Counts.Leases++
		}
	})
	rows(c, ledger.TableTomb, nil, idSize, func([]byte, ledger.Tomb) { c.report.Counts.Tombs++ })
	c.scan(ledger.TableDelay, nil, 1+8+idSize, func(_, _ []byte) {})
	rows(c, ledger.TableStumble, nil, 2, func([]byte, ledger.StumbleRow) {})
	rows(c, ledger.TableHeld, nil, 6, func(k []byte, h ledger.HeldRow) {
		c.report.Counts.Held++
		if owner, _ := split(k); string(owner) != string(h.Peer) {
			c.errorf(HeldWrong, objectOf(ledger.TableHeld, k), "the message came from another neighbour")
		}
	})
}
