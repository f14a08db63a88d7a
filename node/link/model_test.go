package link

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
)

// model is a station in memory: the numbering, the cursors and the refusals of
// the real one, and nothing durable. Address is sha256 here, which nothing in
// this package depends on.
type model struct {
	mu      sync.Mutex
	self    exchange.Domain
	term    uint64
	changed chan struct{}
	books   map[exchange.Domain]*book
	fault   func(op string) error          // nil: none; called without the lock
	after   func(op string) error          // as fault, when the effect has happened
	onRow   func(delivery.Row)             // called for each committed row, in order
	onChunk func(crypto.Digest)            // called before each stored chunk
	greeted func(theirs delivery.Greeting) // called by Open
}

type book struct {
	epoch, peerEpoch [16]byte
	term             uint64
	rows             [exchange.ClassCount][]delivery.Row // queued since the beginning
	acked            [exchange.ClassCount]uint64
	got              [exchange.ClassCount][][]byte
	wanted           []crypto.Digest
	stored           map[crypto.Digest][]byte
	twice            int // chunks stored more than once
	serve            map[crypto.Digest][]byte
	ackCommits       int
}

func newModel(self exchange.Domain, term uint64) *model {
	return &model{self: self, term: term, changed: make(chan struct{}), books: map[exchange.Domain]*book{}}
}

func (m *model) book(peer exchange.Domain) *book {
	b := m.books[peer]
	if b == nil {
		b = &book{epoch: sha16(string(m.self) + string(peer)), stored: map[crypto.Digest][]byte{}, serve: map[crypto.Digest][]byte{}}
		m.books[peer] = b
	}
	return b
}

func sha16(s string) [16]byte { d := sha256.Sum256([]byte(s)); return [16]byte(d[:16]) }

func (m *model) bump() { close(m.changed); m.changed = make(chan struct{}) }

func (m *model) failing(f func(string) error, op string) error {
	if f == nil {
		return nil
	}
	return f(op)
}

func (m *model) queue(peer exchange.Domain, c exchange.Class, messages ...[]byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.book(peer)
	for _, msg := range messages {
		b.rows[c] = append(b.rows[c], delivery.Row{Class: c, Sequence: uint64(len(b.rows[c]) + 1), Message: msg})
	}
	m.bump()
}

func (m *model) offer(peer exchange.Domain, data []byte) crypto.Digest {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := crypto.Digest(sha256.Sum256(data))
	m.book(peer).serve[d] = data
	m.bump()
	return d
}

func (m *model) want(peer exchange.Domain, ds ...crypto.Digest) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.book(peer)
	b.wanted = append(b.wanted, ds...)
	m.bump()
}

func (m *model) look(peer exchange.Domain, f func(*book)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m.book(peer))
}

// Greet implements delivery.Station.
func (m *model) Greet(_ context.Context, peer exchange.Domain) (delivery.Greeting, error) {
	if err := m.failing(m.fault, "greet"); err != nil {
		return delivery.Greeting{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.book(peer)
	g := delivery.Greeting{Domain: m.self, Incarnation: 1, Term: m.term, SendEpoch: b.epoch, ReceiveEpoch: b.peerEpoch}
	for c := range g.ReceiveNext {
		g.ReceiveNext[c] = uint64(len(b.got[c]) + 1)
	}
	return g, nil
}

// Open implements delivery.Station.
func (m *model) Open(_ context.Context, peer exchange.Domain, theirs delivery.Greeting) (delivery.Session, error) {
	if err := m.failing(m.fault, "open"); err != nil {
		return delivery.Session{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.book(peer)
	if theirs.Term < b.term {
		return delivery.Session{}, &exchange.Error{Code: exchange.Denied, Message: "a higher term was seen", Problems: []exchange.Problem{{Code: "fenced"}}}
	}
	if m.greeted != nil {
		m.greeted(theirs)
	}
	b.term, b.peerEpoch = theirs.Term, theirs.SendEpoch
	return delivery.Session{Peer: peer, Term: theirs.Term, PeerEpoch: theirs.SendEpoch}, nil
}

// Receive implements delivery.Station.
func (m *model) Receive(ctx context.Context, s delivery.Session, rows []delivery.Row) error {
	if err := m.failing(m.fault, "receive"); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return exchange.Errorf(exchange.Unknown, "model", "interrupted")
	}
	if err := m.commit(s, rows); err != nil {
		return err
	}
	return m.failing(m.after, "receive")
}

func (m *model) commit(s delivery.Session, rows []delivery.Row) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.book(s.Peer)
	if s.Term < b.term || s.PeerEpoch != b.peerEpoch {
		return exchange.Errorf(exchange.Denied, "model", "fenced")
	}
	size := 0
	for _, r := range rows {
		next := uint64(len(b.got[r.Class]) + 1)
		if r.Sequence > next {
			return exchange.Errorf(exchange.Conflict, "model", "a gap")
		}
		if r.Sequence == next {
			b.got[r.Class] = append(b.got[r.Class], r.Message)
			if m.onRow != nil {
				m.onRow(r)
			}
		}
		size += len(r.Message)
	}
	if len(rows) > batchRows || (len(rows) > 1 && size > batchBytes) {
		return exchange.Errorf(exchange.Internal, "model", "the batch does not fit an entry")
	}
	m.bump()
	return nil
}

// Acknowledged implements delivery.Station.
func (m *model) Acknowledged(_ context.Context, s delivery.Session, c exchange.Class, upTo uint64) error {
	if err := m.failing(m.fault, "acknowledged"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.book(s.Peer)
	b.acked[c] = max(b.acked[c], upTo)
	b.ackCommits++
	m.bump()
	return nil
}

// Next implements delivery.Station.
func (m *model) Next(peer exchange.Domain, c exchange.Class, above uint64, limit, maxBytes int) ([]delivery.Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []delivery.Row
	rows := m.book(peer).rows[c]
	for _, r := range rows[min(above, uint64(len(rows))):] {
		if len(out) == limit || (len(out) > 0 && maxBytes < len(r.Message)) {
			break
		}
		maxBytes -= len(r.Message)
		out = append(out, r)
	}
	return out, nil
}

// Changed implements delivery.Station.
func (m *model) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

// Wanted implements delivery.Station.
func (m *model) Wanted(peer exchange.Domain, limit int) ([]crypto.Digest, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []crypto.Digest
	b := m.book(peer)
	for _, d := range b.wanted {
		if _, ok := b.stored[d]; !ok && len(out) < limit {
			out = append(out, d)
		}
	}
	return out, nil
}

// PutChunk implements delivery.Station.
func (m *model) PutChunk(_ context.Context, s delivery.Session, d crypto.Digest, data []byte) error {
	if err := m.failing(m.fault, "put"); err != nil {
		return err
	}
	if m.onChunk != nil {
		m.onChunk(d)
	}
	if crypto.Digest(sha256.Sum256(data)) != d {
		return exchange.Errorf(exchange.Corrupt, "model", "not that chunk")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.book(s.Peer)
	if b.stored[d] != nil {
		b.twice++
	}
	b.stored[d] = data
	m.bump()
	return nil
}

// Chunk implements delivery.Station.
func (m *model) Chunk(_ context.Context, peer exchange.Domain, d crypto.Digest) ([]byte, error) {
	if err := m.failing(m.fault, "chunk"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if data, ok := m.book(peer).serve[d]; ok {
		return data, nil
	}
	return nil, exchange.Errorf(exchange.NotFound, "model", "not here")
}

// chunkOf makes a chunk that no other number gives.
func chunkOf(n uint64, size int) []byte {
	data := make([]byte, max(size, 8))
	binary.BigEndian.PutUint64(data, n)
	return data
}

var _ delivery.Station = (*model)(nil)

// eventually polls, because what is waited for happens on other goroutines.
func eventually(d time.Duration, ok func() bool) bool {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return true
		}
	}
	return ok()
}
