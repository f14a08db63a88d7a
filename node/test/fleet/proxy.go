package fleet

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy forwards TCP connections to one address, counts bytes, and can be cut:
// then every connection breaks, and new ones are refused until it is mended.
type Proxy struct {
	ln     net.Listener
	target string
	Up     atomic.Int64 // bytes from those who dial
	Down   atomic.Int64
	mute   atomic.Bool
	mu     sync.Mutex
	cut    bool
	conns  map[net.Conn]bool
}

// NewProxy begins to forward to target. It ends with the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{ln: ln, target: target, conns: map[net.Conn]bool{}}
	t.Cleanup(func() { _ = ln.Close(); p.Cut() })
	go p.serve()
	return p
}

// Address is where to dial.
func (p *Proxy) Address() string { return p.ln.Addr().String() }

// Cut breaks every connection and refuses new ones.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for c := range p.conns {
		_ = c.Close()
	}
	p.conns = map[net.Conn]bool{}
}

// Mute swallows what comes back from the target, until the proxy is cut and
// mended: requests get through, and their answers do not.
func (p *Proxy) Mute() { p.mute.Store(true) }

// Mend lets connections through again.
func (p *Proxy) Mend() { p.mute.Store(false); p.mu.Lock(); defer p.mu.Unlock(); p.cut = false }

func (p *Proxy) serve() {
	for {
		in, err := p.ln.Accept()
		if err != nil {
			return
		}
		go p.forward(in)
	}
}

func (p *Proxy) forward(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer out.Close()
	if !p.keep(in, out) {
		return
	}
	done := make(chan struct{}, 2)
	pipe := func(to io.Writer, from net.Conn, n *atomic.Int64) {
		_, _ = io.Copy(counted{to, n}, from)
		done <- struct{}{}
	}
	go pipe(out, in, &p.Up)
	go pipe(muted{in, &p.mute}, out, &p.Down)
	<-done
}

func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if !p.cut {
			p.conns[c] = true
		}
	}
	return !p.cut
}

// muted drops what is written while it is on.
type muted struct {
	io.Writer
	on *atomic.Bool
}

func (m muted) Write(b []byte) (int, error) {
	if m.on.Load() {
		return len(b), nil
	}
	return m.Writer.Write(b)
}

type counted struct {
	io.Writer
	n *atomic.Int64
}

func (c counted) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	c.n.Add(int64(n))
	return n, err
}
