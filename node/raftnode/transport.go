package raftnode

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

const (
	maxPool       = 3
	streamTimeout = 10 * time.Second
)

// transport is Raft's network transport without its heartbeat fast path, which
// races the term of the main loop (hashicorp/raft #695).
type transport struct{ *raft.NetworkTransport }

// SetHeartbeatHandler does nothing, so that heartbeats queue like any request.
func (transport) SetHeartbeatHandler(func(raft.RPC)) {}

func newTransport(s Stream, address string, logger hclog.Logger) transport {
	return transport{raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream:  &streamLayer{Stream: s, address: streamAddress(address), open: map[net.Conn]bool{}},
		Logger:  logger,
		MaxPool: maxPool,
		Timeout: streamTimeout,
	})}
}

// streamLayer gives a Stream the shape Raft wants, and closes what it accepted
// when it closes: Raft itself would leave those connections to their peers.
type streamLayer struct {
	Stream
	address streamAddress

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
}

// Dial implements raft.StreamLayer.
func (l *streamLayer) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return l.Stream.Dial(ctx, string(address))
}

// Accept implements net.Listener.
func (l *streamLayer) Accept() (net.Conn, error) {
	c, err := l.Stream.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = c.Close() // nobody will serve it
		return nil, net.ErrClosed
	}
	l.open[c] = true
	return &accepted{Conn: c, layer: l}, nil
}

// Addr returns the advertised address, which is the replica's name to Raft.
func (l *streamLayer) Addr() net.Addr { return l.address }

// Close implements net.Listener.
func (l *streamLayer) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for c := range l.open {
		_ = c.Close() // the peer dials again if it still cares
	}
	clear(l.open)
	return l.Stream.Close()
}

type accepted struct {
	net.Conn
	layer *streamLayer
}

func (a *accepted) Close() error {
	a.layer.mu.Lock()
	delete(a.layer.open, a.Conn)
	a.layer.mu.Unlock()
	return a.Conn.Close()
}

type streamAddress string

func (streamAddress) Network() string  { return "raft" }
func (a streamAddress) String() string { return string(a) }
