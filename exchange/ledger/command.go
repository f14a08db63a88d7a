package ledger

import (
	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Command is one entry of the log. Whatever is random, timed, signed or
// decided is already in it. Exactly one of the pointers is set.
type Command struct {
	Time      exchange.Time `cbor:"1,keyasint"`           // the proposer's clock
	Revisions Revisions     `cbor:"2,keyasint,omitempty"` // decided under these; zero: not decided

	Bootstrap *Bootstrap     `cbor:"10,keyasint,omitempty"`
	Submit    *Submit        `cbor:"11,keyasint,omitempty"`
	Receive   *Receive       `cbor:"12,keyasint,omitempty"`
	Custody   *Custody       `cbor:"13,keyasint,omitempty"`
	Act       *Act           `cbor:"14,keyasint,omitempty"`
	Notice    *Notice        `cbor:"15,keyasint,omitempty"`
	Ack       *Ack           `cbor:"16,keyasint,omitempty"`
	Open      *OpenLink      `cbor:"17,keyasint,omitempty"`
	Statement *Statement     `cbor:"18,keyasint,omitempty"`
	Judge     *Judge         `cbor:"19,keyasint,omitempty"`
	Lease     *Lease         `cbor:"20,keyasint,omitempty"`
	Level     *uint32        `cbor:"21,keyasint,omitempty"` // raise the feature level
	Clock     *exchange.Time `cbor:"22,keyasint,omitempty"` // an operator sets the ledger's time forward
	Deadline  *Deadline      `cbor:"23,keyasint,omitempty"`
	Person    *PersonRow     `cbor:"24,keyasint,omitempty"`

	Renew *Renew `cbor:"30,keyasint,omitempty"` // level 2
	Asked *Asked `cbor:"31,keyasint,omitempty"` // level 2
	Walk  *Walk  `cbor:"32,keyasint,omitempty"` // level 2

	Stumble *Stumble `cbor:"40,keyasint,omitempty"`
	Release *Release `cbor:"41,keyasint,omitempty"`
	Dismiss *Dismiss `cbor:"42,keyasint,omitempty"`
	Close   *Close   `cbor:"43,keyasint,omitempty"`
	Delay   *Delay   `cbor:"44,keyasint,omitempty"`
	Bounce  *Bounce  `cbor:"45,keyasint,omitempty"`

	Collect *Collect `cbor:"50,keyasint,omitempty"`
}

// kinds counts what a command asks for.
func (c *Command) kinds() (n int) {
	for _, set := range []bool{c.Bootstrap != nil, c.Submit != nil, c.Receive != nil, c.Custody != nil, c.Act != nil, c.Notice != nil,
		c.Ack != nil, c.Open != nil, c.Statement != nil, c.Judge != nil, c.Lease != nil, c.Level != nil, c.Clock != nil, c.Deadline != nil, c.Person != nil,
		c.Stumble != nil, c.Release != nil, c.Dismiss != nil, c.Close != nil, c.Delay != nil, c.Bounce != nil, c.Collect != nil,
		c.Renew != nil, c.Asked != nil, c.Walk != nil} {
		if set {
			n++
		}
	}
	return n
}

// Revisions count the changes of what decisions depend on.
type Revisions struct {
	Policy    uint64 `cbor:"1,keyasint,omitempty"`
	Directory uint64 `cbor:"2,keyasint,omitempty"`
}

// Self is the domain this ledger belongs to.
type Self struct {
	Domain      exchange.Domain `cbor:"1,keyasint"`
	Parent      exchange.Domain `cbor:"2,keyasint,omitempty"`
	Epoch       [16]byte        `cbor:"3,keyasint"` // names the numbering of everything it sends
	Incarnation uint64          `cbor:"4,keyasint"`
	Revisions   Revisions       `cbor:"5,keyasint"`
}

// Bootstrap founds a domain. It is refused when the domain already exists.
type Bootstrap struct {
	Self      Self            `cbor:"1,keyasint"`
	Level     uint32          `cbor:"2,keyasint"` // feature level
	Directory []crypto.Signed `cbor:"3,keyasint"` // superiors first
	Units     []crypto.Signed `cbor:"4,keyasint"`
	Policy    []crypto.Signed `cbor:"5,keyasint,omitempty"`
	Persons   []PersonRow     `cbor:"6,keyasint"`
}

// PersonRow is a person of a unit and the digest of a bearer token.
type PersonRow struct {
	Person    exchange.Person `cbor:"1,keyasint"`
	Unit      exchange.Unit   `cbor:"2,keyasint"`
	Duties    []exchange.Duty `cbor:"3,keyasint"`
	Token     crypto.Digest   `cbor:"4,keyasint"`
	Suspended bool            `cbor:"5,keyasint,omitempty"`
}

// Submit takes a new exchange into custody.
type Submit struct {
	Manifest crypto.Signed     `cbor:"1,keyasint"`
	Receipts []crypto.Signed   `cbor:"2,keyasint"` // ACCEPTED for all, then ARRIVED for local recipients
	Inline   [][]byte          `cbor:"3,keyasint,omitempty"`
	Stored   []exchange.Stored `cbor:"4,keyasint,omitempty"`
	Lease    [16]byte          `cbor:"5,keyasint,omitempty"`
	Person   exchange.Person   `cbor:"6,keyasint"`
	Key      string            `cbor:"7,keyasint"` // idempotency key
	Content  crypto.Digest     `cbor:"8,keyasint"` // SM3 of everything handed in
	Decision exchange.Decision `cbor:"9,keyasint"`
}

// Receive takes rows of a link, in order, with what was prepared for each.
type Receive struct {
	Peer  exchange.Domain `cbor:"1,keyasint"`
	Epoch [16]byte        `cbor:"2,keyasint"` // the peer's
	Term  uint64          `cbor:"3,keyasint"`
	Rows  []ReceivedRow   `cbor:"4,keyasint"`
}

// ReceivedRow is one message with its class and sequence. Receipts were signed
// in advance: for an envelope whose chunks are inline, custody and refusals;
// for a recall, RECALLED of deliveries that may still be withdrawn.
type ReceivedRow struct {
	Class      exchange.Class     `cbor:"1,keyasint"`
	Sequence   uint64             `cbor:"2,keyasint"`
	Message    []byte             `cbor:"3,keyasint"`
	Receipts   []crypto.Signed    `cbor:"4,keyasint,omitempty"`
	Decision   *exchange.Decision `cbor:"5,keyasint,omitempty"`
	Quarantine string             `cbor:"6,keyasint,omitempty"` // why it cannot be processed
	Digest     crypto.Digest      `cbor:"7,keyasint,omitzero"`  // of a message that is too large to keep; its bytes are left out
	Voids      []Withdrawn        `cbor:"8,keyasint,omitempty"` // for a recall: what was not sent on from here
	Recalled   []crypto.Signed    `cbor:"9,keyasint,omitempty"` // for an envelope: RECALLED of what was recalled before it came
}

// Custody completes an envelope whose chunks are now on a majority.
type Custody struct {
	Exchange exchange.ID       `cbor:"1,keyasint"`
	Receipts []crypto.Signed   `cbor:"2,keyasint"`
	Stored   []exchange.Stored `cbor:"3,keyasint"`
}

// Act is a recipient's signature (签收) or return (退文).
type Act struct {
	Receipt  crypto.Signed      `cbor:"1,keyasint"`
	Decision *exchange.Decision `cbor:"2,keyasint,omitempty"`
}

// Notice is a recall or an urge by the origin. Receipts hold RECALLED for
// local recipients, and for what was not sent.
type Notice struct {
	Notice   crypto.Signed   `cbor:"1,keyasint"`
	Receipts []crypto.Signed `cbor:"2,keyasint,omitempty"`
	Voids    []Withdrawn     `cbor:"3,keyasint,omitempty"` // of what was not sent
}

// Ack moves the window of a link.
type Ack struct {
	Peer  exchange.Domain `cbor:"1,keyasint"`
	Class exchange.Class  `cbor:"2,keyasint"`
	UpTo  uint64          `cbor:"3,keyasint"`
	Epoch [16]byte        `cbor:"4,keyasint,omitzero"` // the numbering that the peer speaks of
}

// OpenLink records a peer's greeting and queues what the peer lacks.
type OpenLink struct {
	Peer        exchange.Domain            `cbor:"1,keyasint"`
	Incarnation uint64                     `cbor:"2,keyasint"`
	Term        uint64                     `cbor:"3,keyasint"`
	Epoch       [16]byte                   `cbor:"4,keyasint"` // the peer's
	KnownEpoch  [16]byte                   `cbor:"5,keyasint"` // ours, as the peer knows it
	Directory   map[exchange.Domain]uint64 `cbor:"6,keyasint"`
	Units       map[exchange.Domain]uint64 `cbor:"7,keyasint"`
	Policy      map[exchange.Domain]uint64 `cbor:"8,keyasint"`
	// ReceiveNext is, per class, the sequence of ours that the peer expects
	// next: everything below is committed there.
	ReceiveNext [exchange.ClassCount]uint64 `cbor:"9,keyasint"`
	Life        [16]byte                    `cbor:"10,keyasint,omitzero"` // the peer's; zero: as Epoch
	Session     [16]byte                    `cbor:"20,keyasint,omitzero"` // random; names the session that begins
}

// Statement is a directory, units or policy statement of this domain.
type Statement struct {
	Directory *crypto.Signed `cbor:"1,keyasint,omitempty"`
	Units     *crypto.Signed `cbor:"2,keyasint,omitempty"`
	Policy    *crypto.Signed `cbor:"3,keyasint,omitempty"`
}

// Judge records a decision that stores nothing else: a refused submission, or
// an opening.
type Judge struct {
	Exchange exchange.ID       `cbor:"1,keyasint"`
	Unit     exchange.Unit     `cbor:"2,keyasint"`
	Person   exchange.Person   `cbor:"3,keyasint"`
	Decision exchange.Decision `cbor:"4,keyasint"`
}

// Lease protects chunks of an upload that is not committed yet.
type Lease struct {
	ID    [16]byte      `cbor:"1,keyasint"`
	Unit  exchange.Unit `cbor:"2,keyasint"`
	Until exchange.Time `cbor:"3,keyasint"`
}

// Deadline ends deliveries that nobody took in time, by receipts BOUNCED or
// EXPIRED of this domain.
type Deadline struct {
	Receipts []crypto.Signed `cbor:"1,keyasint"`
	Voids    []Withdrawn     `cbor:"2,keyasint,omitempty"` // of what was not sent
}

// Result is the answer to a command, read from the ledger.
type Result struct {
	Code     exchange.Code   `cbor:"1,keyasint,omitempty"` // "": done
	Message  string          `cbor:"2,keyasint,omitempty"`
	Exchange exchange.ID     `cbor:"3,keyasint,omitzero"`
	Receipts []crypto.Signed `cbor:"4,keyasint,omitempty"`
	Replayed bool            `cbor:"5,keyasint,omitempty"`
	State    exchange.State  `cbor:"6,keyasint,omitempty"`
}

// Err turns a refusal into an error of the given operation.
func (r Result) Err(op string) error {
	if r.Code == "" {
		return nil
	}
	return &exchange.Error{Code: r.Code, Op: op, Message: r.Message}
}

// Tick is a command that moves the ledger's time and does nothing else.
func Tick(at exchange.Time) Command { return Command{Time: at, Deadline: &Deadline{}} }

// ProposedTime reads the proposer's clock from an encoded command without
// decoding the rest: it is the first field of the map.
func ProposedTime(command []byte) (exchange.Time, bool) {
	b := command
	switch {
	case len(b) > 2 && b[0] == 0xb8: // a map of 24 fields and more
		b = b[2:]
	case len(b) > 1 && b[0]&0xe0 == 0xa0:
		b = b[1:]
	default:
		return 0, false
	}
	if len(b) < 2 || b[0] != 1 {
		return 0, false
	}
	head, b := b[1], b[2:]
	if head < 24 {
		return exchange.Time(head), true
	}
	width := 1 << (head - 24)
	if head > 27 || len(b) < width {
		return 0, false
	}
	var v uint64
	for _, x := range b[:width] {
		v = v<<8 | uint64(x)
	}
	return exchange.Time(v), true
}
