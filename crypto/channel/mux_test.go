package channel_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/yizhan-exchange/yizhan/crypto/channel"
)

// serve runs a Mux on a free port until the test ends.
func serve(t *testing.T, w *world, o channel.MuxOptions, hosted ...channel.Identity) *channel.Mux {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	m := channel.NewMux(ln, w.transport(w.options(hosted...)), o)
	done := make(chan error, 1)
	go func() { done <- m.Serve() }()
	t.Cleanup(func() {
		check(t, m.Close())
		check(t, <-done)
	})
	return m
}

func dial(t *testing.T, w *world, m *channel.Mux, self channel.Identity, domain, protocol string) *channel.Conn {
	t.Helper()
	c, err := channel.Dial(context.Background(), w.transport(w.options(self)), m.Addr().String(), self, domain, protocol)
	check(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestOnePortServesEveryProtocolAndDomain(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		raftCounty, raftCity, self := w.replica(county, "county-1"), w.replica(city, "city-1"), w.domain(city)
		m := serve(t, w, channel.MuxOptions{}, raftCounty, raftCity, self)
		listeners := map[string]net.Listener{
			"raft county": m.Listen(channel.ProtocolRaft, county),
			"raft others": m.Listen(channel.ProtocolRaft, ""),
			"links":       m.Listen(channel.ProtocolLink, ""),
		}
		for _, c := range []struct {
			want             string
			self             channel.Identity
			domain, protocol string
		}{
			{"raft county", w.replica(county, "county-2"), county, channel.ProtocolRaft},
			{"raft others", w.replica(city, "city-2"), city, channel.ProtocolRaft},
			{"links", w.domain(county), city, channel.ProtocolLink},
		} {
			out := dial(t, w, m, c.self, c.domain, c.protocol)
			in, err := listeners[c.want].Accept()
			check(t, err)
			if got := in.(*channel.Conn); got.Peer.Domain != c.self.Domain || got.Protocol != c.protocol || got.Local.Domain != c.domain {
				t.Errorf("%s received %s", c.want, got.Peer)
			}
			go out.Write([]byte("!"))
			check(t, first(io.ReadFull(in, make([]byte, 1))))
		}
	})
}

func TestAProtocolThatNobodyServesIsClosed(t *testing.T) {
	w := newWorld(t, "tls", "emmansun")
	failed := make(chan error, 1)
	m := serve(t, w, channel.MuxOptions{OnError: func(_ net.Addr, err error) { failed <- err }}, w.domain(city))
	c := dial(t, w, m, w.domain(county), city, channel.ProtocolLink)
	if err := first(c.Read(make([]byte, 1))); err == nil {
		t.Error("somebody answers")
	}
	if err := <-failed; err == nil {
		t.Error("nobody was told")
	}
}

func TestStrangersWhoStallDoNotKeepAnybodyOut(t *testing.T) {
	w := newWorld(t, "tls", "emmansun")
	var mu sync.Mutex
	var failures int
	m := serve(t, w, channel.MuxOptions{MaxHandshakes: 8, OnError: func(net.Addr, error) { mu.Lock(); failures++; mu.Unlock() }}, w.domain(city))
	links := m.Listen(channel.ProtocolLink, "")
	var stalled []net.Conn
	for range 3 { // of the four that one address may have in flight
		c, err := net.Dial("tcp", m.Addr().String())
		check(t, err)
		defer c.Close()
		stalled = append(stalled, c)
	}
	time.Sleep(20 * time.Millisecond)
	dial(t, w, m, w.domain(county), city, channel.ProtocolLink)
	check(t, first(links.Accept()))
	for range 2 { // one too many
		c, err := net.Dial("tcp", m.Addr().String())
		check(t, err)
		defer c.Close()
		stalled = append(stalled, c)
	}
	last := stalled[len(stalled)-1]
	check(t, last.SetReadDeadline(time.Now().Add(3*time.Second)))
	if err := first(last.Read(make([]byte, 1))); !errors.Is(err, io.EOF) && !isReset(err) {
		t.Errorf("one address holds more than its share: %v", err)
	}
}

func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

func TestClosingTheMuxEndsItsListenersAndHandshakes(t *testing.T) {
	w := newWorld(t, "tlcp", "emmansun")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	m := channel.NewMux(ln, w.transport(w.options(w.domain(city))), channel.MuxOptions{})
	l := m.Listen(channel.ProtocolLink, city)
	if err := first(m.Listen(channel.ProtocolLink, city).Accept()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("one route has two listeners: %v", err)
	}
	served, accepted := make(chan error, 1), make(chan error, 1)
	go func() { served <- m.Serve() }()
	go func() { accepted <- first(l.Accept()) }()
	stalled, err := net.Dial("tcp", ln.Addr().String())
	check(t, err)
	defer stalled.Close()
	time.Sleep(20 * time.Millisecond)
	start := time.Now()
	check(t, m.Close())
	check(t, <-served)
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept ended with %v", err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("Close took %v", took)
	}
	if err := first(m.Listen(channel.ProtocolLink, city).Accept()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed Mux still listens: %v", err)
	}
}

func TestACallKnowsItsPeer(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		m := serve(t, w, channel.MuxOptions{}, w.domain(city))
		seen := make(chan channel.AuthInfo, 1)
		server := grpc.NewServer(grpc.Creds(channel.Accepted()), grpc.UnaryInterceptor(
			func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
				info, _ := channel.InfoFromContext(ctx)
				if p, ok := channel.PeerFromContext(ctx); !ok || p.Key != info.Peer.Key {
					t.Error("the call has no peer")
				}
				seen <- info
				return next(ctx, req)
			}))
		healthpb.RegisterHealthServer(server, health.NewServer())
		go server.Serve(m.Listen(channel.ProtocolLink, ""))
		defer server.Stop()
		self := w.domain(county)
		callHealth(t, m.Addr().String(), channel.Credentials(w.transport(w.options(self)), self, city, channel.ProtocolLink))
		if info := <-seen; info.Peer.Domain != county || info.Local.Domain != city || info.Protocol != channel.ProtocolLink {
			t.Errorf("the call came from %s to %s", info.Peer, info.Local)
		}
	})
}

func TestAServerOfOneProtocolNeedsNoMux(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		member := w.replica(county, "county-1")
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		server := grpc.NewServer(grpc.Creds(channel.ServerCredentials(w.transport(w.options(member, w.domain(county))), channel.ProtocolReplica)))
		healthpb.RegisterHealthServer(server, health.NewServer())
		go server.Serve(ln)
		defer server.Stop()
		self := w.replica(county, "county-2")
		callHealth(t, ln.Addr().String(), channel.Credentials(w.transport(w.options(self)), self, county, channel.ProtocolReplica))
		wrong := w.domain(city)
		c, err := channel.Dial(t.Context(), w.transport(w.options(wrong)), ln.Addr().String(), wrong, county, channel.ProtocolLink)
		if err == nil { // authentic, but this server speaks another protocol
			defer c.Close()
			if err := first(c.Read(make([]byte, 1))); err == nil {
				t.Error("a link was served as replica traffic")
			}
		}
	})
}

func callHealth(t *testing.T, addr string, creds credentials.TransportCredentials) {
	t.Helper()
	cc, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(creds))
	check(t, err)
	defer cc.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err = healthpb.NewHealthClient(cc).Check(ctx, &healthpb.HealthCheckRequest{})
	check(t, err)
}
