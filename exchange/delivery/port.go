// Package delivery moves a domain's messages over its links: what to send
// next, what arrived, which chunks are missing. It decides and commits; the
// bytes are moved by node/link.
package delivery

import (
	"context"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Greeting is what one side of a link says about itself when a session opens
// (DESIGN §6).
type Greeting struct {
	Domain       exchange.Domain
	Incarnation  uint64
	Term         uint64
	Clock        exchange.Time
	SendEpoch    [16]byte
	ReceiveEpoch [16]byte // the peer's numbering as known here; zero at first contact
	ReceiveNext  [exchange.ClassCount]uint64
	Directory    map[exchange.Domain]uint64
	Units        map[exchange.Domain]uint64
	Policy       map[exchange.Domain]uint64

	// Life names the life that the domain is in; Reason and Since say why it
	// began and how old the state was that it began from. Admission is the
	// statement that states a raised incarnation, for peers that do not have it.
	Life      [16]byte
	Reason    string
	Since     exchange.Time
	Admission *crypto.Signed
}

// Session is an open session with one neighbour, fenced by its term.
type Session struct {
	Peer      exchange.Domain
	Term      uint64 // the peer's Raft term
	PeerEpoch [16]byte
	ID        [16]byte // random; which session it is, for Closer
	SendEpoch [16]byte // the numbering of what is sent in it
}

// Closer is a Station that wants to know when a session has ended. What is
// queued after that, and until the next one opens, was certainly not sent.
type Closer interface {
	// Closed is called once for each session that ran, by whoever ran it,
	// after its last row went out. A session that is not the latest is passed
	// over; one that is not told of counts as open, which is always safe.
	Closed(ctx context.Context, s Session) error
}

// Row is one numbered message of a link.
type Row struct {
	Class    exchange.Class
	Sequence uint64 // 1, 2, 3 … within class and epoch
	Message  []byte // exchange.Message, encoded
}

// Station is one domain's end of all its links. Its methods may be called
// concurrently, and fail with *exchange.Error: Unavailable and Unknown are
// worth another try, Denied and Conflict end the session.
type Station interface {
	// Greet returns what this domain says to peer now.
	Greet(ctx context.Context, peer exchange.Domain) (Greeting, error)
	// Open commits the peer's greeting: a lower incarnation or term than known
	// is refused with Denied ("fenced"), and an incarnation that the directory
	// does not state as well (the first problem has the code "incarnation"). A
	// new life of the peer begins an explicit resynchronisation. It also queues directory, units and policy statements
	// that the peer lacks.
	Open(ctx context.Context, peer exchange.Domain, theirs Greeting) (Session, error)
	// Receive commits rows in order and returns when they are durable here on
	// a majority; only then may they be acknowledged. Rows at or below the
	// cursor are ignored. A gap fails with Conflict.
	Receive(ctx context.Context, s Session, rows []Row) error
	// Acknowledged commits that the peer has everything of a class up to a
	// sequence.
	Acknowledged(ctx context.Context, s Session, class exchange.Class, upTo uint64) error
	// Next reads queued rows of a class above a sequence, from local state:
	// at most max rows and about maxBytes bytes, at least one row if any.
	Next(peer exchange.Domain, class exchange.Class, above uint64, max int, maxBytes int) ([]Row, error)
	// Changed is closed at the next change of local state.
	Changed() <-chan struct{}
	// Wanted lists chunks that envelopes from peer still lack here, most
	// urgent first, at most max.
	Wanted(peer exchange.Domain, max int) ([]crypto.Digest, error)
	// PutChunk checks and stores a chunk on a majority. When an envelope is
	// complete, custody is signed and committed. Chunks nobody waits for are
	// refused with Denied.
	PutChunk(ctx context.Context, s Session, address crypto.Digest, data []byte) error
	// Chunk returns a chunk of an envelope that travels to peer; any other
	// address is NotFound.
	Chunk(ctx context.Context, peer exchange.Domain, address crypto.Digest) ([]byte, error)
}
