package exchange

import "github.com/yizhan-exchange/yizhan/crypto"

// ContextNotice is the context under which notices are signed.
const ContextNotice = "yizhan/notice/v1"

// Class is a queue of a link. Order holds within a class; classes are served
// by weight, so that nothing starves.
type Class uint8

// Classes, most urgent first. Control carries receipts, directory and policy.
const (
	ClassControl Class = iota
	ClassMostUrgent
	ClassUrgent
	ClassOrdinary
	ClassCount = 4
)

// ClassOf returns the class of an urgency.
func ClassOf(u Urgency) Class {
	switch u {
	case MostUrgent:
		return ClassMostUrgent
	case Urgent:
		return ClassUrgent
	}
	return ClassOrdinary
}

// Envelope is an exchange on a link: the signed manifest, the deliveries that
// this link is responsible for, the custody receipts so far, and the sealed
// chunks when they are small.
type Envelope struct {
	Manifest   crypto.Signed   `cbor:"1,keyasint"`
	Deliveries []uint16        `cbor:"2,keyasint"`
	Custody    []crypto.Signed `cbor:"3,keyasint"`           // ACCEPTED, RELAYED …, oldest first
	Inline     [][]byte        `cbor:"4,keyasint,omitempty"` // sealed chunks, in the order of Manifest.Chunks
}

// Message is what one sequence number of a link carries. Exactly one field is
// set.
type Message struct {
	Envelope  *Envelope      `cbor:"1,keyasint,omitempty"`
	Receipt   *crypto.Signed `cbor:"2,keyasint,omitempty"`
	Notice    *crypto.Signed `cbor:"3,keyasint,omitempty"`
	Directory *crypto.Signed `cbor:"4,keyasint,omitempty"`
	Units     *crypto.Signed `cbor:"5,keyasint,omitempty"`
	Policy    *crypto.Signed `cbor:"6,keyasint,omitempty"`
	Void      *crypto.Signed `cbor:"7,keyasint,omitempty"` // the row of this sequence was withdrawn before it was sent
	Back      *Back          `cbor:"20,keyasint,omitempty"`
}

// Back gives a neighbour that began a new life what it may have forgotten: an
// exchange that it sent, took in or passed on, with the receipts that are known
// here, its own among them. With Done it says instead that this was all,
// with Have it is answered.
type Back struct {
	Manifest   crypto.Signed   `cbor:"1,keyasint"`
	Deliveries []uint16        `cbor:"2,keyasint,omitempty"` // those that came from it, or went to it
	Receipts   []crypto.Signed `cbor:"3,keyasint,omitempty"` // the road to this domain first
	Inline     [][]byte        `cbor:"4,keyasint,omitempty"`
	Done       [16]byte        `cbor:"5,keyasint,omitzero"`  // the life to which everything of this class was given back
	Have       ID              `cbor:"6,keyasint,omitzero"`  // the answer: its chunks were fetched again
	Lacks      bool            `cbor:"7,keyasint,omitempty"` // its chunks are lost here: whoever has some offers them
}

// Void is what Message.Void signs, under crypto.ContextVoid: the message of a
// sequence was withdrawn before it was sent, so that the numbering has no gap.
type Void struct {
	From     Domain   `cbor:"1,keyasint"`
	To       Domain   `cbor:"2,keyasint"`
	Epoch    [16]byte `cbor:"3,keyasint"` // the sender's
	Class    Class    `cbor:"4,keyasint"`
	Sequence uint64   `cbor:"5,keyasint"`
	At       Time     `cbor:"6,keyasint"`
}

// Valid reports whether exactly one field is set.
func (m *Message) Valid() bool {
	n := 0
	for _, set := range []bool{m.Envelope != nil, m.Receipt != nil, m.Notice != nil, m.Directory != nil, m.Units != nil, m.Policy != nil, m.Void != nil, m.Back != nil} {
		if set {
			n++
		}
	}
	return n == 1
}
