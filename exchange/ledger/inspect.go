package ledger

import (
	"github.com/yizhan-exchange/yizhan/crypto/merkle"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/route"
)

// What a check asks of a ledger, beside the queries of everyday.

var tableNames = [...]string{"", "meta", "exchange", "delivery", "receipt", "key", "inbox", "outbox", "queue", "link", "seen", "directory",
	"units", "unit", "domain", "revoked", "policy", "person", "token", "lease", "decision", "audit", "inline", "waiting", "history", "held",
	"told", "offer", "parent", "deadline", TableStumble: "stumble", TableTomb: "tomb", TableDelay: "delay", TableGone: "gone", TableRef: "ref",
	TableLife: "life", TableNotice: "notice", TableAsked: "asked"}

// String returns the table's name in reports, "" when there is no such table.
func (t Table) String() string {
	if int(t) < len(tableNames) {
		return tableNames[t]
	}
	return ""
}

// AuditOf returns the frontier of the audit tree; false when nothing was ever
// noted.
func AuditOf(r Reader) (merkle.Frontier, bool, error) {
	return Get[merkle.Frontier](r, TableMeta, keyAudit)
}

// Toward returns the neighbour on the road from a domain to another, as the
// directory has it now; false when there is no road.
func Toward(r Reader, self, dest exchange.Domain) (exchange.Domain, bool) {
	return route.Next(self, dest, func(d exchange.Domain) (exchange.Domain, bool) {
		raw := r.Get(TableParent, []byte(d))
		return exchange.Domain(raw), raw != nil
	})
}

// Subject tells what a command is about: the name of its kind, and the exchange
// that it concerns, if it is one.
func (c *Command) Subject() (kind string, id exchange.ID) {
	switch {
	case c.Submit != nil:
		m, _ := DecodeManifest(c.Submit.Manifest) // an id of zero when it cannot be read
		return "submit", m.ID
	case c.Custody != nil:
		return "custody", c.Custody.Exchange
	case c.Act != nil:
		r, _ := DecodeReceipt(c.Act.Receipt)
		return "act", r.Exchange
	case c.Notice != nil:
		n, _ := DecodeNotice(c.Notice.Notice)
		return "notice", n.Exchange
	case c.Bootstrap != nil:
		return "founding", id
	case c.Receive != nil:
		return "receive", id
	case c.Ack != nil, c.Open != nil, c.Asked != nil:
		return "link", id
	case c.Statement != nil:
		return "statement", id
	case c.Renew != nil:
		return "new life", id
	}
	return "other", id
}
