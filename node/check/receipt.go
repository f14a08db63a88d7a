package check

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// receipts reads what is stored for an exchange. The table's own scan, in
// orphans, reports rows that cannot be read.
func (c *checker) receipts(s *subject) {
	s.byDigest = map[crypto.Digest]*receipt{}
	arrivals := counter{}
	c.r.Scan(ledger.TableReceipt, s.id[:], nil, func(k, raw []byte) bool {
		if !arrivals.next(k) {
			c.errorf(ReceiptGap, s.id.String(), "a receipt before the last one is missing")
		}
		if signed, err := exchange.DecodeStored[crypto.Signed](raw); err == nil {
			c.receipt(s, signed)
		}
		return c.going()
	})
	for _, signed := range s.Custody {
		if s.byDigest[c.sum(signed)] == nil {
			c.errorf(ReceiptChain, s.id.String(), "a receipt of its custody is not among its receipts")
		}
	}
}

func (c *checker) receipt(s *subject, signed crypto.Signed) {
	c.report.Counts.Receipts++
	r := &receipt{signed: signed, digest: c.sum(signed)}
	object := s.id.String() + " receipt " + r.digest.Short()
	if c.r.Get(ledger.TableSeen, append(s.id[:], r.digest[:]...)) == nil {
		c.errorf(SeenMissing, object, "the receipt is stored, and would be stored again")
	}
	var err error
	if r.Receipt, err = ledger.DecodeReceipt(signed); err != nil {
		c.errorf(ReceiptUnreadable, object, "the receipt cannot be read")
		return
	}
	if r.Exchange != s.id || r.Manifest != s.Digest || !ascending(r.Deliveries, len(s.m.To)) {
		c.errorf(ReceiptForeign, object, "the receipt is about something else")
		return
	}
	s.receipts = append(s.receipts, r)
	s.byDigest[r.digest] = r
}

// longestChain bounds the custody of a road, what follows it, and every
// attempt to withdraw.
const longestChain = 64

// chain follows Prev from a delivery's last receipt to ACCEPTED. What this
// domain states itself it has reasons for; what others state may refer to a
// receipt that was quarantined here.
func (c *checker) chain(s *subject, i uint16, r *receipt) {
	for range longestChain {
		if r.Prev.IsZero() {
			if r.State != exchange.Accepted {
				c.errorf(ReceiptChain, delivery(s.id, i), fmt.Sprintf("its receipts begin with %s instead of accepted", r.State))
			}
			return
		}
		before := s.byDigest[r.Prev]
		if before == nil || !before.Covers(i) {
			say := c.warn
			if r.Domain == c.self.Domain {
				say = c.errorf
			}
			say(ReceiptChain, delivery(s.id, i), fmt.Sprintf("the receipt before %s of %s is not here", r.State, r.Domain))
			return
		}
		r = before
	}
	c.errorf(ReceiptChain, delivery(s.id, i), "its receipts refer to each other in a circle")
}

// counter follows the arrival numbers under one prefix.
type counter struct{ want uint32 }

// next reports whether a key ends in the number that follows.
func (n *counter) next(key []byte) bool {
	got := n.want
	if len(key) >= 4 {
		got = binary.BigEndian.Uint32(key[len(key)-4:])
	}
	ok := got == n.want
	n.want = got + 1
	return ok
}

// orphans looks from the rows of exchanges back to the exchanges.
func (c *checker) orphans() {
	known := c.remembering()
	rows(c, ledger.TableDelivery, nil, idSize+2, func(k []byte, _ ledger.Delivery) {
		ex, ok := known(idOf(k))
		if i := binary.BigEndian.Uint16(k[idSize:]); !ok || !slices.Contains(ex.Deliveries, i) {
			c.errorf(DeliveryOrphan, delivery(idOf(k), i), "no exchange lists the delivery")
		}
	})
	rows(c, ledger.TableReceipt, nil, idSize+4, func(k []byte, _ crypto.Signed) {
		if _, ok := known(idOf(k)); !ok {
			c.errorf(ReceiptOrphan, idOf(k).String(), "a receipt is stored for an exchange that is not")
		}
	})
	var last exchange.ID
	var arrivals counter
	rows(c, ledger.TableDecision, nil, idSize+4, func(k []byte, _ ledger.DecisionRow) {
		if idOf(k) != last {
			last, arrivals = idOf(k), counter{}
		}
		if !arrivals.next(k) {
			c.errorf(DecisionGap, last.String(), "a decision before the last one is missing")
		}
	})
	c.marks()
}

// marks checks that every receipt that is marked as seen is stored.
func (c *checker) marks() {
	var last exchange.ID
	var stored map[crypto.Digest]bool
	c.scan(ledger.TableSeen, nil, idSize+len(crypto.Digest{}), func(k, _ []byte) {
		if id := idOf(k); id != last || stored == nil {
			last, stored = id, c.digests(id)
		}
		if d := crypto.Digest(k[idSize : idSize+len(crypto.Digest{})]); !stored[d] {
			c.errorf(SeenOrphan, last.String()+" receipt "+d.Short(), "the receipt is marked as seen and is not stored")
		}
	})
}

// digests are of the receipts of one exchange.
func (c *checker) digests(id exchange.ID) map[crypto.Digest]bool {
	out := map[crypto.Digest]bool{}
	all, _ := ledger.Receipts(c.r, id) // what cannot be read is reported where the table is scanned
	for _, s := range all {
		out[c.sum(s)] = true
	}
	return out
}

// remembering returns a look-up of exchanges that keeps the last one: rows come
// in order of their exchange.
func (c *checker) remembering() func(exchange.ID) (ledger.Exchange, bool) {
	var last exchange.ID
	var ex ledger.Exchange
	var ok bool
	return func(id exchange.ID) (ledger.Exchange, bool) {
		if id != last || !ok {
			ex, ok = row[ledger.Exchange](c, ledger.TableExchange, ledger.ExchangeKey(id))
			last = id
		}
		return ex, ok
	}
}
