package link

import (
	"context"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	yizhanv1 "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

const (
	county = exchange.Domain("320582")
	city   = exchange.Domain("320500")
)

var quick = Options{
	Heartbeat: 50 * time.Millisecond, Dead: 400 * time.Millisecond,
	Retry: Retry{2 * time.Millisecond, 20 * time.Millisecond},
	Log:   slog.New(slog.NewTextHandler(io.Discard, nil)),
}

// parent is a city node on loopback.
type parent struct {
	server  *Server
	grpc    *grpc.Server
	addr    string
	leading atomic.Bool
	term    atomic.Uint64 // beyond the first
}

// claimed is how tests authenticate: by saying so.
func claimed(ctx context.Context) (exchange.Domain, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	if v := md.Get("claim"); len(v) == 1 {
		return exchange.Domain(v[0]), nil
	}
	return county, nil
}

func newParent(tb testing.TB, station delivery.Station, opt Options) *parent {
	tb.Helper()
	p := &parent{}
	p.leading.Store(true)
	var err error
	p.server, err = NewServer(ServerConfig{
		Station: func(d exchange.Domain) (delivery.Station, bool) { return station, d == city },
		Leading: func(exchange.Domain) uint64 {
			if !p.leading.Load() {
				return 0
			}
			return 1 + p.term.Load()
		},
		PeerDomain: claimed, Options: opt,
	})
	if err != nil {
		tb.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p.addr = ln.Addr().String()
	p.grpc = grpc.NewServer(ServerOptions()...)
	yizhanv1.RegisterLinkServer(p.grpc, p.server)
	go p.grpc.Serve(ln)
	tb.Cleanup(func() { p.close(tb) })
	return p
}

func (p *parent) close(tb testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := p.server.Close(ctx); err != nil {
		tb.Errorf("the server does not stop: %v", err)
	}
	p.grpc.Stop()
}

func connect(_ context.Context, endpoint string) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+endpoint, append(DialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
}

// child runs a dialer until the test ends or stop is called.
func newChild(tb testing.TB, station delivery.Station, opt Options, endpoints ...string) (d *Dialer, stop func()) {
	tb.Helper()
	d, err := NewDialer(DialerConfig{Self: county, Peer: city, Endpoints: endpoints, Dial: connect, Station: station, Options: opt})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { d.Run(ctx) })
	stop = func() { cancel(); wg.Wait() }
	tb.Cleanup(stop)
	return d, stop
}

// world is a county and a city with a proxy between them.
type world struct {
	up, down *model
	parent   *parent
	proxy    *proxy
	dialer   *Dialer
}

func newWorld(tb testing.TB, opt Options) *world {
	noLeaks(tb)
	w := &world{up: newModel(county, 1), down: newModel(city, 1)}
	w.start(tb, opt)
	return w
}

func (w *world) start(tb testing.TB, opt Options) {
	w.parent = newParent(tb, w.down, opt)
	w.proxy = newProxy(tb, w.parent.addr)
	tb.Cleanup(w.proxy.close)
	w.dialer, _ = newChild(tb, w.up, opt, w.proxy.addr())
}

func (w *world) connected(tb testing.TB) {
	tb.Helper()
	if !eventually(5*time.Second, func() bool { return w.dialer.Status().State == StateConnected }) {
		tb.Fatalf("not connected: %+v", w.dialer.Status())
	}
}

// noLeaks fails the test if goroutines of links or gRPC are left at its end.
// Call it first, so that its cleanup runs last.
func noLeaks(tb testing.TB) {
	tb.Cleanup(func() {
		if !eventually(5*time.Second, func() bool { return strays() == "" }) {
			tb.Errorf("left behind:\n%s", strays())
		}
	})
}

func strays() string {
	buf := make([]byte, 1<<20)
	var out []string
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if !strings.Contains(g, "strays") && (strings.Contains(g, "/node/link.(") || strings.Contains(g, "google.golang.org/grpc")) {
			out = append(out, g)
		}
	}
	return strings.Join(out, "\n\n")
}

// got counts what a model has received from a peer.
func (m *model) got(peer exchange.Domain) (n int) {
	m.look(peer, func(b *book) {
		for _, g := range b.got {
			n += len(g)
		}
	})
	return n
}

func (m *model) queued(peer exchange.Domain) (n int) {
	m.look(peer, func(b *book) {
		for _, r := range b.rows {
			n += len(r)
		}
	})
	return n
}

func (m *model) stored(peer exchange.Domain) (n int) {
	m.look(peer, func(b *book) { n = len(b.stored) })
	return n
}
