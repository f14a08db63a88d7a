package check

import (
	"fmt"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// links checks cursors and queues of every neighbour, and what refers to them.
func (c *checker) links() {
	rows(c, ledger.TableLink, nil, 1, func(k []byte, l ledger.Link) {
		peer := exchange.Domain(k)
		// A new life of this domain forgets the numbering of its neighbours, and
		// keeps their fences.
		if greeted := l.PeerLife == [16]byte{} && (l.Incarnation != 0 || l.Term != 0); l.PeerEpoch == [16]byte{} && (greeted || l.ReceiveNext != [exchange.ClassCount]uint64{}) {
			c.errorf(LinkEpoch, string(peer), "messages were received under no epoch")
		}
		for n := range exchange.Class(exchange.ClassCount) {
			c.window(peer, n, &l)
		}
	})
	c.queue()
	c.waits()
	c.offers()
}

// window checks that every sequence between what is acknowledged and what is
// next has its row, and no other.
func (c *checker) window(peer exchange.Domain, n exchange.Class, l *ledger.Link) {
	next := max(l.SendNext[n], 1)
	if l.Acked[n] >= next {
		c.errorf(LinkWindow, class(peer, n), fmt.Sprintf("%d is acknowledged, but %d is next", l.Acked[n], next))
		return
	}
	want := l.Acked[n] + 1
	c.r.Scan(ledger.TableQueue, ledger.QueuePrefix(peer, n), nil, func(k, _ []byte) bool {
		if got := number(k[len(k)-8:]); got != want {
			c.errorf(QueueGap, class(peer, n), fmt.Sprintf("sequence %d stands where %d must", got, want))
			want = got
		}
		want++
		return c.going()
	})
	if want != next {
		c.errorf(QueueGap, class(peer, n), fmt.Sprintf("the rows end before %d, and %d is next", want, next))
	}
}

func (c *checker) queue() {
	rows(c, ledger.TableQueue, nil, 11, func(k []byte, q ledger.QueueRow) {
		c.report.Counts.Queued++
		object := objectOf(ledger.TableQueue, k)
		owner, rest := split(k)
		if len(rest) != 9 || rest[0] >= exchange.ClassCount || c.r.Get(ledger.TableLink, owner) == nil {
			c.errorf(QueueOrphan, object, "the row belongs to no neighbour and class")
		}
		if q.Exchange.IsZero() {
			if m, err := exchange.DecodeStored[exchange.Message](q.Message); err != nil || !m.Valid() {
				c.errorf(QueueMessage, object, "the message cannot be read")
			}
			return
		}
		ex, ok := row[ledger.Exchange](c, ledger.TableExchange, ledger.ExchangeKey(q.Exchange))
		if !ok || !subset(q.Deliveries, ex.Deliveries) {
			c.errorf(QueueExchange, object, fmt.Sprintf("exchange %s, or a delivery of it, is not stored", q.Exchange))
		}
	})
}

// subset reports whether every element of part, of which there is one, is in
// whole. Both ascend.
func subset(part, whole []uint16) bool {
	n := 0
	for _, i := range whole {
		if n < len(part) && part[n] == i {
			n++
		}
	}
	return n == len(part) && n > 0
}

// waiting checks that an envelope whose chunks are not here is looked for.
func (c *checker) waiting(s *subject) {
	if !s.Waiting {
		return
	}
	c.report.Counts.Waiting++
	if c.r.Get(ledger.TableWaiting, waitingKey(s)) == nil {
		c.errorf(WaitingNone, s.id.String(), "its chunks are not here, and nobody looks for them")
	}
}

func waitingKey(s *subject) []byte {
	return append(ledger.QueuePrefix(s.Source(), exchange.ClassOf(s.m.Urgency)), s.id[:]...)
}

func (c *checker) waits() {
	c.scan(ledger.TableWaiting, nil, idSize+2, func(k, _ []byte) {
		s := &subject{id: lastID(k)}
		found, ok, err := ledger.Find(c.r, s.id)
		s.Exchange, s.m = found.Exchange, found.M
		if err != nil || !ok || !s.Waiting || s.Giver == "" && string(waitingKey(s)) != string(k) {
			c.errorf(WaitingOrphan, s.id.String(), "chunks are looked for of an exchange that does not wait, or not from that neighbour")
		}
	})
}

func (c *checker) offers() {
	c.scan(ledger.TableOffer, nil, idSize+2, func(k, _ []byte) {
		owner, _ := split(k)
		ex, ok := row[ledger.Exchange](c, ledger.TableExchange, ledger.ExchangeKey(lastID(k)))
		if !ok || ex.Inline || c.r.Get(ledger.TableLink, owner) == nil {
			c.errorf(OfferOrphan, objectOf(ledger.TableOffer, k), "chunks are offered of an exchange that has none, or to no neighbour")
		}
	})
}
