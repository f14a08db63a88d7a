package ledger

import (
	"encoding/binary"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Queries read what Apply stored. They fail only when a row cannot be decoded.

// SelfOf returns the domain, or false before it is founded.
func SelfOf(r Reader) (Self, bool, error) { return Get[Self](r, TableMeta, keyDomain) }

// TimeOf returns the ledger's time.
func TimeOf(r Reader) exchange.Time {
	if raw := r.Get(TableMeta, keyTime); len(raw) == 8 {
		return exchange.Time(binary.BigEndian.Uint64(raw))
	}
	return 0
}

// LevelOf returns the feature level.
func LevelOf(r Reader) uint32 {
	if raw := r.Get(TableMeta, keyLevel); len(raw) == 4 {
		return binary.BigEndian.Uint32(raw)
	}
	return 0
}

// CountsOf returns the totals.
func CountsOf(r Reader) (Counts, error) {
	c, _, err := Get[Counts](r, TableMeta, keyCounts)
	return c, err
}

// Stored is an exchange with its decoded manifest.
type Stored struct {
	Exchange
	M exchange.Manifest
}

// Find loads an exchange and its manifest.
func Find(r Reader, id exchange.ID) (Stored, bool, error) {
	ex, ok, err := Get[Exchange](r, TableExchange, ExchangeKey(id))
	if !ok || err != nil {
		return Stored{}, false, err
	}
	body, _ := ex.Manifest.Body(crypto.ContextManifest)
	m, err := exchange.DecodeStored[exchange.Manifest](body)
	return Stored{Exchange: ex, M: m}, err == nil, err
}

// DecodeManifest reads a manifest's signed bytes. It does not verify.
func DecodeManifest(s crypto.Signed) (exchange.Manifest, error) {
	return decodeStatement[exchange.Manifest](s, crypto.ContextManifest)
}

// DecodeReceipt reads a receipt's signed bytes. It does not verify.
func DecodeReceipt(s crypto.Signed) (exchange.Receipt, error) {
	return decodeStatement[exchange.Receipt](s, crypto.ContextReceipt)
}

// DecodeNotice reads a notice's signed bytes. It does not verify.
func DecodeNotice(s crypto.Signed) (exchange.Notice, error) {
	return decodeStatement[exchange.Notice](s, exchange.ContextNotice)
}

// DeliveryOf returns where one delivery is.
func DeliveryOf(r Reader, id exchange.ID, i uint16) (Delivery, bool, error) {
	return Get[Delivery](r, TableDelivery, DeliveryKey(id, i))
}

// Receipts lists the stored receipts of an exchange in order of arrival.
func Receipts(r Reader, id exchange.ID) ([]crypto.Signed, error) {
	return list[crypto.Signed](r, TableReceipt, id[:])
}

// Decisions lists the stored decisions about an exchange.
func Decisions(r Reader, id exchange.ID) ([]DecisionRow, error) {
	return list[DecisionRow](r, TableDecision, id[:])
}

// Statements lists the latest statement of each issuer in a table.
func Statements(r Reader, table Table) ([]crypto.Signed, error) {
	return list[crypto.Signed](r, table, nil)
}

// History lists every stored directory or units statement of an issuer, oldest
// first.
func History(r Reader, table Table, issuer exchange.Domain) ([]crypto.Signed, error) {
	return list[crypto.Signed](r, TableHistory, pair(string(issuer), []byte{byte(table)}))
}

func list[T any](r Reader, table Table, prefix []byte) ([]T, error) {
	var out []T
	var failed error
	r.Scan(table, prefix, nil, func(_, raw []byte) bool {
		v, err := exchange.DecodeStored[T](raw)
		if err != nil {
			failed = err
			return false
		}
		out = append(out, v)
		return true
	})
	return out, failed
}

// KeyOf returns what an idempotency key of a unit was used for.
func KeyOf(r Reader, u exchange.Unit, key string) (KeyRow, bool, error) {
	return Get[KeyRow](r, TableKey, UnitKey(u, []byte(key)))
}

// UnitOf returns what its domain states about a unit.
func UnitOf(r Reader, u exchange.Unit) (exchange.UnitInfo, bool, error) {
	return Get[exchange.UnitInfo](r, TableUnit, unitKey(u))
}

// PersonByToken returns the person that a token's digest belongs to.
func PersonByToken(r Reader, token crypto.Digest) (PersonRow, bool, error) {
	key := r.Get(TableToken, token[:])
	if key == nil {
		return PersonRow{}, false, nil
	}
	return Get[PersonRow](r, TablePerson, key)
}

// LinkOf returns the state of one neighbour.
func LinkOf(r Reader, peer exchange.Domain) (Link, bool, error) {
	return Get[Link](r, TableLink, []byte(peer))
}

// QueueRows calls fn for queued rows of a class with a sequence above the
// given one, in order, until fn returns false.
func QueueRows(r Reader, peer exchange.Domain, class exchange.Class, above uint64, fn func(sequence uint64, row QueueRow) bool) error {
	var failed error
	from := QueueKey(peer, class, above+1)
	r.Scan(TableQueue, QueuePrefix(peer, class), from, func(k, raw []byte) bool {
		row, err := exchange.DecodeStored[QueueRow](raw)
		if err != nil {
			failed = err
			return false
		}
		return fn(binary.BigEndian.Uint64(k[len(k)-8:]), row)
	})
	return failed
}

// Waiting lists exchanges from peer whose chunks are not here yet, most
// urgent first, until fn returns false.
func Waiting(r Reader, peer exchange.Domain, fn func(exchange.ID) bool) {
	r.Scan(TableWaiting, pair(string(peer), nil), nil, func(k, _ []byte) bool {
		return fn(exchange.ID(k[len(k)-16:]))
	})
}

// Due lists exchanges of this origin whose deadline is at or before a time and
// that have deliveries which are not final, oldest deadline first, until fn
// returns false.
func Due(r Reader, at exchange.Time, fn func(exchange.ID) bool) {
	r.Scan(TableDeadline, nil, nil, func(k, _ []byte) bool {
		return exchange.Time(binary.BigEndian.Uint64(k)) <= at && fn(exchange.ID(k[8:]))
	})
}

// InboxDeliveries returns which deliveries of an exchange went to a unit here.
func InboxDeliveries(r Reader, u exchange.Unit, id exchange.ID) ([]uint16, error) {
	d, _, err := Get[[]uint16](r, TableInbox, UnitKey(u, id[:]))
	return d, err
}

// Listed walks the ids of an inbox or outbox from the newest, starting below
// before (zero: at the newest).
func Listed(r Reader, table Table, u exchange.Unit, before exchange.ID, fn func(exchange.ID) bool) {
	prefix := UnitKey(u, nil)
	var start []byte
	if !before.IsZero() {
		start = UnitKey(u, before[:])
	}
	r.ScanBack(table, prefix, start, func(k, _ []byte) bool {
		return fn(exchange.ID(k[len(k)-16:]))
	})
}

// Offered lists exchanges whose chunks a neighbour may fetch.
func Offered(r Reader, peer exchange.Domain, fn func(exchange.ID) bool) {
	r.Scan(TableOffer, pair(string(peer), nil), nil, func(k, _ []byte) bool {
		return fn(exchange.ID(k[len(k)-16:]))
	})
}

// Numbers tells the latest statement number held of each issuer in a table.
func Numbers(r Reader, table Table) map[exchange.Domain]uint64 {
	out := map[exchange.Domain]uint64{}
	r.Scan(table, nil, nil, func(k, raw []byte) bool {
		if s, err := exchange.DecodeStored[crypto.Signed](raw); err == nil {
			out[exchange.Domain(k)], _ = statementNumber(table, s)
		}
		return true
	})
	return out
}

// Issuers lists the issuers of the statements in a table, by name.
func Issuers(r Reader, table Table) []exchange.Domain {
	var out []exchange.Domain
	r.Scan(table, nil, nil, func(k, _ []byte) bool {
		out = append(out, exchange.Domain(k))
		return true
	})
	return out
}

// ConfigurationOf returns the membership as of the applied index.
func ConfigurationOf(r Reader) (Configuration, error) {
	c, _, err := Get[Configuration](r, TableMeta, KeyConfiguration)
	return c, err
}

// DomainOf returns what the directory says about a domain.
func DomainOf(r Reader, d exchange.Domain) (exchange.DomainInfo, bool, error) {
	return Get[exchange.DomainInfo](r, TableDomain, []byte(d))
}

// Links lists the neighbours that have a link row, by name.
func Links(r Reader) []exchange.Domain {
	var out []exchange.Domain
	r.Scan(TableLink, nil, nil, func(k, _ []byte) bool {
		out = append(out, exchange.Domain(k))
		return true
	})
	return out
}

// QueueDepth counts the rows queued for a peer, and tells since when the
// oldest waits (zero: none does).
func QueueDepth(r Reader, peer exchange.Domain) (queued uint64, oldest exchange.Time, err error) {
	link, _, err := LinkOf(r, peer)
	if err != nil {
		return 0, 0, err
	}
	for class := range exchange.Class(exchange.ClassCount) {
		queued += max(link.SendNext[class], 1) - 1 - link.Acked[class]
		err = QueueRows(r, peer, class, link.Acked[class], func(_ uint64, row QueueRow) bool {
			if oldest == 0 || row.At < oldest {
				oldest = row.At
			}
			return false
		})
		if err != nil {
			return queued, oldest, err
		}
	}
	return queued, oldest, nil
}

// StatementOf reads a signed statement's bytes; false when they are not of the
// context. It does not verify.
func StatementOf[T any](s crypto.Signed, context string) (T, bool) {
	v, err := decodeStatement[T](s, context)
	return v, err == nil
}

// ReceiptAt returns the receipt of that number of arrival.
func ReceiptAt(r Reader, id exchange.ID, n uint32) (crypto.Signed, bool, error) {
	return Get[crypto.Signed](r, TableReceipt, sequenceKey(id[:], n))
}

// Unacknowledged counts the rows that a neighbour has not acknowledged.
func Unacknowledged(l Link) (n uint64) {
	for class, next := range l.SendNext {
		n += max(next, 1) - 1 - l.Acked[class]
	}
	return n
}
