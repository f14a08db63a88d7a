package replica

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/content"
	"github.com/yizhan-exchange/yizhan/node/content/contenttest"
	"github.com/yizhan-exchange/yizhan/node/raftnode"
	"github.com/yizhan-exchange/yizhan/node/store"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

const domain exchange.Domain = "320582"

var _ content.Peer = (*Client)(nil)
var _ Group = (*raftnode.Group)(nil)
var _ Chunks = content.Store(nil)

// claimed trusts what the caller says of itself: the channel is not under test.
func claimed(ctx context.Context) (exchange.Domain, exchange.Replica, bool) {
	m, _ := metadata.FromIncomingContext(ctx)
	if len(m.Get("domain")) == 0 {
		return "", "", false
	}
	return exchange.Domain(m.Get("domain")[0]), "x", true
}

func claim(d exchange.Domain) grpc.DialOption {
	return grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if d != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "domain", string(d))
		}
		return invoke(ctx, method, req, reply, cc, opts...)
	})
}

func dial(t *testing.T, address string, as exchange.Domain) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()), claim(as))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func serve(t *testing.T, s *Server) (address string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	s.Register(g)
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	return l.Addr().String(), g.Stop
}

func hash(t testing.TB) content.Hash {
	t.Helper()
	p, err := sm.New("emmansun")
	if err != nil {
		t.Fatal(err)
	}
	return p.Sum
}

// scripted is a group that answers as told.
type scripted struct {
	leader  exchange.Replica
	propose func(ctx context.Context) ([]byte, error)
	done    chan struct{}
}

func (s *scripted) Propose(ctx context.Context, _ []byte) ([]byte, error) { return s.propose(ctx) }
func (s *scripted) ReadIndex(context.Context) (uint64, error)             { return 42, nil }
func (s *scripted) WaitApplied(context.Context, uint64) error             { return nil }
func (s *scripted) IsLeader() bool                                        { return false }
func (s *scripted) Leader() (exchange.Replica, string)                    { return s.leader, "" }
func (s *scripted) Done() <-chan struct{}                                 { return s.done }

func TestOtherDomainsAreRefused(t *testing.T) {
	s := NewServer(claimed)
	g := &scripted{propose: func(context.Context) ([]byte, error) { return []byte("ok"), nil }}
	s.Host(domain, "a", g, contenttest.NewMemory("a", hash(t)))
	address, _ := serve(t, s)
	for as, want := range map[exchange.Domain]exchange.Code{
		domain: "", "320500": exchange.Denied, "": exchange.Unauthenticated,
	} {
		c := NewClient(domain, "a", dial(t, address, as))
		_, err := c.Propose(t.Context(), []byte("x"))
		_, errRead := c.ReadIndex(t.Context())
		_, errPut := c.Put(t.Context(), hash(t)([]byte("x")), []byte("x"))
		_, errGet := c.Get(t.Context(), hash(t)([]byte("x")))
		_, _, errHas := c.Has(t.Context(), nil)
		for i, err := range []error{err, errRead, errPut, errGet, errHas} {
			if got := exchange.CodeOf(err); got != want {
				t.Errorf("as %q, call %d: code %q, want %q: %v", as, i, got, want, err)
			}
		}
	}
	s.Drop(domain)
	if _, err := NewClient(domain, "a", dial(t, address, domain)).ReadIndex(t.Context()); exchange.CodeOf(err) != exchange.NotFound {
		t.Fatal(err)
	}
}

func TestPeerKeepsChunksAndKeepsCodes(t *testing.T) {
	m, h := contenttest.NewMemory("a", hash(t)), hash(t)
	s := NewServer(claimed)
	s.Host(domain, "a", nil, m)
	address, stop := serve(t, s)
	c := NewClient(domain, "a", dial(t, address, domain))
	data := bytes.Repeat([]byte("x"), content.MaxChunk)
	id, err := c.Put(t.Context(), h(data), data)
	if err != nil || id != m.ID() {
		t.Fatalf("%x, %v", id, err)
	}
	got, err := c.Get(t.Context(), h(data))
	if err != nil || !bytes.Equal(got, data) {
		t.Fatal(err)
	}
	many := make([]crypto.Digest, maxHas+10)
	many[maxHas+5] = h(data)
	id, stored, err := c.Has(t.Context(), many)
	if err != nil || id != m.ID() || len(stored) != len(many) || !stored[maxHas+5] || stored[0] {
		t.Fatalf("%d, %v", len(stored), err)
	}
	if _, err := c.Get(t.Context(), h(nil)); exchange.CodeOf(err) != exchange.NotFound {
		t.Fatal(err)
	}
	if _, err := c.Put(t.Context(), h(nil), data); exchange.CodeOf(err) != exchange.Corrupt {
		t.Fatal(err)
	}
	m.SetFault(func(context.Context, string) error { return exchange.Errorf(exchange.Exhausted, "x", "disk full") })
	if _, err := c.Put(t.Context(), h(data), data); exchange.CodeOf(err) != exchange.Exhausted || !strings.Contains(err.Error(), "disk full") {
		t.Fatal(err)
	}
	if _, err := NewClient(domain, "b", c.conn).Put(t.Context(), h(data), data); err == nil {
		t.Fatal("another replica answered and was believed")
	}
	stop()
	if _, err := c.Get(t.Context(), h(data)); exchange.CodeOf(err) != exchange.Unavailable {
		t.Fatal(err)
	}
}

func TestSentButNotAnsweredIsUnknown(t *testing.T) {
	s := NewServer(claimed)
	entered := make(chan struct{}, 1)
	s.Host(domain, "a", &scripted{propose: func(ctx context.Context) ([]byte, error) {
		entered <- struct{}{}
		<-ctx.Done()
		return nil, exchange.Errorf(exchange.Unavailable, "x", "never arrives")
	}}, nil)
	address, stop := serve(t, s)
	c := NewClient(domain, "a", dial(t, address, domain))
	done := make(chan error, 1)
	go func() {
		_, err := c.Propose(t.Context(), []byte("x"))
		done <- err
	}()
	<-entered
	stop()
	if err := <-done; exchange.CodeOf(err) != exchange.Unknown {
		t.Fatalf("code %s: %v", exchange.CodeOf(err), err)
	}
	// Until the loss is noticed, a call may be taken as sent: that errs on the safe side.
	if !c.conn.WaitForStateChange(t.Context(), connectivity.Ready) {
		t.Fatal("the loss of the connection is not noticed")
	}
	if _, err := c.Propose(t.Context(), []byte("x")); exchange.CodeOf(err) != exchange.Unavailable {
		t.Fatalf("never sent: code %s: %v", exchange.CodeOf(err), err)
	}
}

func TestRouterTriesAgainWhatHadNoEffectAndNothingElse(t *testing.T) {
	for code, want := range map[exchange.Code]int64{exchange.Unavailable: 3, exchange.Unknown: 1, exchange.Exhausted: 1, exchange.Invalid: 1} {
		var n atomic.Int64
		g := &scripted{leader: "a", done: make(chan struct{}), propose: func(context.Context) ([]byte, error) {
			if n.Add(1) < 3 {
				return nil, exchange.Errorf(code, "x", "no")
			}
			return []byte("done"), nil
		}}
		r := Router{Self: "a", Group: g}
		_, err := r.Propose(t.Context(), nil)
		if n.Load() != want || (err == nil) != (code == exchange.Unavailable) {
			t.Errorf("%s: %d tries, %v", code, n.Load(), err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	r := Router{Self: "a", Group: &scripted{done: make(chan struct{})}}
	if err := r.ReadCurrent(ctx); exchange.CodeOf(err) != exchange.Unavailable {
		t.Fatal(err)
	}
}

// echo keeps each command as a row.
type echo struct{}

func (echo) Apply(_ ledger.Reader, _ uint64, command []byte) ([]byte, []ledger.Mutation, error) {
	return command, []ledger.Mutation{{Table: ledger.TableExchange, Key: bytes.Clone(command), Value: []byte{1}}}, nil
}

type tcpStream struct{ net.Listener }

func (tcpStream) Dial(ctx context.Context, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

type member struct {
	name   exchange.Replica
	group  *raftnode.Group
	store  *store.Store
	router *Router
	rpc    string
}

func startMember(t *testing.T, name exchange.Replica, l net.Listener, servers []raftnode.Server, rpc func(exchange.Replica) string) *member {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(filepath.Join(dir, "state"), store.Options{Hash: hash(t), MapSize: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	g, err := raftnode.Start(raftnode.Config{
		Domain: domain, Replica: name, Dir: dir, Address: l.Addr().String(), Stream: tcpStream{l}, Store: s,
		Applier: echo{}, Bootstrap: servers, Heartbeat: 500 * time.Millisecond, CommitTimeout: 10 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(g.Close(context.Background()), s.Close()) })
	peers := NewPeers(domain, func(_ exchange.Domain, r exchange.Replica) (*grpc.ClientConn, error) {
		return grpc.NewClient("passthrough:///"+rpc(r), grpc.WithTransportCredentials(insecure.NewCredentials()), claim(domain))
	})
	t.Cleanup(func() { _ = peers.Close() })
	m := &member{name: name, group: g, store: s, router: &Router{Self: name, Group: g, Client: peers.Client}}
	server := NewServer(claimed)
	server.Host(domain, name, g, contenttest.NewMemory(name, hash(t)))
	m.rpc, _ = serve(t, server)
	return m
}

func TestAnyReplicaAcceptsCallsThroughAChangeOfLeader(t *testing.T) {
	var mu sync.Mutex
	members := map[exchange.Replica]*member{}
	rpc := func(r exchange.Replica) string {
		mu.Lock()
		defer mu.Unlock()
		return members[r].rpc
	}
	var servers []raftnode.Server
	listeners := map[exchange.Replica]net.Listener{}
	for _, name := range []exchange.Replica{"a", "b", "c"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners[name] = l
		servers = append(servers, raftnode.Server{Replica: name, Address: l.Addr().String()})
	}
	for name, l := range listeners {
		m := startMember(t, name, l, servers, rpc)
		mu.Lock()
		members[name] = m
		mu.Unlock()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	call := func(m *member, command string) {
		t.Helper()
		result, err := m.router.Propose(ctx, []byte(command))
		if err != nil || string(result) != command {
			t.Fatalf("%s: %q, %v", m.name, result, err)
		}
	}
	var gone exchange.Replica
	for name, m := range members {
		call(m, "from "+string(name))
		gone, _ = m.group.Leader()
	}
	if err := members[gone].group.Close(ctx); err != nil {
		t.Fatal(err)
	}
	for name, m := range members {
		if name == gone {
			continue
		}
		call(m, "again from "+string(name))
		if err := m.router.ReadCurrent(ctx); err != nil {
			t.Fatal(err)
		}
		err := m.store.View(func(r ledger.Reader) error {
			if r.Get(ledger.TableExchange, []byte("again from "+string(name))) == nil {
				t.Errorf("%s does not see its own command", name)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := members[gone].router.Propose(ctx, []byte("x")); exchange.CodeOf(err) != exchange.Unavailable {
		t.Fatal(err)
	}
}

func TestWithoutALeaderTheReplicaItselfSaysWhyThereIsNone(t *testing.T) {
	full := &scripted{propose: func(context.Context) ([]byte, error) {
		return nil, exchange.Errorf(exchange.Exhausted, "raftnode.propose", "the disk is full")
	}}
	r := &Router{Self: "a", Group: full, Client: func(exchange.Replica) (*Client, error) { return nil, errors.New("nobody is to be asked") }}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := r.Propose(ctx, nil); exchange.CodeOf(err) != exchange.Exhausted {
		t.Errorf("a caller waits, and learns %v", err)
	}
}

func TestNobodyWaitsForALeaderForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &scripted{propose: func(context.Context) ([]byte, error) {
			return nil, exchange.Errorf(exchange.Unavailable, "raftnode", "there is no leader")
		}}
		r := &Router{Self: "a", Group: g}
		began := time.Now()
		if _, err := r.Propose(t.Context(), nil); exchange.CodeOf(err) != exchange.Unavailable {
			t.Errorf("a caller learns %v", err)
		}
		if waited := time.Since(began); waited != leaderless {
			t.Errorf("it waited %v", waited)
		}
	})
}
