package founding

import (
	"crypto/rand"
	"errors"
	"net"
	"os"
	"path/filepath"

	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/config"
)

// writeNodes writes the directory of each process. Each is whole by itself and
// may be moved to another machine.
func (m *maker) writeNodes() error {
	files, err := m.foundingFiles()
	if err != nil {
		return err
	}
	for _, p := range m.processes {
		dir := filepath.Join(m.dir, nodesDir, p.name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := m.writeNode(dir, p, files); err != nil {
			return err
		}
	}
	return nil
}

// foundingFiles makes the file of each domain, and verifies it as the domain
// will.
func (m *maker) foundingFiles() (map[exchange.Domain]*File, error) {
	stated, err := m.state()
	if err != nil {
		return nil, err
	}
	out := map[exchange.Domain]*File{}
	for i := range m.f.Domains {
		d := &m.f.Domains[i]
		b := ledger.Bootstrap{
			Self:      ledger.Self{Domain: d.Domain, Parent: d.Parent, Incarnation: firstIncarnation},
			Level:     ledger.FeatureLevel,
			Directory: stated.directory, Units: stated.units, Persons: m.persons[d.Domain],
		}
		for _, a := range m.f.ancestry(d) {
			if s, ok := stated.policy[a.Domain]; ok {
				b.Policy = append(b.Policy, s)
			}
		}
		if out[d.Domain], err = NewFile(b); err != nil {
			return nil, err
		}
		if _, err := out[d.Domain].Verify(m.provider, m.anchor, exchange.TimeOf(m.now)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (m *maker) writeNode(dir string, p *process, files map[exchange.Domain]*File) error {
	if err := trust.NewKeyFile(filepath.Join(dir, unlockName), rand.Reader); err != nil {
		return err
	}
	for _, d := range p.hosts {
		if err := m.writeStore(dir, p, d); err != nil {
			return err
		}
		if err := files[d.Domain].Save(filepath.Join(dir, foundingName(d.Domain))); err != nil {
			return err
		}
	}
	err := errors.Join(
		m.writeAPI(dir, p),
		m.anchor.Save(filepath.Join(dir, anchorName)),
		m.node(p).Save(filepath.Join(dir, nodeName)))
	if err != nil {
		return err
	}
	_, err = config.Load(filepath.Join(dir, nodeName)) // what is declared may still not make a node
	return err
}

// writeStore makes the key store of one domain on one node: the domain's pair,
// and the replica's own.
func (m *maker) writeStore(dir string, p *process, d *Domain) error {
	store, err := trust.CreateStore(filepath.Join(dir, keysDir, string(d.Domain)), string(d.Domain), m.provider, rand.Reader,
		trust.KeyFileLock(filepath.Join(dir, unlockName)))
	if err != nil {
		return err
	}
	if err := store.Rotate(m.keys[d.Domain], m.pairs[d.Domain]); err != nil {
		return err
	}
	keys, err := store.NewKeys()
	if err != nil {
		return err
	}
	pair, err := m.authority.CA.IssueReplica(string(d.Domain), p.name, keys.Sign.Public(), keys.Encrypt.Public())
	if err != nil {
		return err
	}
	return store.Rotate(keys, pair)
}

func (m *maker) writeAPI(dir string, p *process) error {
	hosts := []string{p.host}
	if ip := net.ParseIP(p.host); ip != nil && ip.IsLoopback() {
		hosts = append(hosts, "localhost")
	}
	c, err := m.authority.API[p.owner.Domain].NewAPIServerCert(hosts...)
	if err != nil {
		return err
	}
	return errors.Join(
		writeFile(filepath.Join(dir, "api.pem"), c.CertificatePEM, 0o644),
		writeFile(filepath.Join(dir, "api.key"), c.KeyPEM, 0o600))
}

// node is the configuration of one process.
func (m *maker) node(p *process) *config.Node {
	n := &config.Node{
		Name: p.name, Data: "data", Crypto: config.Crypto{Provider: m.f.Provider}, Profile: m.f.Profile,
		Listen: config.Listen{API: p.api(), Peer: p.peer()},
	}
	for _, d := range p.hosts {
		c := m.domain(p, d)
		if c.Subordinates != nil {
			n.Listen.Link = p.link()
		}
		n.Domains = append(n.Domains, c)
	}
	n.Complete()
	return n
}

func (m *maker) domain(p *process, d *Domain) config.Domain {
	out := config.Domain{
		Domain: d.Domain, Replica: exchange.Replica(p.name),
		Keys:   filepath.Join(keysDir, string(d.Domain)),
		Unlock: config.Unlock{KeyFile: unlockName}, Anchor: anchorName, Founding: foundingName(d.Domain),
	}
	for _, other := range m.processes {
		if other.hosted(d.Domain) {
			out.Replicas = append(out.Replicas, config.Member{Name: exchange.Replica(other.name), Address: other.peer()})
		}
	}
	if d.Parent != "" {
		out.Superior = &config.Superior{Domain: d.Parent, Endpoints: m.endpoints(m.f.find(d.Parent), (*process).link)}
	}
	if len(m.f.children(d.Domain)) > 0 {
		out.Subordinates = &config.Subordinates{}
	}
	return out
}

func foundingName(d exchange.Domain) string { return string(d) + ".founding" }
