package check

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// statements checks directory, units and policies against their history, and
// what was taken apart against the statements.
func (c *checker) statements() {
	for _, t := range []ledger.Table{ledger.TableDirectory, ledger.TableUnits, ledger.TablePolicy} {
		c.latest(t)
	}
	rows(c, ledger.TableHistory, nil, 11, func([]byte, crypto.Signed) {})
	c.domains()
	c.unitRows()
	c.persons()
	rows(c, ledger.TableRevoked, nil, len(crypto.KeyID{}), func(k []byte, r exchange.Revocation) {
		if !bytes.Equal(k, r.Key[:]) {
			c.errorf(DirectoryMismatch, objectOf(ledger.TableRevoked, k), "the revocation is of another key")
		}
	})
	c.told()
}

// latest checks that the statement in force of each issuer is also in history,
// which is what old signatures are verified with.
func (c *checker) latest(t ledger.Table) {
	numbers := ledger.Numbers(c.r, t)
	rows(c, t, nil, 1, func(k []byte, s crypto.Signed) {
		n := numbers[exchange.Domain(k)]
		past := binary.BigEndian.AppendUint64(under(exchange.Domain(k), []byte{byte(t)}), n)
		kept, ok := row[crypto.Signed](c, ledger.TableHistory, past)
		if n == 0 || !ok || !bytes.Equal(kept.Bytes, s.Bytes) {
			c.errorf(StatementHistory, objectOf(t, k), fmt.Sprintf("statement %d is unreadable, or is not in history as it is in force", n))
		}
	})
}

// domains compares what is known of each domain with its superior's statement.
func (c *checker) domains() {
	listed := map[exchange.Domain]exchange.DomainInfo{}
	for _, issuer := range ledger.Issuers(c.r, ledger.TableDirectory) {
		s, _ := row[crypto.Signed](c, ledger.TableDirectory, []byte(issuer))
		body, _ := s.Body(crypto.ContextDirectory)
		d, _ := exchange.DecodeStored[exchange.Directory](body)
		for _, child := range d.Children {
			if child.Parent == issuer || child.Domain == issuer {
				listed[child.Domain] = child
			}
		}
	}
	rows(c, ledger.TableDomain, nil, 1, func(k []byte, info exchange.DomainInfo) {
		stated, ok := listed[exchange.Domain(k)]
		delete(listed, exchange.Domain(k))
		parent := c.r.Get(ledger.TableParent, k)
		if !ok || info.Domain != exchange.Domain(k) || info.Parent != stated.Parent || parent == nil || exchange.Domain(parent) != info.Parent {
			c.errorf(DirectoryMismatch, objectOf(ledger.TableDomain, k), "no statement in force says this of the domain, or its road differs")
		}
	})
	for d := range listed {
		c.errorf(DirectoryMismatch, objectOf(ledger.TableDomain, []byte(d)), "a statement in force lists the domain, and it has no row")
	}
	c.scan(ledger.TableParent, nil, 1, func(k, _ []byte) {
		if c.r.Get(ledger.TableDomain, k) == nil {
			c.errorf(DirectoryMismatch, objectOf(ledger.TableParent, k), "the domain has a superior and no row")
		}
	})
}

// unitRows compares the units with the statements of their domains, one domain
// after another.
func (c *checker) unitRows() {
	listed := map[exchange.Unit]bool{}
	for _, d := range ledger.Issuers(c.r, ledger.TableUnits) {
		s, _ := row[crypto.Signed](c, ledger.TableUnits, []byte(d))
		body, _ := s.Body(crypto.ContextUnits)
		u, _ := exchange.DecodeStored[exchange.Units](body)
		for _, info := range u.Units {
			if info.Unit.Domain() == d {
				listed[info.Unit] = true
			}
		}
	}
	rows(c, ledger.TableUnit, nil, 2, func(k []byte, info exchange.UnitInfo) {
		owner, local := split(k)
		if !listed[info.Unit] || string(info.Unit) != string(local)+"@"+string(owner) {
			c.errorf(DirectoryMismatch, objectOf(ledger.TableUnit, k), "no statement in force lists the unit")
		}
		delete(listed, info.Unit)
	})
	for u := range listed {
		c.errorf(DirectoryMismatch, "unit "+string(u), "a statement in force lists the unit, and it has no row")
	}
}

// persons checks that each credential leads to its person and back.
func (c *checker) persons() {
	rows(c, ledger.TablePerson, nil, 3, func(k []byte, p ledger.PersonRow) {
		if !p.Token.IsZero() && !bytes.Equal(c.r.Get(ledger.TableToken, p.Token[:]), k) {
			c.errorf(TokenMismatch, objectOf(ledger.TablePerson, k), "a person's credential leads to nobody, or to somebody else")
		}
	})
	c.scan(ledger.TableToken, nil, len(crypto.Digest{}), func(k, owner []byte) {
		p, ok := row[ledger.PersonRow](c, ledger.TablePerson, owner)
		if !ok || !bytes.Equal(p.Token[:], k) {
			c.errorf(TokenMismatch, "token of "+keyText(ledger.TablePerson, owner), "a credential is accepted that is no longer anybody's")
		}
	})
}

// told checks what neighbours were informed of.
func (c *checker) told() {
	numbers := map[byte]map[exchange.Domain]uint64{}
	for _, t := range []ledger.Table{ledger.TableDirectory, ledger.TableUnits, ledger.TablePolicy} {
		numbers[byte(t)] = ledger.Numbers(c.r, t)
	}
	c.scan(ledger.TableTold, nil, 4, func(k, raw []byte) {
		owner, rest := split(k)
		if len(rest) < 2 || len(raw) != 8 || c.r.Get(ledger.TableLink, owner) == nil || number(raw) > numbers[rest[0]][exchange.Domain(rest[1:])] {
			c.errorf(ToldOrphan, objectOf(ledger.TableTold, k), "a neighbour was told a statement that is not here, or is no neighbour")
		}
	})
}
