package ledger

import (
	"encoding/binary"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Exchange is a stored envelope. Manifest and custody receipts are kept as
// received.
type Exchange struct {
	Manifest   crypto.Signed   `cbor:"1,keyasint"`
	Digest     crypto.Digest   `cbor:"2,keyasint"`           // SM3 of Manifest.Bytes
	Via        exchange.Domain `cbor:"3,keyasint,omitempty"` // neighbour it came from, "" at the origin
	Deliveries []uint16        `cbor:"4,keyasint"`           // those this domain is responsible for
	Custody    []crypto.Signed `cbor:"5,keyasint"`           // road up to here, this domain's own last
	Inline     bool            `cbor:"6,keyasint,omitempty"`
	Waiting    bool            `cbor:"7,keyasint,omitempty"`  // chunks are not on a majority yet
	At         exchange.Time   `cbor:"8,keyasint"`            // ledger time of arrival
	Person     exchange.Person `cbor:"9,keyasint,omitempty"`  // who submitted it
	Key        string          `cbor:"10,keyasint,omitempty"` // idempotency key it was submitted under

	// Giver is the neighbour that gave the exchange back, while its chunks come
	// from there.
	Giver    exchange.Domain `cbor:"20,keyasint,omitempty"`
	Regained bool            `cbor:"21,keyasint,omitempty"` // this domain had forgotten it
	Parts    bool            `cbor:"22,keyasint,omitempty"` // some deliveries came later than others: Custody may not be that of all
}

// Source is the neighbour that chunks come from.
func (e *Exchange) Source() exchange.Domain {
	if e.Giver != "" {
		return e.Giver
	}
	return e.Via
}

// Delivery is where one recipient's copy is, as known here.
type Delivery struct {
	State  exchange.State  `cbor:"1,keyasint"`
	At     exchange.Time   `cbor:"2,keyasint"` // claimed by the signer of the last receipt
	Where  exchange.Domain `cbor:"3,keyasint"` // domain that stated it
	Last   crypto.Digest   `cbor:"4,keyasint"` // SM3 of the last receipt
	Urged  uint32          `cbor:"5,keyasint,omitempty"`
	Recall bool            `cbor:"6,keyasint,omitempty"` // asked for, not answered yet
	Ended  exchange.Time   `cbor:"7,keyasint,omitempty"` // ledger time at which it became final here
}

// KeyRow remembers an idempotency key.
type KeyRow struct {
	Exchange exchange.ID   `cbor:"1,keyasint"`
	Content  crypto.Digest `cbor:"2,keyasint"`
	Gone     bool          `cbor:"3,keyasint,omitempty"` // its exchange was deleted at the end of its retention
}

// QueueRow is one numbered message of a link: an envelope by reference, or a
// message as it is.
type QueueRow struct {
	Exchange   exchange.ID   `cbor:"1,keyasint,omitzero"`
	Deliveries []uint16      `cbor:"2,keyasint,omitempty"`
	Message    []byte        `cbor:"3,keyasint,omitempty"`
	At         exchange.Time `cbor:"4,keyasint"`
	Sent       bool          `cbor:"5,keyasint,omitempty"`  // queued again: an earlier numbering may have carried it
	Back       []uint32      `cbor:"8,keyasint,omitempty"`  // given back, with the receipts of these numbers of arrival
	Lacks      bool          `cbor:"10,keyasint,omitempty"` // given back without having its chunks
	Road       []uint32      `cbor:"9,keyasint,omitempty"`  // custody that goes along, by numbers of arrival; none: that of the exchange
}

// Link is the state of one neighbour.
type Link struct {
	SendNext    [exchange.ClassCount]uint64 `cbor:"1,keyasint"` // next sequence to assign
	Acked       [exchange.ClassCount]uint64 `cbor:"2,keyasint"`
	PeerEpoch   [16]byte                    `cbor:"3,keyasint"`
	ReceiveNext [exchange.ClassCount]uint64 `cbor:"4,keyasint"`
	Incarnation uint64                      `cbor:"5,keyasint"` // the peer's
	Term        uint64                      `cbor:"6,keyasint"` // the peer's
	Resyncs     uint64                      `cbor:"7,keyasint,omitempty"`

	// What may have been sent: see MaySend.
	Session [16]byte                    `cbor:"16,keyasint,omitzero"`  // the one opened last
	Down    bool                        `cbor:"17,keyasint,omitempty"` // it is known to have ended
	Sent    [exchange.ClassCount]uint64 `cbor:"18,keyasint,omitzero"`  // while Down: what may have been sent before

	PeerLife  [16]byte `cbor:"8,keyasint,omitzero"`   // which life of the peer this row is about
	SendEpoch [16]byte `cbor:"9,keyasint,omitzero"`   // numbering of what is sent to it; zero: the domain's own epoch
	Walk      *WalkRow `cbor:"10,keyasint,omitempty"` // what is still sent again and given back; nil: nothing is owed
	Regaining uint8    `cbor:"11,keyasint,omitempty"` // bit per class: the peer has not said yet that it gave everything back
	Regained  uint64   `cbor:"12,keyasint,omitempty"` // exchanges that it gave back
}

// DecisionRow is a decision with who caused it.
type DecisionRow struct {
	Decision exchange.Decision `cbor:"1,keyasint"`
	Unit     exchange.Unit     `cbor:"2,keyasint,omitempty"`
	Person   exchange.Person   `cbor:"3,keyasint,omitempty"`
}

// HeldRow is a message that could not be processed.
type HeldRow struct {
	Peer     exchange.Domain `cbor:"1,keyasint"`
	Reason   string          `cbor:"2,keyasint"`
	Message  []byte          `cbor:"3,keyasint"` // nil: too large, or too many are held; Digest tells which it was
	At       exchange.Time   `cbor:"4,keyasint"`
	Class    exchange.Class  `cbor:"5,keyasint,omitempty"`
	Sequence uint64          `cbor:"6,keyasint,omitempty"`
	Digest   crypto.Digest   `cbor:"7,keyasint,omitzero"` // SM3 of the message as it came
	Tries    uint32          `cbor:"8,keyasint,omitempty"`
}

// Counts are totals for status pages.
type Counts struct {
	Exchanges uint64 `cbor:"1,keyasint"`
	Held      uint64 `cbor:"2,keyasint"`           // now
	LastHeld  uint64 `cbor:"3,keyasint,omitempty"` // the last number given to a held message
	Tombs     uint64 `cbor:"4,keyasint,omitempty"` // now
}

// ExchangeKey is the key of TableExchange.
func ExchangeKey(id exchange.ID) []byte { return id[:] }

// DeliveryKey is the key of TableDelivery.
func DeliveryKey(id exchange.ID, i uint16) []byte {
	return binary.BigEndian.AppendUint16(append(make([]byte, 0, 18), id[:]...), i)
}

// InlineKey is the key of TableInline: the chunk's place in Manifest.Chunks.
// Chunks that come together lie together, and after those that came before, so
// that keeping them touches few pages; by address each would touch its own.
func InlineKey(id exchange.ID, chunk uint32) []byte { return sequenceKey(id[:], chunk) }

// seenKey is the key of TableSeen, ordered by exchange for the same reason.
func seenKey(id exchange.ID, receipt crypto.Digest) []byte {
	return append(append(make([]byte, 0, len(id)+len(receipt)), id[:]...), receipt[:]...)
}

// UnitKey is a key under a unit: TableInbox, TableOutbox, TableKey.
func UnitKey(u exchange.Unit, rest []byte) []byte { return pair(string(u), rest) }

// QueueKey is the key of TableQueue.
func QueueKey(peer exchange.Domain, class exchange.Class, sequence uint64) []byte {
	return binary.BigEndian.AppendUint64(QueuePrefix(peer, class), sequence)
}

// QueuePrefix begins the keys of one class of a link.
func QueuePrefix(peer exchange.Domain, class exchange.Class) []byte {
	return pair(string(peer), []byte{byte(class)})
}

func pair(a string, b []byte) []byte {
	k := make([]byte, 0, len(a)+1+len(b)+8)
	k = append(append(k, a...), 0)
	return append(k, b...)
}

func sequenceKey(prefix []byte, n uint32) []byte {
	return binary.BigEndian.AppendUint32(append(make([]byte, 0, len(prefix)+4), prefix...), n)
}
