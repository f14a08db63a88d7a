package link

import (
	"net"
	"sync"
	"testing"
	"time"
)

// proxy stands between the ends of a link and harms the connections through it.
type proxy struct {
	ln     net.Listener
	target string
	mu     sync.Mutex
	pipes  []*pipe
	opened int
	delay  time.Duration
	hole   func(connection int) bool // swallow everything of this connection
	wg     sync.WaitGroup
}

type pipe struct {
	number int
	a, b   net.Conn
}

func newProxy(tb testing.TB, target string) *proxy {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	p := &proxy{ln: ln, target: target}
	p.wg.Go(p.accept)
	return p
}

func (p *proxy) addr() string { return p.ln.Addr().String() }

func (p *proxy) accept() {
	for {
		a, err := p.ln.Accept()
		if err != nil {
			return
		}
		b, err := net.Dial("tcp", p.target)
		if err != nil {
			a.Close()
			continue
		}
		p.mu.Lock()
		p.opened++
		pp := &pipe{p.opened, a, b}
		p.pipes = append(p.pipes, pp)
		p.mu.Unlock()
		p.wg.Go(func() { p.copy(pp, a, b) })
		p.wg.Go(func() { p.copy(pp, b, a) })
	}
}

func (p *proxy) copy(pp *pipe, from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		delay, hole := p.delay, p.hole != nil && p.hole(pp.number)
		p.mu.Unlock()
		if hole {
			continue
		}
		time.Sleep(delay)
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// cut ends all connections; half only closes one direction of each.
func (p *proxy) cut(half bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pp := range p.pipes {
		if half {
			_ = pp.b.(*net.TCPConn).CloseWrite()
			continue
		}
		pp.a.Close()
		pp.b.Close()
	}
	p.pipes = nil
}

func (p *proxy) set(delay time.Duration, hole func(int) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay, p.hole = delay, hole
}

func (p *proxy) close() {
	p.ln.Close()
	p.set(0, nil)
	p.cut(false)
	p.wg.Wait()
}
