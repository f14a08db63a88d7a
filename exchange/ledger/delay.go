package ledger

import (
	"encoding/binary"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// MinBounce is the least time that somebody who passes an exchange on waits for
// the next station before giving up, whatever is configured.
const MinBounce = time.Hour

// Phases of what was passed on. The first are looked at when a notice of delay
// may be due, the second when it may have to bounce.
const (
	DelayNew   byte = iota // nobody looked yet whether it was taken
	DelayNoted             // a notice of delay was given
)

// DelayKey is the key of TableDelay.
func DelayKey(phase byte, at exchange.Time, id exchange.ID) []byte {
	k := binary.BigEndian.AppendUint64(append(make([]byte, 0, 25), phase), uint64(at))
	return append(k, id[:]...)
}

// Passed lists what this domain passed on at or before a time and nobody looked
// at since, oldest first, until fn returns false.
func Passed(r Reader, phase byte, before exchange.Time, fn func(at exchange.Time, id exchange.ID) bool) {
	r.Scan(TableDelay, []byte{phase}, nil, func(k, _ []byte) bool {
		at := exchange.Time(binary.BigEndian.Uint64(k[1:]))
		return at <= before && fn(at, exchange.ID(k[9:]))
	})
}

// Delay says what became of exchanges that were passed on: taken by the next
// station, or delayed.
type Delay struct {
	Taken   []Waited  `cbor:"1,keyasint,omitempty"`
	Delayed []Delayed `cbor:"2,keyasint,omitempty"`
}

// Waited names one row of TableDelay.
type Waited struct {
	Phase    byte          `cbor:"1,keyasint"`
	At       exchange.Time `cbor:"2,keyasint"`
	Exchange exchange.ID   `cbor:"3,keyasint"`
}

// Delayed is a notice of delay: where it waits, and what the link is doing.
type Delayed struct {
	At       exchange.Time   `cbor:"1,keyasint"`
	Exchange exchange.ID     `cbor:"2,keyasint"`
	Peer     exchange.Domain `cbor:"3,keyasint"`
	Reason   string          `cbor:"4,keyasint"` // "link connected", "link dialing" …
}

// Bounce gives up what the next station did not take: receipts BOUNCED of this
// domain, which is the origin or a relay. A bounce is a receipt and has none of
// its own, so it is never bounced.
type Bounce struct {
	Receipts []crypto.Signed `cbor:"1,keyasint"`
	Voids    []Withdrawn     `cbor:"2,keyasint,omitempty"`
}

// passed remembers to look again at what goes to another station.
func (t *txn) passed(id exchange.ID) { t.put(TableDelay, DelayKey(DelayNew, t.now, id), nil) }

func (t *txn) delay(c *Delay) Result {
	for _, w := range c.Taken {
		if t.has(TableDelay, DelayKey(w.Phase, w.At, w.Exchange)) {
			t.delete(TableDelay, DelayKey(w.Phase, w.At, w.Exchange))
		}
	}
	for _, d := range c.Delayed {
		if !t.has(TableDelay, DelayKey(DelayNew, d.At, d.Exchange)) {
			continue
		}
		t.delete(TableDelay, DelayKey(DelayNew, d.At, d.Exchange))
		t.put(TableDelay, DelayKey(DelayNoted, d.At, d.Exchange), nil)
		t.note(Event{Kind: EventDelayed, Exchange: d.Exchange, Domain: d.Peer, Reason: d.Reason})
	}
	return Result{}
}

// WaitsHere reports whether a delivery was passed on by a domain and nobody
// further on has taken it.
func (d *Delivery) WaitsHere(self exchange.Domain) bool {
	return d.Where == self && (d.State == exchange.Accepted || d.State == exchange.Relayed)
}

func (t *txn) bounce(c *Bounce) Result {
	for _, s := range c.Receipts {
		r, ok := decodeReceipt(s)
		if !ok || r.State != exchange.Bounced || r.Domain != t.self.Domain {
			return refuse(exchange.Invalid, "the receipt does not give a delivery up")
		}
		ex, m, res := t.open(r.Exchange)
		if res.Code != "" {
			return res
		}
		if r.Manifest != ex.Digest || !indexes(r.Deliveries, len(m.To)) {
			return refuse(exchange.Invalid, "the receipt is not about the exchange it names")
		}
		for _, i := range r.Deliveries {
			d, ok := t.delivery(m.ID, i)
			if !ok || !d.WaitsHere(t.self.Domain) || d.Last != r.Prev {
				return refuse(exchange.Stale, "delivery %d changed meanwhile", i)
			}
			if t.now < d.At.Add(MinBounce) {
				return refuse(exchange.Conflict, "delivery %d has not waited long enough to be given up", i)
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
