package check_test

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
	"github.com/yizhan-exchange/yizhan/node/check"
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
	code check.Code
	what string
	do   func(*hammer)
}{
	{check.RowUnreadable, "exchange", spoilFirst(ledger.TableExchange)},
	{check.RowUnreadable, "delivery", spoilFirst(ledger.TableDelivery)},
	{check.RowUnreadable, "receipt", spoilFirst(ledger.TableReceipt)},
	{check.RowUnreadable, "queue", spoilFirst(ledger.TableQueue)},
	{check.RowUnreadable, "audit", spoilFirst(ledger.TableAudit)},
	{check.RowUnreadable, "history", spoilFirst(ledger.TableHistory)},
	{check.RowUnreadable, "decision", spoilFirst(ledger.TableDecision)},
	{check.RowUnreadable, "short key", func(h *hammer) { h.put(ledger.TableDelivery, []byte{1}, []byte{}) }},
	{check.HeadMissing, "index", func(h *hammer) { h.drop(ledger.TableMeta, ledger.KeyApplied) }},
	{check.HeadMissing, "digest", func(h *hammer) { h.put(ledger.TableMeta, ledger.KeyDigest, []byte{1}) }},
	{check.NotFounded, "no domain", func(h *hammer) { h.drop(ledger.TableMeta, []byte("domain")) }},
	{check.LevelUnknown, "later", func(h *hammer) { h.put(ledger.TableMeta, []byte("level"), []byte{0, 0, 0, 99}) }},
	{check.ConfigurationMissing, "none", func(h *hammer) { h.drop(ledger.TableMeta, ledger.KeyConfiguration) }},
	{check.CountsWrong, "exchanges", func(h *hammer) {
		edit(h, ledger.TableMeta, []byte("counts"), func(c *ledger.Counts) { c.Exchanges++ })
	}},
	{check.ManifestUnreadable, "cut", editExchange(queuedID, func(e *ledger.Exchange) { e.Manifest.Bytes = e.Manifest.Bytes[:40] })},
	{check.ManifestDigest, "other", editExchange(queuedID, func(e *ledger.Exchange) { e.Digest[0] ^= 1 })},
	{check.ExchangeDeliveries, "none", editExchange(queuedID, func(e *ledger.Exchange) { e.Deliveries = nil })},
	{check.ExchangeDeliveries, "no origin", editExchange(waitingID, func(e *ledger.Exchange) { e.Via = "" })},
	{check.DeliveryMissing, "", dropFirst(ledger.TableDelivery)},
	{check.DeliveryOrphan, "of no exchange", func(h *hammer) {
		k := append([]byte(nil), h.first(ledger.TableDelivery)...)
		k[0] ^= 0xff
		h.put(ledger.TableDelivery, k, exchange.Encode(ledger.Delivery{}))
	}},
	{check.DeliveryOrphan, "not listed", func(h *hammer) {
		h.put(ledger.TableDelivery, ledger.DeliveryKey(queuedID, 400), exchange.Encode(ledger.Delivery{}))
	}},
	{check.DeliveryUnbacked, "state", func(h *hammer) {
		edit(h, ledger.TableDelivery, firstArrived(h), func(d *ledger.Delivery) { d.State = exchange.Returned })
	}},
	{check.DeliveryUnbacked, "digest", func(h *hammer) {
		edit(h, ledger.TableDelivery, firstArrived(h), func(d *ledger.Delivery) { d.Last[0] ^= 1 })
	}},
	{check.DeliveryArriving, "for ever", editExchange(waitingID, func(e *ledger.Exchange) { e.Waiting = false })},
	{check.DeliveryLost, "not queued", func(h *hammer) {
		for _, k := range h.keys(ledger.TableQueue) {
			h.drop(ledger.TableQueue, k)
		}
		edit(h, ledger.TableLink, []byte(city), func(l *ledger.Link) { l.Acked = [exchange.ClassCount]uint64{} })
	}},
	{check.ReceiptUnreadable, "", func(h *hammer) {
		edit(h, ledger.TableReceipt, h.first(ledger.TableReceipt), func(s *signed) { s.Bytes = s.Bytes[:30] })
	}},
	{check.ReceiptForeign, "of another exchange", func(h *hammer) {
		k := h.keys(ledger.TableReceipt)
		h.put(ledger.TableReceipt, k[len(k)-1], append([]byte{}, h.rows.Get(ledger.TableReceipt, k[0])...))
	}},
	{check.ReceiptGap, "", func(h *hammer) {
		k := where(h, ledger.TableDelivery, func(d *ledger.Delivery) bool { return d.State == exchange.SignedFor })
		h.drop(ledger.TableReceipt, append(append([]byte(nil), k[:check.IDSize]...), 0, 0, 0, 1))
	}},
	{check.ReceiptChain, "custody", dropFirst(ledger.TableReceipt)},
	{check.ReceiptOrphan, "", func(h *hammer) {
		h.put(ledger.TableReceipt, make([]byte, 20), exchange.Encode(signed{}))
	}},
	{check.SeenMissing, "", dropFirst(ledger.TableSeen)},
	{check.SeenOrphan, "", func(h *hammer) { h.put(ledger.TableSeen, make([]byte, 48), []byte{}) }},
	{check.DecisionGap, "", func(h *hammer) {
		k := append([]byte(nil), h.first(ledger.TableDecision)...)
		k[len(k)-1] = 9
		h.put(ledger.TableDecision, k, exchange.Encode(ledger.DecisionRow{}))
	}},
	{check.InlineMissing, "", dropFirst(ledger.TableInline)},
	{check.InlineDamaged, "", spoilFirst(ledger.TableInline)},
	{check.InlineOrphan, "", copyToStranger(ledger.TableInline)},
	{check.QueueGap, "a row is gone", dropFirst(ledger.TableQueue)},
	{check.QueueOrphan, "no neighbour", func(h *hammer) {
		h.put(ledger.TableQueue, ledger.QueueKey("999999", 1, 1), exchange.Encode(ledger.QueueRow{Exchange: queuedID, Deliveries: []uint16{0}}))
	}},
	{check.QueueExchange, "not stored", func(h *hammer) {
		k := where(h, ledger.TableQueue, func(q *ledger.QueueRow) bool { return q.Exchange == queuedID })
		edit(h, ledger.TableQueue, k, func(q *ledger.QueueRow) { q.Exchange[0] ^= 0xff })
	}},
	{check.QueueMessage, "", func(h *hammer) {
		k := where(h, ledger.TableQueue, func(q *ledger.QueueRow) bool { return q.Exchange == queuedID })
		edit(h, ledger.TableQueue, k, func(q *ledger.QueueRow) { *q = ledger.QueueRow{Message: []byte("?")} })
	}},
	{check.QueueGap, "next is further", editLink(func(l *ledger.Link) { l.SendNext[exchange.ClassOrdinary]++ })},
	{check.LinkWindow, "", editLink(func(l *ledger.Link) { l.Acked[exchange.ClassOrdinary] = l.SendNext[exchange.ClassOrdinary] })},
	{check.LinkEpoch, "", editLink(func(l *ledger.Link) { l.PeerEpoch, l.PeerLife = [16]byte{}, [16]byte{} })},
	{check.WaitingNone, "", dropFirst(ledger.TableWaiting)},
	{check.WaitingOrphan, "", copyToStranger(ledger.TableWaiting)},
	{check.OfferMissing, "", func(h *hammer) { h.drop(ledger.TableOffer, check.Under(city, queuedID[:])) }},
	{check.OfferOrphan, "", copyToStranger(ledger.TableOffer)},
	{check.ToldOrphan, "", func(h *hammer) {
		h.put(ledger.TableTold, check.Under(city, append([]byte{byte(ledger.TableUnits)}, county...)), binary.BigEndian.AppendUint64(nil, 999))
	}},
	{check.InboxMissing, "", dropFirst(ledger.TableInbox)},
	{check.InboxWrong, "not stored", copyToStranger(ledger.TableInbox)},
	{check.InboxWrong, "not arrived", func(h *hammer) {
		h.put(ledger.TableInbox, ledger.UnitKey("wjw@320582", waitingID[:]), exchange.Encode([]uint16{0}))
	}},
	{check.OutboxMissing, "", dropFirst(ledger.TableOutbox)},
	{check.OutboxWrong, "", copyToStranger(ledger.TableOutbox)},
	{check.KeyOrphan, "", func(h *hammer) {
		edit(h, ledger.TableKey, h.first(ledger.TableKey), func(k *ledger.KeyRow) { k.Exchange[0] ^= 0xff })
	}},
	{check.KeyCount, "none", dropFirst(ledger.TableKey)},
	{check.KeyCount, "two", copyToStranger(ledger.TableKey)},
	{check.DeadlineWrong, "none", dropFirst(ledger.TableDeadline)},
	{check.DeadlineOrphan, "", copyToStranger(ledger.TableDeadline)},
	{check.LeaseWrong, "", copyToStranger(ledger.TableLease)},
	{check.HeldWrong, "", func(h *hammer) {
		edit(h, ledger.TableHeld, h.first(ledger.TableHeld), func(r *ledger.HeldRow) { r.Peer = "999999" })
	}},
	{check.CountsWrong, "held", dropFirst(ledger.TableHeld)},
	{check.AuditGap, "first", dropFirst(ledger.TableAudit)},
	{check.AuditGap, "last", func(h *hammer) { k := h.keys(ledger.TableAudit); h.drop(ledger.TableAudit, k[len(k)-1]) }},
	{check.AuditFrontier, "a leaf was altered", func(h *hammer) {
		edit(h, ledger.TableAudit, h.first(ledger.TableAudit), func(e *ledger.Event) { e.Person = "x" })
	}},
	{check.AuditFrontier, "the root was altered", func(h *hammer) {
		edit(h, ledger.TableMeta, []byte("audit"), func(f *merkle.Frontier) { f.Roots[0][0] ^= 1 })
	}},
	{check.RefMissing, "", dropFirst(ledger.TableRef)},
	{check.RefOrphan, "", copyToStranger(ledger.TableRef)},
	{check.GoneWrong, "", func(h *hammer) {
		h.put(ledger.TableGone, h.first(ledger.TableExchange), exchange.Encode(ledger.Gone{}))
	}},
	{check.KeyOrphan, "of what is not gone", func(h *hammer) {
		edit(h, ledger.TableKey, h.first(ledger.TableKey), func(k *ledger.KeyRow) { k.Gone = true })
	}},
	{check.KeyCount, "free again", func(h *hammer) {
		h.put(ledger.TableGone, stranger(h.first(ledger.TableExchange)), exchange.Encode(ledger.Gone{Unit: "wjw@320582", Key: "free"}))
	}},
	{check.AuditOrder, "", func(h *hammer) {
		edit(h, ledger.TableAudit, h.first(ledger.TableAudit), func(e *ledger.Event) { e.Index = 1 << 40 })
	}},
	{check.StatementHistory, "directory", dropFirst(ledger.TableHistory)},
	{check.DirectoryMismatch, "domain", dropFirst(ledger.TableDomain)},
	{check.DirectoryMismatch, "parent", func(h *hammer) { h.put(ledger.TableParent, []byte(county), []byte("320000")) }},
	{check.DirectoryMismatch, "unit", dropFirst(ledger.TableUnit)},
	{check.TokenMismatch, "no person", dropFirst(ledger.TablePerson)},
	{check.TokenMismatch, "no token", dropFirst(ledger.TableToken)},
}

func options(t *testing.T, conf *config.Node) check.Options {
	t.Helper()
	p, err := sm.New(conf.Crypto.Provider)
	if err != nil {
		t.Fatal(err)
	}
	anchor, err := trust.LoadAnchor(conf.Domains[0].Anchor)
	if err != nil {
		t.Fatal(err)
	}
	return check.Options{Provider: p, Anchor: anchor}
}

func empty(t *testing.T) *bench {
	t.Helper()
	p, err := sm.New("")
	if err != nil {
		t.Fatal(err)
	}
	return &bench{TB: t, provider: p, rows: &ledgertest.Memory{}}
}

func isRunning(err error) bool { return errors.Is(err, check.ErrRunning) }

func isNothing(err error) bool { return errors.Is(err, check.ErrNothing) }
