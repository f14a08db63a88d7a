package api

import (
	"errors"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/credentials"
)

const (
	handshakeTime = 10 * time.Second
	// stallsAllowed of one connection are ended alone; the next ends the
	// connection, for what a stalled stream had under way stays in memory until
	// its peer reads or is gone.
	stallsAllowed = 3
)

// connections is a listener that lets in a bounded number, and of one address
// at most half of them. Others are closed at once.
type connections struct {
	net.Listener
	most int

	mu      sync.Mutex
	from    map[string]int
	open    int
	refused uint64
}

func newConnections(l net.Listener, most int) *connections {
	return &connections{Listener: l, most: most, from: map[string]int{}}
}

// Accept implements net.Listener.
func (c *connections) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address := host(conn.RemoteAddr().String())
		if c.enter(address) {
			return &counted{Conn: conn, leave: sync.OnceFunc(func() { c.exit(address) })}, nil
		}
		_ = conn.Close() // whoever was refused tries again
	}
}

func (c *connections) enter(address string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open >= c.most || c.from[address] >= max(1, c.most/2) {
		c.refused++
		return false
	}
	c.open++
	c.from[address]++
	return true
}

func (c *connections) exit(address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if c.from[address]--; c.from[address] == 0 {
		delete(c.from, address)
	}
}

func (c *connections) status() (open int, refused uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open, c.refused
}

// counted is a connection that was let in.
type counted struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}

func host(address string) string {
	if h, _, err := net.SplitHostPort(address); err == nil {
		return h
	}
	return address
}

// turns lets a few go on at a time, the newest first: in a storm of
// connections it is better that some are fast than that all are late.
type turns struct {
	mu      sync.Mutex
	free    int
	waiting []chan struct{}
}

// newTurns leaves half of the processors to calls that are under way.
func newTurns() *turns { return &turns{free: max(1, runtime.GOMAXPROCS(0)/2)} }

func (t *turns) take(patience time.Duration) bool {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return true
	}
	turn := make(chan struct{})
	t.waiting = append(t.waiting, turn)
	t.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-turn:
		return true
	case <-timer.C:
		return !t.abandon(turn)
	}
}

// abandon takes a turn out of those that wait; false when it has just come.
func (t *turns) abandon(turn chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, w := range t.waiting {
		if w == turn {
			t.waiting = append(t.waiting[:i], t.waiting[i+1:]...)
			return true
		}
	}
	return false
}

func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.waiting) - 1; n >= 0 {
		close(t.waiting[n])
		t.waiting = t.waiting[:n]
		return
	}
	t.free++
}

// careful are credentials whose handshakes take turns on the processor, but
// not while they wait for the peer.
type careful struct {
	credentials.TransportCredentials
	turns *turns
}

// ServerHandshake implements credentials.TransportCredentials.
func (c careful) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	p := &paced{Conn: raw, turns: c.turns}
	conn, info, err := c.TransportCredentials.ServerHandshake(p)
	p.end()
	return conn, connInfo{info, p}, err
}

// Clone implements credentials.TransportCredentials.
func (c careful) Clone() credentials.TransportCredentials {
	return careful{c.TransportCredentials.Clone(), c.turns}
}

// connInfo is what is known of a connection, besides who it is.
type connInfo struct {
	credentials.AuthInfo
	conn *paced
}

// paced is a connection during its handshake, and afterwards.
type paced struct {
	net.Conn
	turns   *turns
	has, up bool // a turn; the handshake is over. Of the handshake's goroutine, then constant
	stalls  atomic.Int32
}

var errNoTurn = errors.New("too many handshakes at once")

// Read implements net.Conn. What follows a read is work.
func (p *paced) Read(b []byte) (int, error) {
	if p.up {
		return p.Conn.Read(b)
	}
	p.rest()
	n, err := p.Conn.Read(b)
	if err != nil {
		return n, err
	}
	if p.has = p.turns.take(handshakeTime); !p.has {
		return n, errNoTurn
	}
	return n, nil
}

func (p *paced) rest() {
	if p.has {
		p.has = false
		p.turns.give()
	}
}

func (p *paced) end() {
	p.rest()
	p.up = true
}

// stalled counts a stream that was ended because its reader took nothing.
func (p *paced) stalled() {
	if p.stalls.Add(1) > stallsAllowed {
		_ = p.Conn.Close() // the transport notices
	}
}
