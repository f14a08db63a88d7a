package channel_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/channel"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
)

const (
	county = "320582"
	city   = "320500"
)

// world is one federation with its authority, on one provider and transport.
type world struct {
	t        testing.TB
	provider sm.Provider
	ca       *trust.CA
	verifier *trust.Verifier
	make     func(channel.Options) (channel.Transport, error)
}

// everywhere runs a test on both transports with both providers.
func everywhere(t *testing.T, run func(t *testing.T, w *world)) {
	t.Helper()
	for _, transport := range []string{"tls", "tlcp"} {
		for _, provider := range []string{sm.Emmansun, sm.TJFOC} {
			t.Run(transport+"/"+provider, func(t *testing.T) {
				t.Parallel()
				run(t, newWorld(t, transport, provider))
			})
		}
	}
}

func newWorld(t testing.TB, transport, provider string) *world {
	t.Helper()
	p, err := sm.New(provider)
	check(t, err)
	ca, err := trust.NewCA(p, rand.Reader, "Trial Root", time.Now().Add(-24*time.Hour), 10*365*24*time.Hour)
	check(t, err)
	w := &world{t: t, provider: p, ca: ca, make: channel.NewTLS}
	if transport == "tlcp" {
		w.make = channel.NewTLCP
	}
	w.verifier = w.believing(ca)
	return w
}

func (w *world) believing(cas ...*trust.CA) *trust.Verifier {
	a := trust.Anchor{Root: "320000"}
	for _, ca := range cas {
		a.CAs = append(a.CAs, ca.Certificate.Raw)
	}
	v, err := trust.NewVerifier(w.provider, a)
	check(w.t, err)
	return v
}

func (w *world) keys() trust.Keys {
	sign, err := w.provider.GenerateKey(rand.Reader)
	check(w.t, err)
	encrypt, err := w.provider.GenerateKey(rand.Reader)
	check(w.t, err)
	return trust.Keys{Sign: sign, Encrypt: encrypt}
}

func (w *world) domain(name string) channel.Identity { return w.domainBy(w.ca, name) }

func (w *world) domainBy(ca *trust.CA, name string) channel.Identity {
	k := w.keys()
	pair, err := ca.IssuePair(name, k.Sign.Public(), k.Encrypt.Public())
	check(w.t, err)
	return channel.NewIdentity(k, pair, 7)
}

func (w *world) replica(domain, name string) channel.Identity {
	k := w.keys()
	pair, err := w.ca.IssueReplica(domain, name, k.Sign.Public(), k.Encrypt.Public())
	check(w.t, err)
	return channel.NewIdentity(k, pair, 3)
}

// options are those of a node that hosts the given identities.
func (w *world) options(hosted ...channel.Identity) channel.Options {
	return channel.Options{
		Provider: w.provider, Trust: w.verifier, Timeout: 20 * time.Second,
		Host: func(domain, protocol string) (channel.Identity, bool) {
			want := trust.RoleReplica
			if protocol == channel.ProtocolLink {
				want = trust.RoleDomain
			}
			for _, id := range hosted {
				if id.Domain == domain && id.Role == want {
					return id, true
				}
			}
			return channel.Identity{}, false
		},
	}
}

func (w *world) transport(o channel.Options) channel.Transport {
	t, err := w.make(o)
	check(w.t, err)
	return t
}

type outcome struct {
	conn *channel.Conn
	err  error
}

// meet connects a client and a server over TCP and returns both results.
func meet(t testing.TB, client, server channel.Transport, self channel.Identity, domain, protocol string) (c, s outcome) {
	t.Helper()
	a, b := tcpPair(t)
	c, s = meetOn(client, server, a, b, self, domain, protocol)
	for _, o := range []outcome{c, s} {
		if o.conn != nil {
			t.Cleanup(func() { o.conn.Close() })
		}
	}
	return c, s
}

// meetOn is meet over connections of the caller's.
func meetOn(client, server channel.Transport, a, b net.Conn, self channel.Identity, domain, protocol string) (c, s outcome) {
	ctx := context.Background()
	done := make(chan outcome, 1)
	go func() {
		conn, err := server.Server(ctx, b)
		done <- outcome{conn, err}
	}()
	c.conn, c.err = client.Client(ctx, a, self, domain, protocol)
	return c, <-done
}

// link is meet for a pair that is expected to succeed.
func link(t testing.TB, w *world) (client, server *channel.Conn) {
	t.Helper()
	a, b := w.domain(county), w.domain(city)
	c, s := meet(t, w.transport(w.options(a)), w.transport(w.options(b)), a, city, channel.ProtocolLink)
	check(t, c.err)
	check(t, s.err)
	return c.conn, s.conn
}

func tcpPair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer ln.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := ln.Accept()
		accepted <- c
	}()
	client, err = net.Dial("tcp", ln.Addr().String())
	check(t, err)
	server = <-accepted
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused fails the test unless err is of the class.
func refused(t testing.TB, err, class error) {
	t.Helper()
	if !errors.Is(err, class) {
		t.Fatalf("got %v, want %v", err, class)
	}
}
