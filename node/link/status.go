package link

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// States of a link in exchange.LinkStatus.
const (
	StateConnected = "connected"
	StateDialing   = "dialing" // child: trying or waiting to try; parent: waiting for the child
	StateRefused   = "refused" // somebody has to act; tried again near the ceiling
	StateOff       = "off"     // this replica does not lead
)

// Directions of a link in exchange.LinkStatus.
const (
	DirectionUp   = "up"
	DirectionDown = "down"
)

// Counters count since the start of the process. They may be read at any time.
type Counters struct {
	Sessions             atomic.Uint64 // opened
	Refused              atomic.Uint64 // handshakes that failed, by either end
	MessagesSent         atomic.Uint64 // again ones included
	MessageBytesSent     atomic.Uint64
	MessagesReceived     atomic.Uint64 // duplicates included
	MessageBytesReceived atomic.Uint64
	Batches              atomic.Uint64 // Station.Receive
	AcksSent             atomic.Uint64
	AcksReceived         atomic.Uint64
	AckCommits           atomic.Uint64 // Station.Acknowledged
	ChunksRequested      atomic.Uint64
	ChunksSent           atomic.Uint64
	ChunkBytesSent       atomic.Uint64
	ChunksReceived       atomic.Uint64
	ChunkBytesReceived   atomic.Uint64
	ChunksStored         atomic.Uint64
	ChunksMissing        atomic.Uint64 // asked for and not held by the peer
	ChunksRejected       atomic.Uint64 // not wanted any more, or corrupt
	Panics               atomic.Uint64 // recovered; each is a defect
}

// status adds the counts that people are shown.
func (c *Counters) status(s *state) exchange.LinkStatus {
	out := s.status()
	out.ChunksSent, out.ChunksReceived = c.ChunksSent.Load(), c.ChunksReceived.Load()
	return out
}

// state is what people are shown of one link. It is safe for concurrent use.
type state struct {
	mu   sync.Mutex
	s    exchange.LinkStatus
	said *Said // nil until the peer spoke of the numbering in force
}

func newState(peer exchange.Domain, direction, initial string) *state {
	return &state{s: exchange.LinkStatus{Peer: peer, Direction: direction, State: initial}}
}

func (s *state) status() exchange.LinkStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.s
}

func (s *state) set(state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.State = state
}

// connected notes an open session.
func (s *state) connected(resync bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.State, s.s.LastError = StateConnected, ""
	if resync {
		s.s.Resyncs++
	}
}

func (s *state) skew(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.SkewMs = d.Milliseconds()
}

// failed notes why a session ended or did not begin, and reports whether that
// is news.
func (s *state) failed(c *closure) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	news = s.s.LastError != c.Error()
	s.s.State, s.s.LastError = StateDialing, c.Error()
	if c.pace() == slow {
		s.s.State = StateRefused
	}
	return news
}
