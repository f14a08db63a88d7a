package sim

import (
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// The federation: a province, two cities, two counties below one of them.
const (
	province = exchange.Domain("320000")
	city     = exchange.Domain("320500")
	other    = exchange.Domain("320100")
	county   = exchange.Domain("320582")
	sibling  = exchange.Domain("320583")
)

// tree lists the domains, superiors first.
var tree = []exchange.DomainInfo{
	{Domain: province, Name: "江苏省", Level: exchange.Province, Incarnation: 1},
	{Domain: city, Name: "苏州市", Level: exchange.City, Parent: province, Incarnation: 1},
	{Domain: other, Name: "南京市", Level: exchange.City, Parent: province, Incarnation: 1},
	{Domain: county, Name: "张家港市", Level: exchange.County, Parent: city, Incarnation: 1},
	{Domain: sibling, Name: "昆山市", Level: exchange.County, Parent: city, Incarnation: 1},
}

// kit is what all runs have in common: keys, certificates, statements. It is
// made once and never changed.
type kit struct {
	provider  sm.Provider
	anchor    trust.Anchor
	vaults    map[exchange.Domain]*vault
	directory []crypto.Signed
	units     []crypto.Signed
	policy    crypto.Signed
}

// vault holds a domain's keys.
type vault struct {
	keys trust.Keys
	pair trust.Pair
}

// Signer implements trust.Vault.
func (v *vault) Signer() (crypto.Signer, error) { return v.keys.Sign, nil }

// Pair implements trust.Vault.
func (v *vault) Pair() (trust.Pair, error) { return v.pair, nil }

// Opener implements trust.Vault.
func (v *vault) Opener(id crypto.KeyID) (crypto.Opener, bool) {
	return v.keys.Encrypt, v.keys.Encrypt.KeyID() == id
}

// rules is the policy of the simulation: compiling the shipped one would cost
// more than everything else together.
func rules(revision string) []exchange.PolicyFile {
	return []exchange.PolicyFile{{Path: "allow.rego", Data: []byte("# " + revision + "\npackage yizhan.layer\n\nallow if input.kind == \"case\"\n")}}
}

// Kit is the keys and certificates that runs share.
type Kit struct{ *kit }

// NewKit makes the federation that runs share: with the provider of that name
// ("emmansun", "tjfoc"), or with a fast one that only pretends, for "".
func NewKit(provider string) (Kit, error) {
	p, err := sm.New(provider)
	if err != nil {
		return Kit{}, err
	}
	k := &kit{provider: p, vaults: map[exchange.Domain]*vault{}}
	random := rand.NewChaCha8([32]byte{1})
	ca, err := trust.NewCA(p, random, "simulation", begin.Std().Add(-2*time.Hour), 2*certified)
	if err != nil {
		return Kit{}, err
	}
	if provider == "" {
		k.provider = pretend{p, &sync.Map{}}
	}
	return Kit{k}, k.make(ca.WithValidity(begin.Std().Add(-time.Hour), certified), random)
}

const certified = 24 * 365 * time.Hour

func (k *kit) make(ca *trust.CA, random io.Reader) (err error) {
	k.anchor = trust.Anchor{Root: string(province), CAs: [][]byte{ca.Certificate.Raw}}
	infos := map[exchange.Domain]exchange.DomainInfo{}
	for _, info := range tree {
		v := &vault{}
		if v.keys.Sign, err = k.provider.GenerateKey(random); err != nil {
			return err
		}
		if v.keys.Encrypt, err = k.provider.GenerateKey(random); err != nil {
			return err
		}
		if v.pair, err = ca.IssuePair(string(info.Domain), v.keys.Sign.Public(), v.keys.Encrypt.Public()); err != nil {
			return err
		}
		info.SignCert, info.EncryptCert = v.pair.Sign.Raw, v.pair.Encrypt.Raw
		infos[info.Domain], k.vaults[info.Domain] = info, v
	}
	return k.state(infos)
}

// state signs the statements that found the federation.
func (k *kit) state(infos map[exchange.Domain]exchange.DomainInfo) (err error) {
	keep := func(list *[]crypto.Signed, s crypto.Signed, e error) {
		*list = append(*list, s)
		if err == nil {
			err = e
		}
	}
	for _, listed := range [][]exchange.Domain{{province, city, other}, {county, sibling}} {
		issuer := infos[listed[1]].Parent
		d := exchange.Directory{Issuer: issuer, Number: 1, NotBefore: begin.Add(-time.Hour), NotAfter: begin.Add(certified / 2)}
		for _, c := range listed {
			d.Children = append(d.Children, infos[c])
		}
		s, e := directory.Sign(k.vaults[issuer].keys.Sign, d)
		keep(&k.directory, s, e)
	}
	for _, info := range tree {
		s, e := directory.SignUnits(k.vaults[info.Domain].keys.Sign, exchange.Units{Domain: info.Domain, Number: 1, NotAfter: begin.Add(certified / 2),
			Units: []exchange.UnitInfo{
				{Unit: exchange.Unit("bgs@" + info.Domain), Name: info.Name + "人民政府办公室", Office: true},
				{Unit: exchange.Unit("wjw@" + info.Domain), Name: info.Name + "卫生健康委员会", Line: "health"},
			}})
		keep(&k.units, s, e)
	}
	b := exchange.PolicyBundle{Issuer: province, Number: 1, At: begin, Files: rules("1")}
	k.policy, _ = crypto.Sign(k.vaults[province].keys.Sign, crypto.ContextPolicy, exchange.Encode(b))
	return err
}

// founding is the first command of a domain's log.
func (k *kit) founding(info exchange.DomainInfo, epoch [16]byte) ledger.Command {
	return ledger.Command{Time: begin, Bootstrap: &ledger.Bootstrap{Level: ledger.FeatureLevel, Directory: k.directory, Units: k.units, Policy: []crypto.Signed{k.policy},
		Self: ledger.Self{Domain: info.Domain, Parent: info.Parent, Epoch: epoch, Incarnation: 1}}}
}
