package founding

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"

	"github.com/yizhan-exchange/yizhan/exchange"
)

const (
	portsPerProcess = 10 // three are used; the rest keeps numbers readable
	portsUsed       = 3
	// Free ports are looked for below those that systems lend to outgoing
	// connections, which could take one before its process starts.
	lowestFree, highestFree = 12000, 32000
)

// process is one node that Make configures.
type process struct {
	name  string
	owner *Domain   // whose machine it is: its API certificate is that domain's
	hosts []*Domain // of which it hosts a replica, superiors first
	host  string
	ports [portsUsed]int // api, peer, link
}

func (p *process) api() string  { return p.address(0) }
func (p *process) peer() string { return p.address(1) }
func (p *process) link() string { return p.address(2) }

func (p *process) address(i int) string { return net.JoinHostPort(p.host, strconv.Itoa(p.ports[i])) }

// hosted reports whether the process hosts a replica of a domain.
func (p *process) hosted(name exchange.Domain) bool {
	for _, d := range p.hosts {
		if d.Domain == name {
			return true
		}
	}
	return false
}

func (d *Domain) processCount(t Topology) int {
	if t == Joint {
		return 1
	}
	return min(d.Replicas, maxReplicas)
}

// processes lists the nodes of a federation in the order of its domains,
// without ports.
func (f *Federation) processes() []*process {
	var out []*process
	for i := range f.Domains {
		d := &f.Domains[i]
		for n := range d.processCount(f.Topology) {
			p := &process{name: fmt.Sprintf("%s-%d", d.Process, n+1), owner: d, hosts: []*Domain{d}, host: f.Host}
			if f.Topology == Joint {
				p.name = d.Process
			}
			if n < len(d.Hosts) {
				p.host = d.Hosts[n]
			}
			out = append(out, p)
		}
	}
	return out
}

// plan is processes with their domains and ports.
func (f *Federation) plan() ([]*process, error) {
	all := f.processes()
	if f.Topology == Joint {
		for _, p := range all {
			p.hosts = f.descending()
		}
	}
	if f.BasePort == 0 {
		return all, freePorts(all)
	}
	for i, p := range all {
		for j := range p.ports {
			p.ports[j] = f.BasePort + portsPerProcess*i + j
		}
	}
	return all, nil
}

// freePorts gives each process ports that nobody listens at now. All are held
// until the last is found, so none is given twice.
func freePorts(all []*process) error {
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	for _, p := range all {
		for j := range p.ports {
			l, err := listenFree(p.host)
			if err != nil {
				return exchange.Errorf(exchange.Invalid, op, "free ports can be chosen on this machine only, not on %s; declare a base_port", p.host)
			}
			held = append(held, l)
			p.ports[j] = l.Addr().(*net.TCPAddr).Port
		}
	}
	return nil
}

// listenFree tries random ports. A host that is not this machine fails.
func listenFree(host string) (l net.Listener, err error) {
	for range 256 {
		var b [4]byte
		if _, err = rand.Read(b[:]); err != nil {
			return nil, err
		}
		port := lowestFree + int(binary.BigEndian.Uint32(b[:])%(highestFree-lowestFree))
		if l, err = net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port))); err == nil {
			return l, nil
		}
	}
	return nil, err
}
