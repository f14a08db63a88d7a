package ledger

import (
	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// act applies a recipient's signature or return. Repeating the same act
// returns the original receipt.
func (t *txn) act(a *Act) Result {
	r, ok := decodeReceipt(a.Receipt)
	if !ok || len(r.Deliveries) == 0 {
		return refuse(exchange.Invalid, "the receipt cannot be read")
	}
	_, m, res := t.open(r.Exchange)
	if res.Code != "" {
		return res
	}
	for _, i := range r.Deliveries {
		d, _ := load[Delivery](t, TableDelivery, DeliveryKey(m.ID, i))
		if d.State == r.State && d.Where == t.self.Domain {
			return t.original(m.ID, d)
		}
		if d.State != exchange.Arrived {
			return refuse(exchange.Conflict, "the delivery is %s (%s): only what is arrived (待签收) can be signed for or returned", d.State, d.State.Chinese())
		}
		if d.Last != r.Prev {
			return refuse(exchange.Stale, "delivery %d changed meanwhile", i)
		}
	}
	if a.Decision != nil {
		t.decided(m.ID, DecisionRow{Decision: *a.Decision, Unit: r.Unit, Person: r.Person})
	}
	t.keepReceipt(&m, a.Receipt, &r)
	t.note(Event{Kind: EventActed, Exchange: m.ID, Unit: r.Unit, Person: r.Person, Digest: t.sum(a.Receipt.Bytes)})
	return Result{Exchange: m.ID, Receipts: []crypto.Signed{a.Receipt}, State: r.State}
}

// original finds the receipt that made a delivery final.
func (t *txn) original(id exchange.ID, d Delivery) Result {
	res := Result{Exchange: id, Replayed: true, State: d.State}
	t.r.ScanBack(TableReceipt, id[:], nil, func(_, raw []byte) bool {
		s, err := exchange.Decode[crypto.Signed](raw)
		if err != nil {
			t.fail("a receipt of %s cannot be read", id)
			return false
		}
		if t.sum(s.Bytes) == d.Last {
			res.Receipts = []crypto.Signed{s}
			return false
		}
		return true
	})
	return res
}

// notice applies the origin's own recall or urge.
func (t *txn) notice(c *Notice) Result {
	n, ok := decodeNotice(c.Notice)
	if !ok {
		return refuse(exchange.Invalid, "the notice cannot be read")
	}
	ex, m, res := t.open(n.Exchange)
	if res.Code != "" {
		return res
	}
	if ex.Via != "" || !indexes(n.Deliveries, len(m.To)) {
		return refuse(exchange.Conflict, "only the sender recalls or urges, for its own recipients")
	}
	var onward []uint16
	for _, i := range n.Deliveries {
		here, res := t.noticeOne(&m, &n, i, c.Receipts)
		if res.Code != "" {
			return res
		}
		if !here {
			t.markRecall(m.ID, i, n.Kind)
			onward = append(onward, i)
		}
	}
	t.passNotice(&m, c.Notice, onward)
	t.note(Event{Kind: EventNotice, Exchange: m.ID, Unit: n.From, Person: n.Person, Digest: t.sum(c.Notice.Bytes)})
	return Result{Exchange: m.ID}
}

func (t *txn) markRecall(id exchange.ID, i uint16, kind exchange.NoticeKind) {
	if kind != exchange.Recall {
		return
	}
	if d, ok := load[Delivery](t, TableDelivery, DeliveryKey(id, i)); ok {
		d.Recall = true
		save(t, TableDelivery, DeliveryKey(id, i), d)
	}
}

// judge records a decision that stores nothing else.
func (t *txn) judge(j *Judge) Result {
	t.decided(j.Exchange, DecisionRow{Decision: j.Decision, Unit: j.Unit, Person: j.Person})
	kind := EventOpened
	if !j.Decision.Allow {
		kind = EventDenied
	}
	t.note(Event{Kind: kind, Exchange: j.Exchange, Unit: j.Unit, Person: j.Person})
	return Result{Exchange: j.Exchange}
}

// lease protects chunks of an upload before they are stored.
func (t *txn) lease(l *Lease) Result {
	save(t, TableLease, l.ID[:], *l)
	return Result{}
}

// deadline ends deliveries by this domain's receipts; those that moved on
// meanwhile stay.
func (t *txn) deadline(c *Deadline) Result {
	for _, s := range c.Receipts {
		r, ok := decodeReceipt(s)
		if !ok {
			return refuse(exchange.Invalid, "the receipt cannot be read")
		}
		_, m, res := t.open(r.Exchange)
		if res.Code != "" {
			return res
		}
		for _, i := range r.Deliveries {
			if d, ok := load[Delivery](t, TableDelivery, DeliveryKey(m.ID, i)); !ok || d.State.Final() || d.Last != r.Prev {
				return refuse(exchange.Stale, "delivery %d changed meanwhile", i)
			}
		}
		t.keepReceipt(&m, s, &r)
		t.note(Event{Kind: EventGivenUp, Exchange: m.ID, Digest: t.sum(s.Bytes)})
	}
	return Result{}
}
