package founding

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/config"
)

const opPrepare = "founding.prepare"

// Prepare says what a new replica is prepared from, and as what.
type Prepare struct {
	From    string            // node.yaml of a replica of the domain, whose key store is read
	Replica exchange.Replica  // a name that no replica of the domain ever had
	Host    string            // where it will run
	Port    int               // first of three: API, peers, links; 0 chooses free ones, on this machine
	Dir     string            // must not exist or be empty
	Domains []exchange.Domain // of those that From hosts; all when empty
	// Trial is the directory of the trial federation whose authority issues the
	// certificates. Without it requests are written for an outside authority,
	// and an API certificate has to be put there.
	Trial string
}

// Prepared is the directory of a node that is ready to run and to be joined.
type Prepared struct {
	Dir      string            `json:"dir"`
	Config   string            `json:"config"`
	Node     string            `json:"node"`
	Replica  exchange.Replica  `json:"replica"`
	Address  string            `json:"address"` // of its peer port
	API      string            `json:"api"`
	Domains  []exchange.Domain `json:"domains"`
	Requests []string          `json:"requests,omitempty"` // for the outside authority
}

// PrepareReplica makes everything that a new replica needs: a copy of its
// domains' keys under a lock of its own, keys and certificates of the replica,
// and node.yaml. The node that it is prepared from may run meanwhile.
func PrepareReplica(p Prepare) (*Prepared, error) {
	from, err := config.Load(p.From)
	if err != nil {
		return nil, err
	}
	if err := p.check(from); err != nil {
		return nil, err
	}
	if err := mustBeFree(p.Dir); err != nil {
		return nil, err
	}
	m := &preparer{Prepare: p, from: from, work: p.Dir}
	if m.provider, err = sm.New(from.Crypto.Provider); err != nil {
		return nil, err
	}
	if p.Trial != "" {
		if m.authority, err = OpenAuthority(p.Trial, m.provider); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(p.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("preparing a replica: %w", err)
	}
	out, err := m.make()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("preparing a replica: %w", err), os.RemoveAll(p.Dir)) // it was empty
	}
	return out, nil
}

func (p *Prepare) check(from *config.Node) error {
	var bad exchange.Problems
	if !exchange.Person(p.Replica).Valid() {
		bad.Add("replica", "replica", "not the name of a replica", "副本名称不正确", "", "write for example county-4")
	}
	if p.Host == "" {
		bad.Add("host", "required", "no host is named", "未填写主机", "", "write the address at which the others reach the new machine")
	}
	if p.Port < 0 || p.Port > 65533 {
		bad.Add("port", "port", "out of range", "端口超出范围", "", "write the first of three free ports")
	}
	for _, d := range p.Domains {
		if !slices.ContainsFunc(from.Domains, func(c config.Domain) bool { return c.Domain == d }) {
			bad.Add("domain", "domain", fmt.Sprintf("%s is not hosted by %s", d, from.Name), "该节点未承载此交换域", "", "name a domain that it hosts, or none for all")
		}
	}
	for _, c := range from.Domains {
		for _, m := range c.Replicas {
			if m.Name == p.Replica {
				bad.Add("replica", "replica.used", fmt.Sprintf("%s has, or had, a replica of that name", c.Domain), "副本名称已被使用", "", "choose a fresh name: a replica never comes back under an old one")
			}
		}
	}
	return bad.Err(opPrepare)
}

// preparer makes one node.
type preparer struct {
	Prepare
	from      *config.Node
	provider  sm.Provider
	authority *Authority
	work      string
	ports     [portsUsed]int
	out       Prepared
}

func (m *preparer) make() (*Prepared, error) {
	if err := m.choosePorts(); err != nil {
		return nil, err
	}
	if err := trust.NewKeyFile(filepath.Join(m.work, unlockName), rand.Reader); err != nil {
		return nil, err
	}
	n := *m.from
	n.Name, n.Data = string(m.Replica), "data"
	n.API = config.API{}
	n.Listen = config.Listen{API: m.address(0), Peer: m.address(1)}
	n.Domains = nil
	m.out = Prepared{Dir: m.Dir, Config: filepath.Join(m.Dir, nodeName), Node: n.Name, Replica: m.Replica, Address: m.address(1), API: m.address(0)}
	for i := range m.from.Domains {
		c := m.from.Domains[i]
		if len(m.Domains) > 0 && !slices.Contains(m.Domains, c.Domain) {
			continue
		}
		if err := m.keys(&c); err != nil {
			return nil, fmt.Errorf("domain %s: %w", c.Domain, err)
		}
		if c.Subordinates != nil {
			n.Listen.Link = m.address(2)
		}
		n.Domains = append(n.Domains, m.domain(c))
		m.out.Domains = append(m.out.Domains, c.Domain)
	}
	if err := m.api(n.Domains[0].Domain); err != nil {
		return nil, err
	}
	if err := n.Save(m.out.Config); err != nil {
		return nil, err
	}
	_, err := config.Load(m.out.Config)
	return &m.out, err
}

func (m *preparer) choosePorts() error {
	if m.Port == 0 {
		p := &process{host: m.Host}
		err := freePorts([]*process{p})
		m.ports = p.ports
		return err
	}
	for i := range m.ports {
		m.ports[i] = m.Port + i
	}
	return nil
}

func (m *preparer) address(i int) string { return net.JoinHostPort(m.Host, strconv.Itoa(m.ports[i])) }

// domain is the configuration of a domain for a replica that joins it: it
// founds nothing, and knows the others until it learns the membership.
func (m *preparer) domain(c config.Domain) config.Domain {
	c.Replica = m.Replica
	c.Keys = filepath.Join(keysDir, string(c.Domain))
	c.Unlock = config.Unlock{KeyFile: unlockName}
	c.Anchor, c.Founding = anchorName, ""
	c.Replicas = append([]config.Member{{Name: m.Replica, Address: m.address(1)}}, c.Replicas...)
	return c
}

// keys makes the key store of one domain: the domain's own keys as they are in
// the store that it is prepared from, those of the replica fresh.
func (m *preparer) keys(c *config.Domain) error {
	lock, err := c.Unlock.Lock()
	if err != nil {
		return err
	}
	from, err := trust.OpenStore(c.Keys, m.provider, rand.Reader, lock)
	if err != nil {
		return err
	}
	anchor, err := trust.LoadAnchor(c.Anchor)
	if err != nil {
		return err
	}
	store, err := trust.CreateStore(filepath.Join(m.work, keysDir, string(c.Domain)), string(c.Domain), m.provider, rand.Reader,
		trust.KeyFileLock(filepath.Join(m.work, unlockName)))
	if err != nil {
		return err
	}
	if err := from.CopyDomainKeys(store); err != nil {
		return err
	}
	own, err := store.NewKeys()
	if err != nil {
		return err
	}
	return errors.Join(m.certify(store, c.Domain, own), anchor.Save(filepath.Join(m.work, anchorName)))
}

// certify has the trial authority issue the replica's certificates, or writes
// the requests for another.
func (m *preparer) certify(store *trust.Store, d exchange.Domain, own trust.Keys) error {
	if m.authority != nil {
		pair, err := m.authority.CA.IssueReplica(string(d), string(m.Replica), own.Sign.Public(), own.Encrypt.Public())
		if err != nil {
			return err
		}
		return store.Rotate(own, pair)
	}
	for _, k := range []struct {
		use string
		key sm.PrivateKey
	}{{"sign", own.Sign}, {"encrypt", own.Encrypt}} {
		text, err := trust.Request(rand.Reader, string(d), string(m.Replica), k.key)
		if err != nil {
			return err
		}
		path := filepath.Join(m.Dir, fmt.Sprintf("%s-%s.csr", d, k.use))
		if err := writeFile(path, text, 0o644); err != nil {
			return err
		}
		m.out.Requests = append(m.out.Requests, path)
	}
	return nil
}

// api issues the certificate of the API, as the domain's other nodes have one.
func (m *preparer) api(d exchange.Domain) error {
	if m.authority == nil {
		return nil
	}
	hosts := []string{m.Host}
	if ip := net.ParseIP(m.Host); ip != nil && ip.IsLoopback() {
		hosts = append(hosts, "localhost")
	}
	c, err := m.authority.API[d].NewAPIServerCert(hosts...)
	if err != nil {
		return err
	}
	return errors.Join(
		writeFile(filepath.Join(m.work, "api.pem"), c.CertificatePEM, 0o644),
		writeFile(filepath.Join(m.work, "api.key"), c.KeyPEM, 0o600))
}
