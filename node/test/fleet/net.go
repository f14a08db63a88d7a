package fleet

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Client names, in a Net, whoever is no process of the fleet.
const Client = "client"

// Flow says what happens to bytes on their way from one process to another,
// whoever opened the connection. The zero value lets them through.
type Flow struct {
	// Cut breaks the connections between the two and refuses new ones.
	Cut bool
	// Hold keeps what is sent, and the end of what is sent, until it is let go,
	// as a network does that drops packets which are sent again. A connection
	// of which one direction is held is half open.
	Hold bool
	// Delay is how long a byte travels.
	Delay time.Duration
	// Rate is bytes per second, 0 for no limit.
	Rate int
}

type direction struct{ from, to string }

// Net stands between all processes of a fleet, and between them and their
// clients. Processes keep the addresses that they are known by; a Net listens
// there, and finds out by the operating system's table of sockets who dials.
type Net struct {
	f       *Fleet
	mu      sync.Mutex
	flows   map[direction]Flow
	changed chan struct{} // closed at each change
	wires   map[*wire]bool
	closed  bool
}

// NewNet puts a Net in front of every process. Processes must be started
// after it.
func (f *Fleet) NewNet() *Net {
	f.t.Helper()
	n := &Net{f: f, flows: map[direction]Flow{}, changed: make(chan struct{}), wires: map[*wire]bool{}}
	for _, name := range f.Names() {
		c := f.configs[name]
		n.move(name, &c.Listen.API, true)
		n.move(name, &c.Listen.Peer, false)
		if c.Listen.Link != "" {
			n.move(name, &c.Listen.Link, false)
		}
		f.Save(name)
	}
	return n
}

// move gives a process another address to listen at and forwards to it from
// the one that is known.
func (n *Net) move(name string, address *string, clients bool) {
	n.f.t.Helper()
	known := *address
	ln, err := net.Listen("tcp", known)
	if err != nil {
		n.f.t.Fatal(err)
	}
	hidden, err := freeAddress()
	if err != nil {
		n.f.t.Fatal(err)
	}
	*address = hidden
	n.f.t.Cleanup(func() { _ = ln.Close(); n.close() })
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			go n.accept(in, name, hidden, clients)
		}
	}()
}

// freeAddress is below the ports that the system lends to outgoing connections.
func freeAddress() (string, error) {
	for range 100 {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 12000+rand.IntN(20000)))
		if err == nil {
			return ln.Addr().String(), ln.Close()
		}
	}
	return "", fmt.Errorf("no free port was found")
}

// Set changes what happens from one process to another.
func (n *Net) Set(from, to string, fl Flow) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.flows[direction{from, to}] = fl; fl == (Flow{}) {
		delete(n.flows, direction{from, to})
	}
	n.apply()
}

// Both is Set in both directions.
func (n *Net) Both(a, b string, fl Flow) { n.Set(a, b, fl); n.Set(b, a, fl) }

// Heal lets everything through.
func (n *Net) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.flows = map[direction]Flow{}
	n.apply()
}

func (n *Net) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for w := range n.wires {
		w.cut()
	}
}

// apply breaks what is cut and wakes whoever is held.
func (n *Net) apply() {
	for w := range n.wires {
		if n.flows[direction{w.from, w.to}].Cut || n.flows[direction{w.to, w.from}].Cut {
			w.cut()
		}
	}
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *Net) flow(from, to string) (Flow, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.flows[direction{from, to}], n.changed
}

// accept joins one connection to its target.
func (n *Net) accept(in net.Conn, to, target string, clients bool) {
	from := Client
	if !clients {
		from = n.f.owner(in.RemoteAddr().(*net.TCPAddr).Port)
	}
	w := &wire{net: n, from: from, to: to, in: in, gone: make(chan struct{})}
	if !n.keep(w) {
		_ = in.Close()
		return
	}
	defer n.forget(w)
	// Whoever dials waits while either direction is held: nothing greets back.
	if !w.held(from, to) || !w.held(to, from) {
		return
	}
	out, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	w.join(out)
}

func (n *Net) keep(w *wire) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || n.flows[direction{w.from, w.to}].Cut || n.flows[direction{w.to, w.from}].Cut {
		return false
	}
	n.wires[w] = true
	return true
}

func (n *Net) forget(w *wire) {
	w.cut()
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.wires, w)
}

// wire is one connection through a Net.
type wire struct {
	net      *Net
	from, to string // who dialed, who answered
	in       net.Conn
	mu       sync.Mutex
	out      net.Conn
	once     sync.Once
	gone     chan struct{}
}

// cut ends both halves.
func (w *wire) cut() {
	w.once.Do(func() {
		close(w.gone)
		_ = w.in.Close()
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.out != nil {
			_ = w.out.Close()
		}
	})
}

// join forwards in both directions until both have ended, or one breaks.
func (w *wire) join(out net.Conn) {
	w.mu.Lock()
	w.out = out
	w.mu.Unlock()
	select {
	case <-w.gone: // cut meanwhile
		_ = out.Close()
		return
	default:
	}
	var both sync.WaitGroup
	both.Go(func() { w.pump(w.from, w.to, w.in, out) })
	both.Go(func() { w.pump(w.to, w.from, out, w.in) })
	both.Wait()
}

// piece is what one read gave; no data is the end of the stream.
type piece struct {
	data []byte
	at   time.Time
}

const piecesOnTheWay = 64

// pump forwards one direction.
func (w *wire) pump(from, to string, src, dst net.Conn) {
	pieces := make(chan piece, piecesOnTheWay)
	go func() {
		defer close(pieces)
		for {
			buf := make([]byte, 32<<10)
			k, err := src.Read(buf)
			if k > 0 {
				select {
				case pieces <- piece{buf[:k], time.Now()}:
				case <-w.gone:
					return
				}
			}
			if err != nil && err != io.EOF {
				w.cut()
			}
			if err != nil {
				return
			}
		}
	}()
	due := time.Now()
	for p := range pieces {
		if due = w.wait(from, to, p, due); due.IsZero() {
			return
		}
		if _, err := dst.Write(p.data); err != nil {
			w.cut()
			return
		}
	}
	if !w.held(from, to) {
		return
	}
	if half, ok := dst.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // the other direction may go on
	}
}

// wait returns when a piece has travelled: zero if the wire was cut.
func (w *wire) wait(from, to string, p piece, last time.Time) time.Time {
	if !w.held(from, to) {
		return time.Time{}
	}
	fl, _ := w.net.flow(from, to)
	due := p.at.Add(fl.Delay)
	if due.Before(last) {
		due = last
	}
	if fl.Rate > 0 {
		due = due.Add(time.Duration(len(p.data)) * time.Second / time.Duration(fl.Rate))
	}
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.gone:
		return time.Time{}
	}
	return due
}

// held waits while a direction is held; false: the wire was cut.
func (w *wire) held(from, to string) bool {
	for {
		fl, changed := w.net.flow(from, to)
		if !fl.Hold {
			return true
		}
		select {
		case <-changed:
		case <-w.gone:
			return false
		}
	}
}
