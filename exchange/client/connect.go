package client

import (
	"context"
	"errors"
	"net"
	"sync/atomic"

	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// connect waits until the endpoint is connected. Nothing was sent when it
// returns false: that is how a refusal is told from an unknown outcome.
func (e *endpoint) connect(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, connectWait)
	defer cancel()
	if e.conn.GetState() == connectivity.TransientFailure {
		e.conn.ResetConnectBackoff()
		short, cancel := context.WithTimeout(ctx, connectWait/10)
		defer cancel()
		e.conn.WaitForStateChange(short, connectivity.TransientFailure)
	}
	for {
		s := e.conn.GetState()
		switch s {
		case connectivity.Ready:
			return true
		case connectivity.TransientFailure, connectivity.Shutdown:
			return false
		case connectivity.Idle:
			e.conn.Connect()
		}
		if !e.conn.WaitForStateChange(ctx, s) {
			return false
		}
	}
}

// unreachable says why the endpoint is not connected: a refused connection and
// an unknown certificate need different people.
func (e *endpoint) unreachable(op string) *exchange.Error {
	if why := e.why.Load(); why != nil {
		return exchange.Errorf(exchange.Unavailable, op, "no connection to %s: %w", e.address, root(*why))
	}
	return exchange.Errorf(exchange.Unavailable, op, "no connection to %s", e.address)
}

// root drops the layers that only repeat the address.
func root(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func (e *endpoint) dial(ctx context.Context, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		e.why.Store(&err)
	}
	return c, err
}

// noting are transport credentials that note why a handshake failed.
type noting struct {
	credentials.TransportCredentials
	why *atomic.Pointer[error]
}

// ClientHandshake implements credentials.TransportCredentials.
func (n noting) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, info, err := n.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		n.why.Store(&err)
	}
	return c, info, err
}

// Clone implements credentials.TransportCredentials.
func (n noting) Clone() credentials.TransportCredentials {
	return noting{n.TransportCredentials.Clone(), n.why}
}
