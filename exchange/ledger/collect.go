package ledger

import (
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

const (
	// MinRetention is the least time for which everything about an exchange is
	// kept after its last delivery ended: six months (网络安全法 第二十一条),
	// whatever is configured.
	MinRetention = 184 * 24 * time.Hour
	// MostCollected bounds one command.
	MostCollected = 256
	// mostQueued is how long a queue may be for its rows to be looked through.
	mostQueued = 20_000
)

// Collect deletes exchanges whose retention has ended, and forgets those that
// were deleted so long ago that a repetition need not be noticed any more. What
// cannot be collected yet is passed over.
type Collect struct {
	Exchanges []exchange.ID `cbor:"1,keyasint,omitempty"`
	Forget    []exchange.ID `cbor:"2,keyasint,omitempty"`
}

// Gone remembers an exchange that was deleted, so that a repetition of it, or
// of its idempotency key, is still noticed.
type Gone struct {
	Manifest crypto.Digest `cbor:"1,keyasint"`
	At       exchange.Time `cbor:"2,keyasint"` // ledger time of the deletion
	Unit     exchange.Unit `cbor:"3,keyasint,omitempty"`
	Key      string        `cbor:"4,keyasint,omitempty"` // of Unit
}

// RefKey is the key of TableRef. Its rows are what chunks are kept for.
func RefKey(address crypto.Digest, id exchange.ID) []byte {
	return append(append(make([]byte, 0, len(address)+len(id)), address[:]...), id[:]...)
}

// refer keeps the chunks of an exchange from being swept. It is called before
// the first chunk may come.
func (t *txn) refer(m *exchange.Manifest, ex *Exchange) {
	if ex.Inline {
		return
	}
	for _, a := range m.Chunks() {
		t.put(TableRef, RefKey(a, m.ID), nil)
	}
}

// Referred tells which chunks an exchange is kept for. ok is false when the
// ledger does not know: it is older than its list of references.
func Referred(r Reader, addresses []crypto.Digest) (referred []bool, ok bool) {
	if r.Get(TableMeta, keyRefs) == nil {
		return nil, false
	}
	referred = make([]bool, len(addresses))
	for i, a := range addresses {
		r.Scan(TableRef, a[:], nil, func(_, _ []byte) bool { referred[i] = true; return false })
	}
	return referred, true
}

// Leases returns when the live uploads must end at the latest, soonest first
// end only; zero when none is alive.
func Leases(r Reader) (soonest exchange.Time) {
	now := TimeOf(r)
	r.Scan(TableLease, nil, nil, func(_, raw []byte) bool {
		if l, err := exchange.DecodeStored[Lease](raw); err == nil && l.Until >= now && (soonest == 0 || l.Until < soonest) {
			soonest = l.Until
		}
		return true
	})
	return soonest
}

// Collectable tells whether an exchange may be deleted at a time, if it is to be
// kept for keep after its end, and how many rows that takes.
func Collectable(r Reader, id exchange.ID, now exchange.Time, keep time.Duration) (rows int, ok bool, err error) {
	t := &txn{r: r, over: map[place]int{}, now: now}
	ex, m, res := t.open(id)
	if res.Code != "" {
		return 0, false, t.err
	}
	ok = t.collectable(&ex, m, max(keep, MinRetention))
	return 4*len(ex.Deliveries) + 8, ok, t.err
}

// collectable: every delivery ended long enough ago, nothing waits for chunks,
// and no row that would carry it is queued.
func (t *txn) collectable(ex *Exchange, m *exchange.Manifest, keep time.Duration) bool {
	if ex.Waiting {
		return false
	}
	last := ex.At
	for _, i := range ex.Deliveries {
		d, ok := t.delivery(m.ID, i)
		if !ok || !d.State.Final() {
			return false
		}
		last = max(last, d.Ended)
	}
	return t.now >= last.Add(keep) && !t.queued(m.ID)
}

// queued reports whether any row carries the exchange. The queues are looked
// through once for a command; one that is very long may carry anything.
func (t *txn) queued(id exchange.ID) bool {
	if t.carried == nil {
		t.carried = map[exchange.ID]bool{}
		n := 0
		t.r.Scan(TableQueue, nil, nil, func(_, raw []byte) bool {
			if row, err := exchange.DecodeStored[QueueRow](raw); err == nil && !row.Exchange.IsZero() {
				t.carried[row.Exchange] = true
			}
			n++
			t.crowded = n >= mostQueued
			return !t.crowded
		})
	}
	return t.crowded || t.carried[id]
}

func (t *txn) collect(c *Collect) Result {
	if len(c.Exchanges)+len(c.Forget) > MostCollected {
		return refuse(exchange.Invalid, "at most %d exchanges are collected at once", MostCollected)
	}
	n := 0
	for _, id := range c.Exchanges {
		ex, m, res := t.open(id)
		if res.Code == "" && t.collectable(&ex, m, MinRetention) {
			t.drop(&ex, m)
			n++
		}
	}
	t.count(-n, 0)
	for _, id := range c.Forget {
		t.forget(id)
	}
	return Result{}
}

// drop deletes every row of an exchange. The leaves of the audit tree stay, and
// a tombstone by which a repetition is noticed.
func (t *txn) drop(ex *Exchange, m *exchange.Manifest) {
	for _, table := range []Table{TableDelivery, TableReceipt, TableSeen, TableDecision, TableInline, TableNotice} {
		t.scan(table, m.ID[:], func(k, _ []byte) { t.delete(table, k) })
	}
	for _, i := range ex.Deliveries {
		if key := UnitKey(m.To[i].Unit, m.ID[:]); t.has(TableInbox, key) {
			t.delete(TableInbox, key)
		}
	}
	for _, peer := range t.neighbours(false) {
		if key := pair(string(peer), m.ID[:]); t.has(TableOffer, key) {
			t.delete(TableOffer, key)
		}
	}
	if !ex.Inline {
		for _, a := range m.Chunks() {
			t.delete(TableRef, RefKey(a, m.ID))
		}
	}
	gone := Gone{Manifest: ex.Digest, At: t.now}
	if ex.Via == "" {
		t.delete(TableOutbox, UnitKey(m.From, m.ID[:]))
	}
	if ex.Key != "" { // one that a neighbour gave back has none
		gone.Unit, gone.Key = m.From, ex.Key
		key := UnitKey(m.From, []byte(ex.Key))
		row, _ := load[KeyRow](t, TableKey, key)
		row.Exchange, row.Gone = m.ID, true
		save(t, TableKey, key, row)
	}
	save(t, TableGone, ExchangeKey(m.ID), gone)
	t.delete(TableExchange, ExchangeKey(m.ID))
	t.note(Event{Kind: EventCollected, Exchange: m.ID, Digest: ex.Digest})
}

// forget deletes the tombstone of an exchange, and its key with it.
func (t *txn) forget(id exchange.ID) {
	g, ok := load[Gone](t, TableGone, ExchangeKey(id))
	if !ok || t.now < g.At.Add(MinRetention) {
		return
	}
	if g.Unit != "" {
		t.delete(TableKey, UnitKey(g.Unit, []byte(g.Key)))
	}
	t.delete(TableGone, ExchangeKey(id))
}

// gone returns the manifest's digest of an exchange that was deleted.
func (t *txn) gone(id exchange.ID) (crypto.Digest, bool) {
	g, ok := load[Gone](t, TableGone, ExchangeKey(id))
	return g.Manifest, ok
}

// GoneOf returns what is remembered of an exchange that was deleted.
func GoneOf(r Reader, id exchange.ID) (Gone, bool, error) {
	return Get[Gone](r, TableGone, ExchangeKey(id))
}

// EachExchange lists the exchanges of a table that is ordered by them, from a place on,
// until fn returns false.
func EachExchange(r Reader, table Table, from exchange.ID, fn func(exchange.ID) bool) {
	var start []byte
	if !from.IsZero() {
		start = from[:]
	}
	r.Scan(table, nil, start, func(k, _ []byte) bool { return len(k) < len(from) || fn(exchange.ID(k)) })
}
