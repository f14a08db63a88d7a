package founding

import (
	"os"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	"github.com/yizhan-exchange/yizhan/policy"
)

// statementLife is how long the first statements are valid; a trial that lasts
// longer makes new ones.
const statementLife = 365 * 24 * time.Hour

// statements are what all domains of a federation sign when it is founded,
// superiors first.
type statements struct {
	directory []crypto.Signed
	units     []crypto.Signed
	policy    map[exchange.Domain]crypto.Signed
}

func (m *maker) state() (s statements, err error) {
	s.policy = map[exchange.Domain]crypto.Signed{}
	for _, d := range m.f.descending() {
		if m.f.states(d) {
			signed, err := directory.Sign(m.keys[d.Domain].Sign, m.directory(d))
			if err != nil {
				return s, err
			}
			s.directory = append(s.directory, signed)
		}
		signed, err := directory.SignUnits(m.keys[d.Domain].Sign, m.units(d))
		if err != nil {
			return s, err
		}
		s.units = append(s.units, signed)
		if err := m.statePolicy(d, s.policy); err != nil {
			return s, err
		}
	}
	return s, nil
}

// states reports whether a domain has anybody to state: the top states itself.
func (f *Federation) states(d *Domain) bool { return d.Parent == "" || len(f.children(d.Domain)) > 0 }

func (m *maker) directory(d *Domain) exchange.Directory {
	out := exchange.Directory{
		Issuer: d.Domain, Number: 1,
		NotBefore: exchange.TimeOf(m.now.Add(-early)), NotAfter: exchange.TimeOf(m.now.Add(statementLife)),
	}
	if d.Parent == "" {
		out.Children = append(out.Children, m.info(d))
	}
	for _, c := range m.f.children(d.Domain) {
		out.Children = append(out.Children, m.info(c))
	}
	return out
}

func (m *maker) info(d *Domain) exchange.DomainInfo {
	ceiling, _ := exchange.ParseGrade(d.Ceiling) // checked
	pair := m.pairs[d.Domain]
	return exchange.DomainInfo{
		Domain: d.Domain, Name: d.Name, Level: d.level(), Parent: d.Parent, Ceiling: ceiling,
		SignCert: pair.Sign.Raw, EncryptCert: pair.Encrypt.Raw, Incarnation: firstIncarnation,
	}
}

func (m *maker) units(d *Domain) exchange.Units {
	out := exchange.Units{Domain: d.Domain, Number: 1, NotAfter: exchange.TimeOf(m.now.Add(statementLife))}
	for _, u := range d.Units {
		out.Units = append(out.Units, exchange.UnitInfo{Unit: d.unit(u.Unit), Name: u.Name, USCC: u.USCC, Line: u.Line, Office: u.Office})
	}
	return out
}

// statePolicy signs the policy of a domain that has one. It is compiled first:
// a domain with a policy that cannot be would never decide anything.
func (m *maker) statePolicy(d *Domain, out map[exchange.Domain]crypto.Signed) (err error) {
	files, err := d.policy()
	if err != nil || files == nil {
		return err
	}
	b := exchange.PolicyBundle{Issuer: d.Domain, Number: 1, At: exchange.TimeOf(m.now), Files: files}
	if _, err := policy.Load([]exchange.PolicyBundle{b}); err != nil {
		return err
	}
	out[d.Domain], err = crypto.Sign(m.keys[d.Domain].Sign, crypto.ContextPolicy, exchange.Encode(b))
	return err
}

func (d *Domain) policy() ([]exchange.PolicyFile, error) {
	switch {
	case d.PolicyDir != "":
		return policy.LoadDir(os.DirFS(d.PolicyDir))
	case d.Parent == "":
		return policy.Baseline(), nil
	}
	return nil, nil
}
