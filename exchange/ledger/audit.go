package ledger

import (
	"encoding/binary"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/merkle"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// EventKind names an event of the audit catalogue.
type EventKind uint16

// The audit catalogue. Numbers are for ever.
const (
	EventFounded EventKind = iota + 1
	EventSubmitted
	EventReceived
	EventCustody
	EventReceipt
	EventActed
	EventNotice
	EventRecalled
	EventOpened
	EventDenied
	EventGivenUp
	EventDirectory
	EventUnits
	EventPolicy
	EventPerson
	EventQuarantined
	EventEquivocation
	EventResync
	EventClock
	EventLevel
)

// Events of what is held.
const (
	EventReleased  EventKind = iota + 40 // a held message was processed after all
	EventSentBack                        // a held envelope was refused by an officer, and the sender told
	EventDismissed                       // a held message was dropped by an officer
	EventWithdrawn                       // a queued exchange was taken back before it was sent; a signed VOID has its place
	EventDelayed                         // nobody further on took an exchange for longer than usual; Reason tells what the link does
)

// EventCollected tells that an exchange was deleted at the end of its retention;
// Digest is of its manifest.
const EventCollected EventKind = 50

// Events of feature level 2 take numbers of their own ranges.
const (
	EventRenewed  EventKind = 30 // the domain began a new life
	EventAsked    EventKind = 31 // a neighbour greets with an incarnation that nobody admitted
	EventRegained EventKind = 32 // a neighbour gave back what this domain had forgotten
	EventRepeated EventKind = 33 // a known exchange came again and was answered again
	EventResynced EventKind = 34 // everything was sent again and given back
)

var eventNames = [...]string{"", "founded", "submitted", "received", "custody", "receipt", "acted", "notice", "recalled",
	"opened", "denied", "given-up", "directory", "units", "policy", "person", "quarantined", "equivocation", "resync", "clock", "level",
	EventReleased: "released", EventSentBack: "sent-back", EventDismissed: "dismissed", EventWithdrawn: "withdrawn", EventDelayed: "delayed", EventCollected: "collected",
	EventRenewed: "renewed", EventAsked: "asked", EventRegained: "regained", EventRepeated: "repeated", EventResynced: "resynced"}

// String returns the name used in exports.
func (k EventKind) String() string {
	if int(k) < len(eventNames) {
		return eventNames[k]
	}
	return ""
}

// Event is one leaf of the audit tree. It names things and never holds
// content.
type Event struct {
	Kind     EventKind       `cbor:"1,keyasint"`
	At       exchange.Time   `cbor:"2,keyasint"` // ledger time
	Index    uint64          `cbor:"3,keyasint"` // log index
	Exchange exchange.ID     `cbor:"4,keyasint,omitzero"`
	Domain   exchange.Domain `cbor:"5,keyasint,omitempty"`
	Unit     exchange.Unit   `cbor:"6,keyasint,omitempty"`
	Person   exchange.Person `cbor:"7,keyasint,omitempty"`
	Digest   crypto.Digest   `cbor:"8,keyasint,omitzero"` // of the statement concerned
	Reason   string          `cbor:"9,keyasint,omitempty"`
}

// note adds an event to what audit will append.
func (t *txn) note(e Event) { t.events = append(t.events, e) }

// audit appends this command's events to the tree: leaves by number, and the
// frontier, from which the next root follows.
func (t *txn) audit() {
	if len(t.events) == 0 {
		return
	}
	tree, _ := load[merkle.Frontier](t, TableMeta, keyAudit)
	if err := tree.Check(); err != nil {
		t.fail("audit frontier: %v", err)
		return
	}
	for _, e := range t.events {
		e.At, e.Index = t.now, t.index
		leaf := exchange.Encode(e)
		t.put(TableAudit, binary.BigEndian.AppendUint64(nil, tree.Size), leaf)
		tree = tree.Append(t.sum, merkle.Leaf(t.sum, leaf), nil)
	}
	save(t, TableMeta, keyAudit, tree)
}
