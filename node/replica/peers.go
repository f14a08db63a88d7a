package replica

import (
	"errors"
	"sync"

	"github.com/yizhan-exchange/yizhan/exchange"
	"google.golang.org/grpc"
)

// Dial makes a client connection to a replica of a domain, authenticated both
// ways. It does not wait for the connection to stand.
type Dial func(d exchange.Domain, r exchange.Replica) (*grpc.ClientConn, error)

// Peers keeps one connection to each replica of one domain. Methods are safe
// for concurrent use.
type Peers struct {
	domain exchange.Domain
	dial   Dial

	mu      sync.Mutex // guards clients; nil once closed
	clients map[exchange.Replica]*Client
}

// NewPeers returns the peers of a domain. Connections are made when needed.
func NewPeers(d exchange.Domain, dial Dial) *Peers {
	return &Peers{domain: d, dial: dial, clients: map[exchange.Replica]*Client{}}
}

// Client returns the client of a replica. Code Unavailable when its address is
// unknown or Close was called.
func (p *Peers) Client(r exchange.Replica) (*Client, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clients == nil {
		return nil, exchange.Errorf(exchange.Unavailable, opClient, "this node is shutting down")
	}
	if c := p.clients[r]; c != nil {
		return c, nil
	}
	conn, err := p.dial(p.domain, r)
	if err != nil {
		return nil, exchange.Errorf(exchange.Unavailable, opClient, "%s cannot be dialled: %w", r, err)
	}
	c := NewClient(p.domain, r, conn)
	p.clients[r] = c
	return c, nil
}

// Forget closes the connection to a replica: its address changed, or it left.
func (p *Peers) Forget(r exchange.Replica) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.clients[r]
	if c == nil {
		return nil
	}
	delete(p.clients, r)
	return c.conn.Close()
}

// Close closes all connections.
func (p *Peers) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, c := range p.clients {
		errs = append(errs, c.conn.Close())
	}
	p.clients = nil
	return errors.Join(errs...)
}
