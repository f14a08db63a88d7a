package channel

import (
	"net"
	"sync"
)

// Live are the connections of a node that are open now. Give one to every
// transport of the node in Options.Live, and call Recheck when the directory or
// the revocation list changes. The zero value is ready; it is safe for
// concurrent use.
type Live struct {
	mu    sync.Mutex
	conns map[*Conn]struct{}
}

// Recheck asks authorize about every open connection again, closes those that it
// refuses now, and returns how many that were. Calls on a closed connection end
// with net.ErrClosed.
func (l *Live) Recheck(authorize Authorize) int {
	closed := 0
	for _, c := range l.snapshot() {
		if authorize(c.Local, c.Peer) == nil {
			continue
		}
		closed++
		_ = c.Close() // refused: nothing is owed to it
	}
	return closed
}

// Peers returns who is connected now, in no order.
func (l *Live) Peers() []Peer {
	conns := l.snapshot()
	peers := make([]Peer, len(conns))
	for i, c := range conns {
		peers[i] = c.Peer
	}
	return peers
}

func (l *Live) snapshot() []*Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	conns := make([]*Conn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	return conns
}

func (l *Live) add(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conns == nil {
		l.conns = make(map[*Conn]struct{})
	}
	l.conns[c] = struct{}{}
}

func (l *Live) remove(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// newConn registers an authenticated connection. Authorize is asked once more
// after registration: a revocation that came between the first answer and now
// was seen by nobody else.
func (o Options) newConn(inner net.Conn, local Identity, peer Peer) (*Conn, error) {
	c := &Conn{Conn: inner, Local: local, Peer: peer, Protocol: peer.Protocol, live: o.Live}
	if o.Live == nil {
		return c, nil
	}
	o.Live.add(c)
	if err := o.Authorize(local, peer); err != nil {
		o.Live.remove(c)
		return nil, unauthorized(peer, err)
	}
	return c, nil
}
