package founding

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/auth"
)

// everybody gives each person a token. Handlers and clerks come first, so that
// a unit's name alone means them and not an officer.
func (m *maker) everybody() error {
	m.persons = map[exchange.Domain][]ledger.PersonRow{}
	for i := range m.f.Domains {
		d := &m.f.Domains[i]
		persons := slices.Clone(d.Persons)
		slices.SortStableFunc(persons, func(a, b Person) int { return order(a) - order(b) })
		for _, p := range persons {
			token, err := auth.NewToken(d.Domain, rand.Reader)
			if err != nil {
				return err
			}
			m.persons[d.Domain] = append(m.persons[d.Domain], ledger.PersonRow{
				Person: p.Person, Unit: d.unit(p.Unit), Duties: p.Duties, Token: token.Digest(m.provider.Sum),
			})
			m.clients.Identities = append(m.clients.Identities, client.Identity{
				As: d.unit(p.Unit), Person: p.Person, Endpoints: m.endpoints(d, (*process).api), CA: caPath(d), Token: token.Reveal(),
			})
		}
	}
	return nil
}

func order(p Person) int {
	if p.officer() {
		return 1
	}
	return 0
}

// endpoints lists an address of every process that hosts a domain.
func (m *maker) endpoints(d *Domain, address func(*process) string) []string {
	var out []string
	for _, p := range m.processes {
		if p.hosted(d.Domain) {
			out = append(out, address(p))
		}
	}
	return out
}

func caPath(d *Domain) string { return filepath.Join("ca", string(d.Domain)+".pem") }

// writeClients writes client.yaml and, for each domain, the authorities of the
// processes that host it. In the joint topology those are several.
func (m *maker) writeClients() error {
	if err := os.MkdirAll(filepath.Join(m.dir, "ca"), 0o700); err != nil {
		return err
	}
	for i := range m.f.Domains {
		d := &m.f.Domains[i]
		var bundle bytes.Buffer
		seen := map[exchange.Domain]bool{}
		for _, p := range m.processes {
			if p.hosted(d.Domain) && !seen[p.owner.Domain] {
				bundle.Write(m.authority.API[p.owner.Domain].PEM())
				seen[p.owner.Domain] = true
			}
		}
		if err := writeFile(filepath.Join(m.dir, caPath(d)), bundle.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return client.SaveConfig(filepath.Join(m.dir, clientName), &m.clients)
}
