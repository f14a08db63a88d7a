package check

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// subject is one exchange with everything stored about it: at most a few
// receipts for each of its recipients.
type subject struct {
	ledger.Exchange
	id       exchange.ID
	m        exchange.Manifest
	receipts []*receipt
	byDigest map[crypto.Digest]*receipt
}

type receipt struct {
	exchange.Receipt
	signed crypto.Signed
	digest crypto.Digest
}

// states finds a receipt of a domain that says a state of a delivery.
func (s *subject) states(by exchange.Domain, state exchange.State, i uint16) bool {
	return slices.ContainsFunc(s.receipts, func(r *receipt) bool { return r.Domain == by && r.State == state && r.Covers(i) })
}

func (c *checker) exchanges() {
	rows(c, ledger.TableExchange, nil, idSize, func(k []byte, ex ledger.Exchange) {
		c.report.Counts.Exchanges++
		c.exchange(&subject{Exchange: ex, id: idOf(k)})
	})
	c.settleOpen()
}

func (c *checker) exchange(s *subject) {
	if s.Via == "" && !s.Regained { // keys are not given back
		c.origin.add(s.id)
	}
	m, err := ledger.DecodeManifest(s.Manifest)
	if err != nil {
		c.errorf(ManifestUnreadable, s.id.String(), "the manifest cannot be read")
		return
	}
	s.m = m
	if c.sum(s.Manifest) != s.Digest || m.ID != s.id {
		c.errorf(ManifestDigest, s.id.String(), "the manifest is not the one that was stored under this id")
	}
	c.receipts(s)
	c.deliveries(s)
	c.sender(s)
	c.waiting(s)
	c.addresses(s)
	c.signatures(s)
}

// deliveries checks that each delivery has a row, and that the row says what
// its receipt says.
func (c *checker) deliveries(s *subject) {
	if !ascending(s.Deliveries, len(s.m.To)) || s.Via == "" && len(s.Deliveries) != len(s.m.To) {
		c.errorf(ExchangeDeliveries, s.id.String(), "the deliveries are not those of the manifest's recipients")
		return
	}
	open := 0
	for _, i := range s.Deliveries {
		d, ok := row[ledger.Delivery](c, ledger.TableDelivery, ledger.DeliveryKey(s.id, i))
		if !ok {
			c.errorf(DeliveryMissing, delivery(s.id, i), "the delivery has no row that can be read")
			continue
		}
		c.report.Counts.Deliveries++
		if d.State.Final() {
			c.report.Counts.Final++
		} else {
			open++
		}
		c.delivery(s, i, &d)
	}
	c.deadline(s, open)
}

func (c *checker) delivery(s *subject, i uint16, d *ledger.Delivery) {
	local := s.m.To[i].Unit.Domain() == c.self.Domain
	if local {
		c.inbox(s, i)
	}
	if d.State == exchange.Arriving {
		c.arriving(s, i, d)
		return
	}
	r := s.byDigest[d.Last]
	if r == nil || r.State != d.State || r.Domain != d.Where || r.At != d.At || !r.Covers(i) {
		c.errorf(DeliveryUnbacked, delivery(s.id, i), fmt.Sprintf("no stored receipt says that it is %s", d.State))
		return
	}
	c.chain(s, i, r)
	if !local && !d.State.Final() && d.Where == c.self.Domain && s.Giver == "" {
		c.onward(s, i)
	}
}

func (c *checker) arriving(s *subject, i uint16, d *ledger.Delivery) {
	switch {
	case !s.Waiting:
		c.errorf(DeliveryArriving, delivery(s.id, i), "it is arriving, but its exchange waits for nothing")
	case !c.cameBy(s, i, d.Last):
		c.errorf(DeliveryUnbacked, delivery(s.id, i), "it is arriving, and does not name the custody that it came with")
	}
}

// cameBy reports whether a digest is that of the custody that a delivery came
// with: that of the exchange, or one of its own where it may have come later.
func (c *checker) cameBy(s *subject, i uint16, last crypto.Digest) bool {
	if slices.ContainsFunc(s.Custody, func(r crypto.Signed) bool { return c.sum(r) == last }) {
		return true
	}
	r := s.byDigest[last]
	return s.Mixed() && r != nil && r.State.Custody() && r.Covers(i)
}

// sender checks what only the origin keeps.
func (c *checker) sender(s *subject) {
	if s.Via != "" {
		return
	}
	if s.m.From.Domain() != c.self.Domain {
		c.errorf(ExchangeDeliveries, s.id.String(), "it came from no neighbour, and is not of this domain")
	}
	if c.r.Get(ledger.TableOutbox, ledger.UnitKey(s.m.From, s.id[:])) == nil {
		c.errorf(OutboxMissing, s.id.String(), "it is not in its sender's outbox")
	}
}

// deadline checks that the open deliveries of this origin are counted.
func (c *checker) deadline(s *subject, open int) {
	if s.Via != "" {
		return
	}
	counted := 0
	if raw := c.r.Get(ledger.TableDeadline, ledger.DeadlineKey(s.m.NotAfter, s.id)); len(raw) == 2 {
		counted = int(binary.BigEndian.Uint16(raw))
	}
	if counted != open {
		c.errorf(DeadlineWrong, s.id.String(), fmt.Sprintf("%d deliveries are open, the deadline counts %d", open, counted))
	}
}

// inbox checks that a unit here sees what arrived for it, and nothing else.
func (c *checker) inbox(s *subject, i uint16) {
	listed, err := ledger.InboxDeliveries(c.r, s.m.To[i].Unit, s.id)
	if err != nil {
		return // the scan of the table reports it
	}
	in, arrived := slices.Contains(listed, i), s.states(c.self.Domain, exchange.Arrived, i)
	switch {
	case arrived && !in:
		c.errorf(InboxMissing, delivery(s.id, i), "it arrived, and is not in the recipient's inbox")
	case in && !arrived:
		c.errorf(InboxWrong, delivery(s.id, i), "it is in the recipient's inbox without having arrived")
	}
}

func ascending(list []uint16, n int) bool {
	for k, i := range list {
		if int(i) >= n || k > 0 && i <= list[k-1] {
			return false
		}
	}
	return len(list) > 0
}
