package raftnode

import (
	"context"
	"errors"
	"net"
	"sync"
)

// network lets tests cut replicas off from each other. Only connections made
// through it can be cut, which are all of a cluster whose Config it tunes.
type network struct {
	mu    sync.Mutex
	gone  map[string]bool // addresses that are cut off
	open  map[net.Conn][2]string
	stall func(from, to string, n int, closed <-chan struct{}) // called before n bytes are written; may wait until closed
}

func newNetwork() *network {
	return &network{gone: map[string]bool{}, open: map[net.Conn][2]string{}}
}

// through wraps the stream of a configuration.
func (n *network) through(c *Config) { c.Stream = &wire{c.Stream, n, c.Address} }

// cut ends the connections of an address and refuses new ones.
func (n *network) cut(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gone[address] = true
	for c, ends := range n.open {
		if ends[0] == address || ends[1] == address {
			_ = c.Close()
			delete(n.open, c)
		}
	}
}

func (n *network) heal(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.gone, address)
}

type wire struct {
	Stream
	net  *network
	self string
}

func (w *wire) Dial(ctx context.Context, address string) (net.Conn, error) {
	c, err := w.Stream.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	w.net.mu.Lock()
	defer w.net.mu.Unlock()
	if w.net.gone[w.self] || w.net.gone[address] {
		return nil, errors.Join(errors.New("cut off"), c.Close())
	}
	w.net.open[c] = [2]string{w.self, address}
	return &slow{Conn: c, wire: w, to: address, closed: make(chan struct{})}, nil
}

// slow is the dialler's end of a connection.
type slow struct {
	net.Conn
	wire   *wire
	to     string
	closed chan struct{}
	once   sync.Once
}

func (s *slow) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

func (s *slow) Write(p []byte) (int, error) {
	s.wire.net.mu.Lock()
	stall := s.wire.net.stall
	s.wire.net.mu.Unlock()
	if stall != nil {
		stall(s.wire.self, s.to, len(p), s.closed)
	}
	return s.Conn.Write(p)
}

func tuned(n *network, more func(*Config)) func(*Config) {
	return func(c *Config) {
		if more != nil {
			more(c)
		}
		n.through(c)
	}
}
