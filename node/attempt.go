package node

import (
	"context"
	"net"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// attempt remembers how the last attempt to connect ended: gRPC tells its
// callers only that it failed, and an administrator has to know whether a cable
// or a certificate is to blame. It is safe for concurrent use.
type attempt struct{ failure atomic.Pointer[error] }

// why is nil after a connection that came about.
func (a *attempt) why() error {
	if e := a.failure.Load(); e != nil {
		return *e
	}
	return nil
}

func (a *attempt) note(err error) {
	if err == nil {
		a.failure.Store(nil)
		return
	}
	a.failure.Store(&err)
}

// options dial with creds and remember.
func (a *attempt) options(creds credentials.TransportCredentials) []grpc.DialOption {
	return []grpc.DialOption{grpc.WithTransportCredentials(noting{creds, a}), grpc.WithContextDialer(a.dial)}
}

func (a *attempt) dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		a.note(err)
	}
	return conn, err
}

type noting struct {
	credentials.TransportCredentials
	attempt *attempt
}

// ClientHandshake implements credentials.TransportCredentials.
func (n noting) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := n.TransportCredentials.ClientHandshake(ctx, authority, raw)
	n.attempt.note(err)
	return conn, info, err
}

// Clone implements credentials.TransportCredentials.
func (n noting) Clone() credentials.TransportCredentials {
	return noting{n.TransportCredentials.Clone(), n.attempt}
}
