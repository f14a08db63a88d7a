package directory_test

import (
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	dt "github.com/yizhan-exchange/yizhan/exchange/directory/directorytest"
)

func units(number uint64, prev crypto.Digest, names ...exchange.Unit) exchange.Units {
	u := exchange.Units{Domain: dt.County, Number: number, Prev: prev, NotAfter: now + 1000}
	for _, n := range names {
		u.Units = append(u.Units, exchange.UnitInfo{Unit: n, Name: "昆山市" + n.Local()})
	}
	return u
}

func TestADomainStatesItsOwnUnits(t *testing.T) {
	f := dt.Three(t)
	first := f.StateUnits(units(1, crypto.Digest{}, "wjw@320582", "bgs@320582"))
	b := f.Book(now)
	if u, ok := b.Unit("wjw@320582"); !ok || u.Name != "昆山市wjw" {
		t.Errorf("%+v %v", u, ok)
	}
	if got := b.Units(""); len(got) != 2 || got[0].Unit != "bgs@320582" {
		t.Errorf("all: %v", got)
	}
	if got := b.Units("市wj"); len(got) != 1 {
		t.Errorf("by name: %v", got)
	}
	number, prev := b.NextUnits(dt.County)
	if number != 2 || prev != f.Provider.Sum(first.Bytes) {
		t.Errorf("next is %d", number)
	}
	b = must(b.WithUnits(f.StateUnits(units(2, prev, "wjw@320582")), now))
	if _, ok := b.Unit("bgs@320582"); ok {
		t.Error("a unit that is no longer stated is found")
	}
	if again := must(b.WithUnits(f.Units[1], now)); again != b {
		t.Error("a statement already held made another book")
	}
	if s, ok := b.LatestUnits(dt.County); !ok || string(s.Bytes) != string(f.Units[1].Bytes) {
		t.Error("latest")
	}
}

func TestAStatementOfUnitsThatIsNotTheDomainsIsRefused(t *testing.T) {
	f := dt.Three(t)
	first := f.StateUnits(units(1, crypto.Digest{}, "wjw@320582"))
	b := f.Book(now)
	prev := f.Provider.Sum(first.Bytes)
	late := units(2, prev)
	late.NotAfter = now - 1
	cases := map[string]struct {
		u     exchange.Units
		class error
	}{
		"another's unit":     {units(2, prev, "wjw@320583"), directory.ErrIssuer},
		"a unit twice":       {units(2, prev, "wjw@320582", "wjw@320582"), directory.ErrMalformed},
		"no number":          {units(0, prev), directory.ErrMalformed},
		"the same number":    {units(1, crypto.Digest{}), directory.ErrEquivocation},
		"another Prev":       {units(2, crypto.Digest{1}), directory.ErrChain},
		"after its own end":  {late, directory.ErrExpired},
		"of no valid domain": {exchange.Units{Domain: "x", Number: 1}, directory.ErrMalformed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := b.WithUnits(must(directory.SignUnits(f.Domains[dt.County].Sign, c.u)), now)
			wantClass(t, err, c.class)
		})
	}
	_, err := b.WithUnits(must(directory.SignUnits(f.Domains[dt.City].Sign, units(2, prev))), now)
	wantClass(t, err, directory.ErrUnknownKey)
	third := must(b.WithUnits(f.StateUnits(units(3, crypto.Digest{9})), now))
	_, err = third.WithUnits(f.StateUnits(units(2, prev)), now)
	wantClass(t, err, directory.ErrSuperseded)
}
