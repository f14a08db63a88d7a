package check

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/merkle"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/ledger/ledgertest"
	"github.com/yizhan-exchange/yizhan/node/config"
)

type signed = crypto.Signed

// hammer damages rows.
type hammer struct {
	testing.TB
	rows *ledgertest.Memory
}

func (h *hammer) keys(t ledger.Table) (out [][]byte) {
	h.Helper()
	h.rows.Scan(t, nil, nil, func(k, _ []byte) bool { out = append(out, k); return true })
	if len(out) == 0 {
		h.Fatalf("there is no row in %s to damage", t)
	}
	return out
}

func (h *hammer) first(t ledger.Table) []byte { return h.keys(t)[0] }

func (h *hammer) put(t ledger.Table, key, value []byte) {
	h.rows.Put(ledger.Mutation{Table: t, Key: key, Value: value})
}

func (h *hammer) drop(t ledger.Table, key []byte) { h.put(t, key, nil) }

// edit changes a row.
func edit[T any](h *hammer, t ledger.Table, key []byte, change func(*T)) {
	h.Helper()
	v, ok, err := ledger.Get[T](h.rows, t, key)
	if !ok || err != nil {
		h.Fatalf("%s: %v", t, err)
	}
	change(&v)
	h.put(t, key, exchange.Encode(v))
}

// where returns the key of the first row that satisfies.
func where[T any](h *hammer, t ledger.Table, is func(*T) bool) []byte {
	h.Helper()
	for _, k := range h.keys(t) {
		if v, ok, err := ledger.Get[T](h.rows, t, k); ok && err == nil && is(&v) {
			return k
		}
	}
	h.Fatalf("no row in %s is like that", t)
	return nil
}

// stranger is a key like another, of an exchange that is not stored.
func stranger(key []byte) []byte {
	out := append([]byte(nil), key...)
	out[len(out)-1] ^= 0xff
	return out
}

func dropFirst(t ledger.Table) func(*hammer) {
	return func(h *hammer) { h.drop(t, h.first(t)) }
}

func copyToStranger(t ledger.Table) func(*hammer) {
	return func(h *hammer) { k := h.first(t); h.put(t, stranger(k), append([]byte{}, h.rows.Get(t, k)...)) }
}

func spoilFirst(t ledger.Table) func(*hammer) {
	return func(h *hammer) { h.put(t, h.first(t), []byte{0xff}) }
}

var (
	queuedID  = exchange.ID{0: 1, 15: 1} // submitted by underWay
	waitingID = exchange.ID{0: 1, 15: 2} // received by underWay
)

func editExchange(id exchange.ID, change func(*ledger.Exchange)) func(*hammer) {
	return func(h *hammer) { edit(h, ledger.TableExchange, ledger.ExchangeKey(id), change) }
}

func editLink(change func(*ledger.Link)) func(*hammer) {
	return func(h *hammer) { edit(h, ledger.TableLink, []byte(city), change) }
}

func firstArrived(h *hammer) []byte {
	return where(h, ledger.TableDelivery, func(d *ledger.Delivery) bool { return d.State == exchange.SignedFor })
}

// damages are one wound each, and the code that tells of it.
var damages = []struct {
	code Code
	what string
	do   func(*hammer)
}{
	{RowUnreadable, "exchange", spoilFirst(ledger.TableExchange)},
	{RowUnreadable, "delivery", spoilFirst(ledger.TableDelivery)},
	{RowUnreadable, "receipt", spoilFirst(ledger.TableReceipt)},
	{RowUnreadable, "queue", spoilFirst(ledger.TableQueue)},
	{RowUnreadable, "audit", spoilFirst(ledger.TableAudit)},
	{RowUnreadable, "history", spoilFirst(ledger.TableHistory)},
	{RowUnreadable, "decision", spoilFirst(ledger.TableDecision)},
	{RowUnreadable, "short key", func(h *hammer) { h.put(ledger.TableDelivery, []byte{1}, []byte{}) }},
	{HeadMissing, "index", func(h *hammer) { h.drop(ledger.TableMeta, ledger.KeyApplied) }},
	{HeadMissing, "digest", func(h *hammer) { h.put(ledger.TableMeta, ledger.KeyDigest, []byte{1}) }},
	{NotFounded, "no domain", func(h *hammer) { h.drop(ledger.TableMeta, []byte("domain")) }},
	{LevelUnknown, "later", func(h *hammer) { h.put(ledger.TableMeta, []byte("level"), []byte{0, 0, 0, 99}) }},
	{ConfigurationMissing, "none", func(h *hammer) { h.drop(ledger.TableMeta, ledger.KeyConfiguration) }},
	{CountsWrong, "exchanges", func(h *hammer) {
		edit(h, ledger.TableMeta, []byte("counts"), func(c *ledger.Counts) { c.Exchanges++ })
	}},
	{ManifestUnreadable, "cut", editExchange(queuedID, func(e *ledger.Exchange) { e.Manifest.Bytes = e.Manifest.Bytes[:40] })},
	{ManifestDigest, "other", editExchange(queuedID, func(e *ledger.Exchange) { e.Digest[0] ^= 1 })},
	{ExchangeDeliveries, "none", editExchange(queuedID, func(e *ledger.Exchange) { e.Deliveries = nil })},
	{ExchangeDeliveries, "no origin", editExchange(waitingID, func(e *ledger.Exchange) { e.Via = "" })},
	{DeliveryMissing, "", dropFirst(ledger.TableDelivery)},
	{DeliveryOrphan, "of no exchange", func(h *hammer) {
		k := append([]byte(nil), h.first(ledger.TableDelivery)...)
		k[0] ^= 0xff
		h.put(ledger.TableDelivery, k, exchange.Encode(ledger.Delivery{}))
	}},
	{DeliveryOrphan, "not listed", func(h *hammer) {
		h.put(ledger.TableDelivery, ledger.DeliveryKey(queuedID, 400), exchange.Encode(ledger.Delivery{}))
	}},
	{DeliveryUnbacked, "state", func(h *hammer) {
		edit(h, ledger.TableDelivery, firstArrived(h), func(d *ledger.Delivery) { d.State = exchange.Returned })
	}},
	{DeliveryUnbacked, "digest", func(h *hammer) {
		edit(h, ledger.TableDelivery, firstArrived(h), func(d *ledger.Delivery) { d.Last[0] ^= 1 })
	}},
	{DeliveryArriving, "for ever", editExchange(waitingID, func(e *ledger.Exchange) { e.Waiting = false })},
	{DeliveryLost, "not queued", func(h *hammer) {
		for _, k := range h.keys(ledger.TableQueue) {
			h.drop(ledger.TableQueue, k)
		}
		edit(h, ledger.TableLink, []byte(city), func(l *ledger.Link) { l.Acked = [exchange.ClassCount]uint64{} })
	}},
	{ReceiptUnreadable, "", func(h *hammer) {
		edit(h, ledger.TableReceipt, h.first(ledger.TableReceipt), func(s *signed) { s.Bytes = s.Bytes[:30] })
	}},
	{ReceiptForeign, "of another exchange", func(h *hammer) {
		k := h.keys(ledger.TableReceipt)
		h.put(ledger.TableReceipt, k[len(k)-1], append([]byte{}, h.rows.Get(ledger.TableReceipt, k[0])...))
	}},
	{ReceiptGap, "", func(h *hammer) {
		k := where(h, ledger.TableDelivery, func(d *ledger.Delivery) bool { return d.State == exchange.SignedFor })
		h.drop(ledger.TableReceipt, append(append([]byte(nil), k[:idSize]...), 0, 0, 0, 1))
	}},
	{ReceiptChain, "custody", dropFirst(ledger.TableReceipt)},
	{ReceiptOrphan, "", func(h *hammer) {
		h.put(ledger.TableReceipt, make([]byte, 20), exchange.Encode(signed{}))
	}},
	{SeenMissing, "", dropFirst(ledger.TableSeen)},
	{SeenOrphan, "", func(h *hammer) { h.put(ledger.TableSeen, make([]byte, 48), []byte{}) }},
	{DecisionGap, "", func(h *hammer) {
		k := append([]byte(nil), h.first(ledger.TableDecision)...)
		k[len(k)-1] = 9
		h.put(ledger.TableDecision, k, exchange.Encode(ledger.DecisionRow{}))
	}},
	{InlineMissing, "", dropFirst(ledger.TableInline)},
	{InlineDamaged, "", spoilFirst(ledger.TableInline)},
	{InlineOrphan, "", copyToStranger(ledger.TableInline)},
	{QueueGap, "a row is gone", dropFirst(ledger.TableQueue)},
	{QueueOrphan, "no neighbour", func(h *hammer) {
		h.put(ledger.TableQueue, ledger.QueueKey("999999", 1, 1), exchange.Encode(ledger.QueueRow{Exchange: queuedID, Deliveries: []uint16{0}}))
	}},
	{QueueExchange, "not stored", func(h *hammer) {
		k := where(h, ledger.TableQueue, func(q *ledger.QueueRow) bool { return q.Exchange == queuedID })
		edit(h, ledger.TableQueue, k, func(q *ledger.QueueRow) { q.Exchange[0] ^= 0xff })
	}},
	{QueueMessage, "", func(h *hammer) {
		k := where(h, ledger.TableQueue, func(q *ledger.QueueRow) bool { return q.Exchange == queuedID })
		edit(h, ledger.TableQueue, k, func(q *ledger.QueueRow) { *q = ledger.QueueRow{Message: []byte("?")} })
	}},
	{QueueGap, "next is further", editLink(func(l *ledger.Link) { l.SendNext[exchange.ClassOrdinary]++ })},
	{LinkWindow, "", editLink(func(l *ledger.Link) { l.Acked[exchange.ClassOrdinary] = l.SendNext[exchange.ClassOrdinary] })},
	{LinkEpoch, "", editLink(func(l *ledger.Link) { l.PeerEpoch = [16]byte{} })},
	{WaitingNone, "", dropFirst(ledger.TableWaiting)},
	{WaitingOrphan, "", copyToStranger(ledger.TableWaiting)},
	{OfferMissing, "", func(h *hammer) { h.drop(ledger.TableOffer, under(city, queuedID[:])) }},
	{OfferOrphan, "", copyToStranger(ledger.TableOffer)},
	{ToldOrphan, "", func(h *hammer) {
		h.put(ledger.TableTold, under(city, append([]byte{byte(ledger.TableUnits)}, county...)), binary.BigEndian.AppendUint64(nil, 999))
	}},
	{InboxMissing, "", dropFirst(ledger.TableInbox)},
	{InboxWrong, "not stored", copyToStranger(ledger.TableInbox)},
	{InboxWrong, "not arrived", func(h *hammer) {
		h.put(ledger.TableInbox, ledger.UnitKey("wjw@320582", waitingID[:]), exchange.Encode([]uint16{0}))
	}},
	{OutboxMissing, "", dropFirst(ledger.TableOutbox)},
	{OutboxWrong, "", copyToStranger(ledger.TableOutbox)},
	{KeyOrphan, "", func(h *hammer) {
		edit(h, ledger.TableKey, h.first(ledger.TableKey), func(k *ledger.KeyRow) { k.Exchange[0] ^= 0xff })
	}},
	{KeyCount, "none", dropFirst(ledger.TableKey)},
	{KeyCount, "two", copyToStranger(ledger.TableKey)},
	{DeadlineWrong, "none", dropFirst(ledger.TableDeadline)},
	{DeadlineOrphan, "", copyToStranger(ledger.TableDeadline)},
	{LeaseWrong, "", copyToStranger(ledger.TableLease)},
	{HeldWrong, "", func(h *hammer) {
		edit(h, ledger.TableHeld, h.first(ledger.TableHeld), func(r *ledger.HeldRow) { r.Peer = "999999" })
	}},
	{CountsWrong, "held", dropFirst(ledger.TableHeld)},
	{AuditGap, "first", dropFirst(ledger.TableAudit)},
	{AuditGap, "last", func(h *hammer) { k := h.keys(ledger.TableAudit); h.drop(ledger.TableAudit, k[len(k)-1]) }},
	{AuditFrontier, "a leaf was altered", func(h *hammer) {
		edit(h, ledger.TableAudit, h.first(ledger.TableAudit), func(e *ledger.Event) { e.Person = "x" })
	}},
	{AuditFrontier, "the root was altered", func(h *hammer) {
		edit(h, ledger.TableMeta, []byte("audit"), func(f *merkle.Frontier) { f.Roots[0][0] ^= 1 })
	}},
	{AuditOrder, "", func(h *hammer) {
		edit(h, ledger.TableAudit, h.first(ledger.TableAudit), func(e *ledger.Event) { e.Index = 1 << 40 })
	}},
	{StatementHistory, "directory", dropFirst(ledger.TableHistory)},
	{DirectoryMismatch, "domain", dropFirst(ledger.TableDomain)},
	{DirectoryMismatch, "parent", func(h *hammer) { h.put(ledger.TableParent, []byte(county), []byte("320000")) }},
	{DirectoryMismatch, "unit", dropFirst(ledger.TableUnit)},
	{TokenMismatch, "no person", dropFirst(ledger.TablePerson)},
	{TokenMismatch, "no token", dropFirst(ledger.TableToken)},
}

func options(t *testing.T, conf *config.Node) Options {
	t.Helper()
	p, err := sm.New(conf.Crypto.Provider)
	if err != nil {
		t.Fatal(err)
	}
	anchor, err := trust.LoadAnchor(conf.Domains[0].Anchor)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Provider: p, Anchor: anchor}
}

func empty(t *testing.T) *bench {
	t.Helper()
	p, err := sm.New("")
	if err != nil {
		t.Fatal(err)
	}
	return &bench{TB: t, provider: p, rows: &ledgertest.Memory{}}
}

func isRunning(err error) bool { return errors.Is(err, ErrRunning) }

func isNothing(err error) bool { return errors.Is(err, ErrNothing) }
