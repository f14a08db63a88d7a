// Package ledger is the pure state machine of a domain: it takes a command and
// what is stored, and answers with a result and the mutations that make it so.
// It has no clock, no randomness, no goroutine and no input or output, so that
// every replica computes the same from the same log.
package ledger

import "github.com/yizhan-exchange/yizhan/exchange"

// Table names one ordered collection of rows.
type Table uint8

// Tables. The number is the name on disk; never reuse one.
const (
	TableMeta      Table = iota + 1 // singletons: see the key constants
	TableExchange                   // exchange id -> Exchange
	TableDelivery                   // exchange id ‖ index (2) -> Delivery
	TableReceipt                    // exchange id ‖ arrival (4) -> crypto.Signed
	TableKey                        // unit ‖ 0 ‖ idempotency key -> KeyRow
	TableInbox                      // unit ‖ 0 ‖ exchange id -> delivery indexes
	TableOutbox                     // unit ‖ 0 ‖ exchange id -> nothing: what a unit sent
	TableQueue                      // peer ‖ 0 ‖ class ‖ sequence (8) -> QueueRow
	TableLink                       // peer -> Link
	TableSeen                       // exchange id ‖ SM3 of a receipt -> nothing
	TableDirectory                  // issuer -> crypto.Signed (latest)
	TableUnits                      // domain -> crypto.Signed (latest)
	TableUnit                       // domain ‖ 0 ‖ local name -> exchange.UnitInfo
	TableDomain                     // domain -> exchange.DomainInfo
	TableRevoked                    // key id -> exchange.Revocation
	TablePolicy                     // issuer -> crypto.Signed (latest)
	TablePerson                     // unit ‖ 0 ‖ person -> PersonRow
	TableToken                      // SM3 of token -> key of TablePerson
	TableLease                      // lease id -> Lease
	TableDecision                   // exchange id ‖ arrival (4) -> DecisionRow
	TableAudit                      // leaf index (8) -> Event
	TableInline                     // exchange id ‖ chunk index (4) -> sealed bytes
	TableWaiting                    // peer ‖ 0 ‖ class ‖ exchange id -> nothing: chunks are not here yet
	TableHistory                    // issuer ‖ 0 ‖ kind ‖ number (8) -> crypto.Signed
	TableHeld                       // peer ‖ 0 ‖ number (4) -> HeldRow: quarantined messages, numbered within the domain
	TableTold                       // peer ‖ 0 ‖ table ‖ issuer -> number (8) queued for the peer
	TableOffer                      // peer ‖ 0 ‖ exchange id -> nothing: chunks the peer may fetch
	TableParent                     // domain -> name of its superior, "" at the top
	TableDeadline                   // time (8) ‖ exchange id -> deliveries of this origin that are not final (2)
)

// Tables of lives. The numbers between are set aside for others.
const (
	TableLife   Table = iota + 40 // token of a renewal -> Life
	TableNotice                   // exchange id ‖ arrival (4) -> crypto.Signed: recalls
	TableAsked                    // neighbour -> AskedRow: an incarnation that nobody admitted yet
)

// Tables of messages that travel. The numbers in between are of other rooms.
const (
	TableDelay   Table = 47 // phase ‖ time (8) ‖ exchange id -> nothing: passed on; whether it was taken is looked at later
	TableTomb    Table = 46 // exchange id -> Tomb: recalled or refused before it came
	TableStumble Table = 45 // peer ‖ 0 ‖ class -> StumbleRow: the message that is tried in vain
)

// Tables of what is kept, and until when.
const (
	TableGone Table = 50 // exchange id -> Gone: deleted at the end of its retention
	TableRef  Table = 51 // chunk address ‖ exchange id -> nothing: what the chunk is kept for
)

// TableEnd is one past the last.
const TableEnd Table = 60

// Reader is what Apply and queries may read. Slices are valid until the
// surrounding transaction ends and must not be changed.
type Reader interface {
	// Get returns the row, or nil when there is none.
	Get(t Table, key []byte) []byte
	// Scan calls fn in ascending key order for rows whose key begins with
	// prefix, starting at from (nil: at the prefix), until fn returns false.
	Scan(t Table, prefix, from []byte, fn func(key, value []byte) bool)
	// ScanBack is Scan in descending order, starting below before (nil: at the
	// end of the prefix).
	ScanBack(t Table, prefix, before []byte, fn func(key, value []byte) bool)
}

// Mutation sets one row, or deletes it when Value is nil. An empty row has a
// non-nil empty Value.
type Mutation struct {
	Table Table
	Key   []byte
	Value []byte
}

// Keys of TableMeta.
var (
	KeyConfiguration = []byte("configuration") // Configuration, written by the Raft adapter
	KeyApplied       = []byte("applied")       // 8 bytes, written by the store with the effect
	KeyTerm          = []byte("term")          // 8 bytes, written by the store with the effect
	KeyDigest        = []byte("digest")        // rolling digest of all mutations, written by the store
	keyDomain        = []byte("domain")        // Self
	keyTime          = []byte("time")          // 8 bytes: ledger time
	keyLevel         = []byte("level")         // feature level
	keyAudit         = []byte("audit")         // Merkle frontier
	keyCounts        = []byte("counts")        // Counts
	keyRefs          = []byte("refs")          // TableRef is complete: written from the founding on
)

// Configuration is the Raft membership as of a log index.
type Configuration struct {
	Index  uint64             `cbor:"1,keyasint"`
	Voters []exchange.Replica `cbor:"2,keyasint"`
	Others []exchange.Replica `cbor:"3,keyasint,omitempty"` // non-voters
}

// Applier is the state machine as the Raft adapter sees it. Apply is called by
// one goroutine, in log order, once for each command.
//
// A refused command is an ordinary result with no mutations. A non-nil error
// means that the command cannot be decoded or breaks an invariant: the adapter
// must stop this replica's group and put the index in the message.
type Applier interface {
	Apply(r Reader, index uint64, command []byte) (result []byte, mutations []Mutation, err error)
}
