// Package directorytest declares small federations for tests: an authority,
// domains with keys made at run time, and the statements that join them.
package directorytest

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
)

// Names of the domains of Three.
const (
	Province exchange.Domain = "320000"
	City     exchange.Domain = "320500"
	County   exchange.Domain = "320582"
	Sibling  exchange.Domain = "320583"
	Far      exchange.Domain = "320100" // another city of the province
)

// Begin is when certificates and statements of a federation begin.
var Begin = exchange.TimeOf(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))

// Year is the period of statements and certificates.
const Year = 365 * 24 * time.Hour

// Domain is one domain with its private keys.
type Domain struct {
	exchange.DomainInfo
	Sign    sm.PrivateKey
	Encrypt sm.PrivateKey
}

// Federation is an authority, domains, and the latest statement of each issuer.
type Federation struct {
	Provider   sm.Provider
	Authority  *trust.CA
	Anchor     trust.Anchor
	Domains    map[exchange.Domain]*Domain
	Statements []crypto.Signed // as made, superiors first
	Units      []crypto.Signed

	t testing.TB
}

// Three is a province with two cities, one of which has two counties; each has
// made its statements 1, valid for a Year from Begin.
func Three(t testing.TB) *Federation {
	f := New(t, Province)
	f.Join(Province, "", exchange.Province, "江苏省")
	f.Join(City, Province, exchange.City, "苏州市")
	f.Join(Far, Province, exchange.City, "南京市")
	f.Join(County, City, exchange.County, "昆山市")
	f.Join(Sibling, City, exchange.County, "张家港市")
	f.State(f.Directory(Province, 1))
	f.State(f.Directory(City, 1))
	return f
}

// New is a federation without domains.
func New(t testing.TB, root exchange.Domain) *Federation {
	t.Helper()
	p := must(sm.New(""))
	ca := must(trust.NewCA(p, rand.Reader, "试验根", Begin.Std().Add(-time.Hour), 10*Year))
	return &Federation{
		Provider: p, t: t, Domains: map[exchange.Domain]*Domain{},
		Authority: ca.WithValidity(Begin.Std(), 2*Year),
		Anchor:    trust.Anchor{Root: string(root), CAs: [][]byte{ca.Certificate.Raw}},
	}
}

// Join makes a domain with fresh keys and certificates, or renews them.
func (f *Federation) Join(d, parent exchange.Domain, level exchange.Level, name string) *Domain {
	sign, encrypt := must(f.Provider.GenerateKey(rand.Reader)), must(f.Provider.GenerateKey(rand.Reader))
	pair := must(f.Authority.IssuePair(string(d), sign.Public(), encrypt.Public()))
	f.Domains[d] = &Domain{
		DomainInfo: exchange.DomainInfo{
			Domain: d, Name: name, Level: level, Parent: parent,
			SignCert: pair.Sign.Raw, EncryptCert: pair.Encrypt.Raw,
		},
		Sign: sign, Encrypt: encrypt,
	}
	return f.Domains[d]
}

// Directory drafts an issuer's statement of its present children, ordered by
// name, without a Prev.
func (f *Federation) Directory(issuer exchange.Domain, number uint64) exchange.Directory {
	d := exchange.Directory{Issuer: issuer, Number: number, NotBefore: Begin, NotAfter: Begin.Add(Year)}
	for _, name := range []exchange.Domain{Province, Far, City, County, Sibling} {
		c := f.Domains[name]
		if c != nil && (c.Parent == issuer || (c.Parent == "" && name == issuer)) {
			d.Children = append(d.Children, c.DomainInfo)
		}
	}
	return d
}

// State signs a statement with its issuer's present key and keeps it.
func (f *Federation) State(d exchange.Directory) crypto.Signed {
	s := must(directory.Sign(f.Domains[d.Issuer].Sign, d))
	f.Statements = append(f.Statements, s)
	return s
}

// StateUnits signs a statement of a domain's units and keeps it.
func (f *Federation) StateUnits(u exchange.Units) crypto.Signed {
	s := must(directory.SignUnits(f.Domains[u.Domain].Sign, u))
	f.Units = append(f.Units, s)
	return s
}

// T is the test that the federation belongs to.
func (f *Federation) T() testing.TB { return f.t }

// Book is the book of all statements kept, relied on at that time.
func (f *Federation) Book(at exchange.Time) *directory.Book {
	f.t.Helper()
	b := directory.NewBook(f.Provider, f.Anchor)
	for _, s := range f.Statements {
		next, err := b.With(s, at)
		if err != nil {
			f.t.Fatalf("statement: %v", err)
		}
		b = next
	}
	for _, s := range f.Units {
		next, err := b.WithUnits(s, at)
		if err != nil {
			f.t.Fatalf("units: %v", err)
		}
		b = next
	}
	return b
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
