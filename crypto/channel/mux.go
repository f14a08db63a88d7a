package channel

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

const (
	defaultHandshakes = 128
	waitingConns      = 16 // authenticated connections that nobody has accepted yet
	maxAcceptPause    = time.Second
)

// MuxOptions tune a Mux; the zero value is right for most.
type MuxOptions struct {
	// MaxHandshakes bounds the handshakes in flight; zero is 128. One address
	// gets at most half of them, so that it cannot keep the others out.
	MaxHandshakes int
	// OnError hears of every connection that came to nothing; nil drops it. It
	// is called concurrently and must not block. The error names classes and
	// subjects, no secrets.
	OnError func(remote net.Addr, err error)
}

// Mux authenticates what arrives on one listener and hands each connection to
// the listener for its protocol and its local domain.
type Mux struct {
	ln        net.Listener
	transport Transport
	options   MuxOptions

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	slots  chan struct{}
	wg     sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	perHost   map[string]int
	listeners map[route]*muxListener
}

// route is where a connection goes; domain "" takes what no other does.
type route struct{ protocol, domain string }

// NewMux takes over ln. Nothing is accepted before Serve.
func NewMux(ln net.Listener, t Transport, o MuxOptions) *Mux {
	if o.MaxHandshakes <= 0 {
		o.MaxHandshakes = defaultHandshakes
	}
	if o.OnError == nil {
		o.OnError = func(net.Addr, error) {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Mux{
		ln: ln, transport: t, options: o, ctx: ctx, cancel: cancel,
		slots:   make(chan struct{}, o.MaxHandshakes),
		perHost: make(map[string]int), listeners: make(map[route]*muxListener),
	}
}

// Listen returns the listener of a protocol for one hosted domain, or for all
// others when domain is "". Its Accept returns *Conn. A second Listen for the
// same replaces none: it fails at Accept with net.ErrClosed, as does any after
// Close. Closing it lets the route be taken again.
func (m *Mux) Listen(protocol, domain string) net.Listener {
	l := &muxListener{mux: m, route: route{protocol, domain}, conns: make(chan *Conn, waitingConns), done: make(chan struct{})}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.listeners[l.route]; taken || m.closed {
		close(l.done)
		return l
	}
	m.listeners[l.route] = l
	return l
}

// Serve accepts until Close and then returns nil, or returns the error that
// closed the listener otherwise. A shortage of descriptors is waited out.
func (m *Mux) Serve() error {
	pause := time.Duration(0)
	for {
		select {
		case m.slots <- struct{}{}:
		case <-m.ctx.Done():
			return nil
		}
		conn, err := m.ln.Accept()
		if err != nil {
			<-m.slots
			if m.ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			pause = min(max(2*pause, 5*time.Millisecond), maxAcceptPause)
			time.Sleep(pause)
			continue
		}
		pause = 0
		m.start(conn)
	}
}

// start runs one handshake in a goroutine; it owns a slot already.
func (m *Mux) start(conn net.Conn) {
	host := hostOf(conn.RemoteAddr())
	if !m.enter(host) {
		<-m.slots
		_ = conn.Close() // refused unheard
		m.options.OnError(conn.RemoteAddr(), errTooMany)
		return
	}
	go func() {
		defer m.wg.Done()
		c, err := m.transport.Server(m.ctx, conn)
		m.leave(host)
		<-m.slots
		if err != nil {
			m.options.OnError(conn.RemoteAddr(), err)
			return
		}
		if err := m.deliver(c); err != nil {
			_ = c.Close() // the error is the one to tell
			m.options.OnError(conn.RemoteAddr(), err)
		}
	}()
}

var (
	errTooMany = errors.New("channel: too many handshakes in flight from this address")
	errNobody  = errors.New("channel: nobody serves this protocol here")
	errSlow    = errors.New("channel: connection was not accepted in time")
)

// deliver waits a while for a listener that is slow to accept.
func (m *Mux) deliver(c *Conn) error {
	l := m.find(c)
	if l == nil {
		return errNobody
	}
	patience := time.NewTimer(DefaultTimeout)
	defer patience.Stop()
	select {
	case l.conns <- c:
		l.drainIfClosed()
		return nil
	case <-l.done:
		return errNobody
	case <-m.ctx.Done():
		return net.ErrClosed
	case <-patience.C:
		return errSlow
	}
}

func (m *Mux) find(c *Conn) *muxListener {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l, ok := m.listeners[route{c.Protocol, c.Local.Domain}]; ok {
		return l
	}
	return m.listeners[route{c.Protocol, ""}]
}

// Addr returns the address that the Mux listens on.
func (m *Mux) Addr() net.Addr { return m.ln.Addr() }

// Close stops accepting, ends handshakes in flight and closes every listener.
// Connections that were accepted live on.
func (m *Mux) Close() error {
	m.mu.Lock()
	listeners := make([]*muxListener, 0, len(m.listeners))
	for _, l := range m.listeners {
		listeners = append(listeners, l)
	}
	m.closed = true
	m.mu.Unlock()
	m.cancel()
	err := m.ln.Close()
	for _, l := range listeners {
		_ = l.Close() // always nil
	}
	m.wg.Wait()
	return err
}

func (m *Mux) enter(host string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.perHost[host] >= max(1, m.options.MaxHandshakes/2) {
		return false
	}
	m.perHost[host]++
	m.wg.Add(1)
	return true
}

func (m *Mux) leave(host string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.perHost[host]--; m.perHost[host] <= 0 {
		delete(m.perHost, host)
	}
}

func hostOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}

// muxListener is one route of a Mux.
type muxListener struct {
	mux   *Mux
	route route
	conns chan *Conn
	done  chan struct{}
	once  sync.Once
}

// Accept returns the next *Conn of this route.
func (l *muxListener) Accept() (net.Conn, error) {
	select {
	case <-l.done:
		return nil, net.ErrClosed
	case c := <-l.conns:
		return c, nil
	}
}

// Close frees the route and closes connections that nobody accepted.
func (l *muxListener) Close() error {
	l.once.Do(l.close)
	return nil
}

func (l *muxListener) close() {
	l.mux.mu.Lock()
	defer l.mux.mu.Unlock()
	if l.mux.listeners[l.route] != l {
		return // never had the route
	}
	delete(l.mux.listeners, l.route)
	close(l.done)
	l.drainIfClosed()
}

// drainIfClosed closes what was left behind. It runs after close and after
// every delivery, because the two may cross.
func (l *muxListener) drainIfClosed() {
	select {
	case <-l.done:
	default:
		return
	}
	for {
		select {
		case c := <-l.conns:
			_ = c.Close() // nobody is left to tell
		default:
			return
		}
	}
}

func (l *muxListener) Addr() net.Addr { return l.mux.Addr() }
