package ledger

import (
	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// act applies a recipient's signature or return. Repeating the same act
// returns the original receipt.
func (t *txn) act(a *Act) Result {
	r, ok := decodeReceipt(a.Receipt)
	if !ok || r.Domain != t.self.Domain || r.State != exchange.SignedFor && r.State != exchange.Returned {
		return refuse(exchange.Invalid, "the receipt is not of a signature or return here")
	}
	ex, m, res := t.open(r.Exchange)
	if res.Code != "" {
		return res
	}
	if r.Manifest != ex.Digest || !indexes(r.Deliveries, len(m.To)) {
		return refuse(exchange.Invalid, "the receipt is not about the exchange it names")
	}
	if res := t.mayHaveSaid(&ex); res.Code != "" {
		return res
	}
	for _, i := range r.Deliveries {
		if u := m.To[i].Unit; u != r.Unit || u.Domain() != t.self.Domain {
			return refuse(exchange.Denied, "only the recipient unit signs for a delivery or returns it")
		}
		d, _ := t.delivery(m.ID, i)
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
	t.keepReceipt(m, a.Receipt, &r)
	t.note(Event{Kind: EventActed, Exchange: m.ID, Unit: r.Unit, Person: r.Person, Digest: t.sum(a.Receipt.Bytes)})
	return Result{Exchange: m.ID, Receipts: []crypto.Signed{a.Receipt}, State: r.State}
}

// original finds the receipt that made a delivery final.
func (t *txn) original(id exchange.ID, d Delivery) Result {
	res := Result{Exchange: id, Replayed: true, State: d.State}
	t.scan(TableReceipt, id[:], func(_, raw []byte) {
		s, err := exchange.DecodeStored[crypto.Signed](raw)
		if err != nil {
			t.fail("a receipt of %s cannot be read", id)
			return
		}
		if t.sum(s.Bytes) == d.Last {
			res.Receipts = []crypto.Signed{s}
		}
	})
	if len(res.Receipts) == 0 {
		t.fail("delivery of %s is %s without a receipt", id, d.State)
	}
	return res
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

// lease protects chunks of an upload before they are stored. Each new lease
// clears away a few that ran out, so that broken uploads leave nothing behind.
func (t *txn) lease(l *Lease) Result {
	if l.ID == [16]byte{} {
		return refuse(exchange.Invalid, "a lease has an id")
	}
	t.sweepLeases(l.ID[:])
	save(t, TableLease, append([]byte(nil), l.ID[:]...), *l)
	return Result{}
}

const leasesSwept = 16 // looked at for each new one, from its place on: ids are random

func (t *txn) sweepLeases(from []byte) {
	var out [][]byte
	n := 0
	t.r.Scan(TableLease, nil, from, func(k, raw []byte) bool {
		if l, err := exchange.DecodeStored[Lease](raw); err == nil && l.Until < t.now {
			out = append(out, append([]byte(nil), k...))
		}
		n++
		return n < leasesSwept
	})
	for _, k := range out {
		t.delete(TableLease, k)
	}
}

// deadline ends deliveries of this origin that nobody took in time. One that
// moved on meanwhile makes the command stale.
func (t *txn) deadline(c *Deadline) Result {
	for _, s := range c.Receipts {
		r, ok := decodeReceipt(s)
		if !ok || r.State != exchange.Bounced && r.State != exchange.Expired {
			return refuse(exchange.Invalid, "the receipt does not give a delivery up")
		}
		ex, m, res := t.open(r.Exchange)
		if res.Code != "" {
			return res
		}
		if ex.Via != "" || r.Domain != t.self.Domain || r.Manifest != ex.Digest || !indexes(r.Deliveries, len(m.To)) {
			return refuse(exchange.Invalid, "only the origin gives its deliveries up")
		}
		if t.now < m.NotAfter {
			return refuse(exchange.Conflict, "the deadline of %s has not passed", m.ID)
		}
		for _, i := range r.Deliveries {
			if d, ok := t.delivery(m.ID, i); !ok || d.State.Final() || d.Last != r.Prev || (d.State == exchange.Arrived) != (r.State == exchange.Expired) {
				return refuse(exchange.Stale, "delivery %d changed meanwhile", i)
			}
		}
		if res := t.giveUp(m, &r, c.Voids); res.Code != "" {
			return res
		}
		t.keepReceipt(m, s, &r)
		t.note(Event{Kind: EventGivenUp, Exchange: m.ID, Digest: t.sum(s.Bytes)})
	}
	return Result{}
}
