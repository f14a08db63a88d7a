package raftnode

import (
	"context"
	"io"
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
type transport struct {
	*raft.NetworkTransport
	transfers
	layer     *streamLayer
	reference func() snapshotMeta // the newest
	stalled   func() bool         // the disk hangs
	incoming  chan raft.RPC
	closed    chan struct{}
	closing   sync.Once
}

var (
	_ raft.Transport   = (*transport)(nil)
	_ raft.WithPreVote = (*transport)(nil)
	_ raft.WithClose   = (*transport)(nil)
)

func (g *Group) newTransport(logger hclog.Logger) *transport {
	layer := &streamLayer{Stream: g.config.Stream, address: streamAddress(g.config.Address), open: map[net.Conn]bool{}}
	t := &transport{layer: layer, incoming: make(chan raft.RPC), closed: make(chan struct{}), reference: g.snapshots.latest, stalled: g.disk.stalled,
		transfers: transfers{rate: g.config.TransferRate, pause: g.config.pause, log: g.log, ending: g.ending},
		NetworkTransport: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			Stream:  layer,
			Logger:  logger,
			MaxPool: maxPool,
			Timeout: streamTimeout,
		})}
	go t.relay()
	return t
}

// SetHeartbeatHandler does nothing, so that heartbeats queue like any request.
func (*transport) SetHeartbeatHandler(func(raft.RPC)) {}

// Consumer implements raft.Transport.
func (t *transport) Consumer() <-chan raft.RPC { return t.incoming }

// relay hands requests on, in their order.
func (t *transport) relay() {
	for {
		select {
		case rpc := <-t.NetworkTransport.Consumer():
			if a, ok := rpc.Command.(*raft.AppendEntriesRequest); ok {
				t.follows(a)
			}
			select {
			case t.incoming <- rpc:
			case <-t.closed:
				return
			}
		case <-t.closed:
			return
		}
	}
}

// follows spares Raft the check that entries go on from its snapshot: the log
// has no entry there any more, or one that the snapshot contradicts, and Raft
// would ask for the snapshot again, for ever (hashicorp/raft #697).
func (t *transport) follows(a *raft.AppendEntriesRequest) {
	m := t.reference()
	if m.Index > 0 && a.PrevLogEntry == m.Index && a.PrevLogTerm == m.Term {
		a.PrevLogEntry, a.PrevLogTerm = 0, 0
	}
}

// InstallSnapshot implements raft.Transport.
func (t *transport) InstallSnapshot(id raft.ServerID, target raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	return t.send(id, data, func(paced io.Reader) (bool, error) {
		err := t.NetworkTransport.InstallSnapshot(id, target, args, resp, paced)
		return err == nil && resp.Success, err
	})
}

// Close implements raft.WithClose.
func (t *transport) Close() error {
	t.closing.Do(func() { close(t.closed) })
	return t.NetworkTransport.Close()
}

// streamLayer gives a Stream the shape Raft wants, and closes what it accepted
// and dialled when it closes. Raft itself would leave accepted connections to
// their peers, and would wait for a state on its way to or from a peer that
// hangs.
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
	c, err := l.Stream.Dial(ctx, string(address))
	if err != nil {
		return nil, err
	}
	return l.track(c)
}

// Accept implements net.Listener.
func (l *streamLayer) Accept() (net.Conn, error) {
	c, err := l.Stream.Accept()
	if err != nil {
		return nil, err
	}
	return l.track(c)
}

func (l *streamLayer) track(c net.Conn) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = c.Close() // nobody will serve it
		return nil, net.ErrClosed
	}
	l.open[c] = true
	return &tracked{Conn: c, layer: l}, nil
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

type tracked struct {
	net.Conn
	layer *streamLayer
}

func (a *tracked) Close() error {
	a.layer.mu.Lock()
	delete(a.layer.open, a.Conn)
	a.layer.mu.Unlock()
	return a.Conn.Close()
}

type streamAddress string

func (streamAddress) Network() string  { return "raft" }
func (a streamAddress) String() string { return string(a) }
