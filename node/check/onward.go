package check

import (
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// openDelivery is on its way to another domain, and the last word about it is
// this domain's own.
type openDelivery struct {
	id    exchange.ID
	index uint16
	class exchange.Class
}

// onward notes a delivery that must be queued, or acknowledged by the next hop,
// and checks that the next hop may fetch its chunks.
func (c *checker) onward(s *subject, i uint16) {
	c.open = append(c.open, openDelivery{s.id, i, exchange.ClassOf(s.m.Urgency)})
	if len(c.open) >= c.batch {
		c.settleOpen()
	}
	if s.Inline {
		return
	}
	peer, ok := ledger.Toward(c.r, c.self.Domain, s.m.To[i].Unit.Domain())
	if !ok || !c.offered(peer, s.id) && !c.offeredToAny(s.id) {
		c.errorf(OfferMissing, delivery(s.id, i), "no neighbour may fetch its chunks, and none has them")
	}
}

func (c *checker) offered(peer exchange.Domain, id exchange.ID) bool {
	return c.r.Get(ledger.TableOffer, under(peer, id[:])) != nil
}

// offeredToAny helps where the directory moved a domain after it was queued.
func (c *checker) offeredToAny(id exchange.ID) bool {
	for _, peer := range ledger.Links(c.r) {
		if c.offered(peer, id) {
			return true
		}
	}
	return false
}

// under is a key that begins with a name.
func under(name exchange.Domain, rest []byte) []byte {
	return append(append([]byte(name), 0), rest...)
}

// settleOpen looks for a batch of open deliveries in the queues. What is not
// there was acknowledged; where nothing of its class ever was, it is lost.
func (c *checker) settleOpen() {
	queued := map[openDelivery]bool{}
	for _, o := range c.open {
		queued[o] = false
	}
	if len(queued) > 0 {
		c.r.Scan(ledger.TableQueue, nil, nil, func(k, raw []byte) bool {
			if q, err := exchange.DecodeStored[ledger.QueueRow](raw); err == nil && len(k) > 9 {
				for _, i := range q.Deliveries {
					o := openDelivery{q.Exchange, i, exchange.Class(k[len(k)-9])}
					if _, asked := queued[o]; asked {
						queued[o] = true
					}
				}
			}
			return c.going()
		})
	}
	acked := c.acked()
	for _, o := range c.open {
		switch {
		case queued[o]:
		case acked[o.class]:
			c.report.Counts.InFlight++
		default:
			c.errorf(DeliveryLost, delivery(o.id, o.index), "it is neither queued, nor was anything of its class ever acknowledged")
		}
	}
	c.open = nil
}

// acked tells for each class whether any neighbour acknowledged anything. In a
// new life, here or there, the numbering began anew and does not tell.
func (c *checker) acked() (out [exchange.ClassCount]bool) {
	_, renewed, _ := ledger.LifeOf(c.r)
	for _, peer := range ledger.Links(c.r) {
		link, _ := row[ledger.Link](c, ledger.TableLink, []byte(peer))
		for n, upTo := range link.Acked {
			out[n] = out[n] || upTo > 0 || link.Resyncs > 0 || renewed
		}
	}
	return out
}
