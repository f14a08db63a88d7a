package ledger

import (
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// submit takes a new exchange into custody, or answers a repeated key from
// what is stored. All signatures were checked before the log.
func (t *txn) submit(s *Submit) Result {
	m, ok := t.manifest(s.Manifest)
	if !ok || len(s.Receipts) == 0 || m.ID.IsZero() || len(m.To) == 0 || m.From.Domain() != t.self.Domain {
		return refuse(exchange.Invalid, "the manifest is not one of this domain, or there is no receipt for it")
	}
	keyKey := UnitKey(m.From, []byte(s.Key))
	if row, known := load[KeyRow](t, TableKey, keyKey); known {
		return t.replay(row, s.Content)
	}
	if t.has(TableExchange, ExchangeKey(m.ID)) {
		return refuse(exchange.Conflict, "exchange %s is already stored", m.ID)
	}
	if res := t.uploaded(&m, s); res.Code != "" {
		return res
	}
	ex := Exchange{Manifest: s.Manifest, Digest: t.sum(s.Manifest.Bytes), Deliveries: allDeliveries(len(m.To)), At: t.now,
		Inline: len(s.Inline) > 0, Person: s.Person, Key: s.Key}
	t.refer(&m, &ex)
	if _, lost := t.fan(&m, ex.Deliveries); len(lost) > 0 {
		return refuse(exchange.Unavailable, "there is no road in the directory to %s", m.To[lost[0]].Unit)
	}
	for _, i := range ex.Deliveries {
		save(t, TableDelivery, DeliveryKey(m.ID, i), Delivery{State: exchange.Arriving, At: t.now, Where: t.self.Domain})
	}
	save(t, TableKey, keyKey, KeyRow{Exchange: m.ID, Content: s.Content})
	t.put(TableOutbox, UnitKey(m.From, m.ID[:]), nil)
	t.expect(&m)
	t.decided(m.ID, DecisionRow{Decision: s.Decision, Unit: m.From, Person: s.Person})
	if res := t.settle(&m, &ex, s.Receipts); res.Code != "" {
		return res
	}
	t.count(1, 0)
	t.note(Event{Kind: EventSubmitted, Exchange: m.ID, Unit: m.From, Person: s.Person, Digest: ex.Digest})
	return Result{Exchange: m.ID, Receipts: s.Receipts[:1], State: exchange.Accepted}
}

// MostUpload is how old a submission may be at its commit when its chunks had
// no lease. It is much shorter than what a sweep of the content spares anyway.
const MostUpload = 24 * time.Hour

// uploaded checks that all content is here: in the command, or on a majority,
// where nobody swept it meanwhile. From level 2 on its age says that, and a
// lease is for uploads of older programs: each costs an entry of the log.
func (t *txn) uploaded(m *exchange.Manifest, s *Submit) Result {
	if len(s.Inline) > 0 {
		return t.keepInline(m, s.Inline)
	}
	if s.Lease == [16]byte{} && t.level() >= 2 {
		if m.Created.Add(MostUpload) < t.now || t.now.Add(MostUpload) < m.Created {
			return refuse(exchange.Unavailable, "the upload took longer than %s; submit again", MostUpload)
		}
		return t.kept(s.Stored)
	}
	lease, ok := load[Lease](t, TableLease, s.Lease[:])
	if !ok || lease.Until < t.now {
		return refuse(exchange.Unavailable, "the upload took longer than its lease protects it; submit again")
	}
	t.delete(TableLease, append([]byte(nil), s.Lease[:]...))
	return t.kept(s.Stored)
}

// replay answers a known key: the original receipt, or a conflict.
func (t *txn) replay(row KeyRow, content crypto.Digest) Result {
	if row.Gone {
		return refuse(exchange.Conflict, "this idempotency key was used for exchange %s, which was deleted at the end of its retention", row.Exchange)
	}
	if row.Content != content {
		return refuse(exchange.Conflict, "this idempotency key was used for other content, exchange %s", row.Exchange)
	}
	first, ok := load[crypto.Signed](t, TableReceipt, sequenceKey(row.Exchange[:], 0))
	if !ok {
		t.fail("exchange %s has a key but no receipt", row.Exchange)
	}
	return Result{Exchange: row.Exchange, Receipts: []crypto.Signed{first}, Replayed: true, State: exchange.Accepted}
}

// kept checks that content which does not ride in the command is on a majority
// of the configuration in force now.
func (t *txn) kept(stored []exchange.Stored) Result {
	conf, ok := load[Configuration](t, TableMeta, KeyConfiguration)
	if !ok {
		return refuse(exchange.Unavailable, "the configuration of the domain is not known yet")
	}
	have := 0
	for _, voter := range conf.Voters {
		for _, s := range stored {
			if s.Replica == voter {
				have++
				break
			}
		}
	}
	if need := len(conf.Voters)/2 + 1; have < need {
		return refuse(exchange.Unavailable, "the content is on %d of %d replicas, and %d are needed", have, len(conf.Voters), need)
	}
	return Result{}
}

// keepInline stores small sealed chunks in the order of the manifest: all or none.
func (t *txn) keepInline(m *exchange.Manifest, inline [][]byte) Result {
	if n := len(m.Chunks()); len(inline) != n {
		return refuse(exchange.Invalid, "%d chunks ride along, the manifest lists %d", len(inline), n)
	}
	for i, data := range inline {
		t.put(TableInline, InlineKey(m.ID, uint32(i)), data)
	}
	return Result{}
}

func (t *txn) manifest(s crypto.Signed) (exchange.Manifest, bool) {
	body, ok := s.Body(crypto.ContextManifest)
	if !ok {
		return exchange.Manifest{}, false
	}
	m, err := exchange.DecodeStored[exchange.Manifest](body)
	return m, err == nil && len(m.To) <= exchange.MaxRecipients
}

func allDeliveries(n int) []uint16 {
	out := make([]uint16, n)
	for i := range out {
		out[i] = uint16(i)
	}
	return out
}
