// Package facts turns what the gateway knows about an exchange into facts that
// rules test for equality. Every comparison and every relation is computed
// here, in Go, over typed values, so that a rule never sees a missing field and
// never compares text with a number.
package facts

import "github.com/yizhan-exchange/yizhan/exchange"

// Question is everything that is known when a decision is asked for. It is
// total: a zero field means what it says (no grade, no peer), never "unknown",
// and the kernel refuses what is left unset but must not be.
type Question struct {
	Point exchange.Point
	At    exchange.Time       // ledger time; it becomes Decision.At
	Self  exchange.DomainInfo // the domain that decides
	// Peer is the neighbour on the link the exchange came over or goes out on.
	// Leave it zero where no link is involved (within the domain, and at open).
	Peer exchange.DomainInfo

	Kind       exchange.Kind
	Type       string // 文种 code ("0B") or kind of case
	Urgency    exchange.Urgency
	Secrecy    exchange.Grade
	Years      uint8
	WorkSecret bool
	Disclosure exchange.Disclosure
	Share      exchange.ShareClass

	From Party
	To   []Recipient // all recipients of the manifest, in its order
	// Actor is the person who submits or opens. It is judged at open only.
	Actor Actor

	// Parent returns the superior of a domain, "" at the top and for a domain
	// that is not in the directory. When nil, only the parents stated in the
	// DomainInfo values above are known.
	Parent func(exchange.Domain) exchange.Domain
	// RevokedKey says that the key which signed the exchange, or that of the
	// peer, is revoked and nothing else covers the signature.
	RevokedKey bool
}

// Party is a unit together with its domain.
type Party struct {
	Unit   exchange.UnitInfo
	Domain exchange.DomainInfo
	// Known says that the domain is in the verified directory and that the
	// unit is stated by it, or, where its statements do not reach this far,
	// vouched for by its domain's signature.
	Known bool
}

// Recipient is one addressee.
type Recipient struct {
	Party
	Role exchange.Role
	// Elsewhere marks an addressee whom another domain judges: it is read only
	// to see who is copied. It is ignored at submit, where all are judged.
	Elsewhere bool
}

// Actor is the person who acts, with the duties the domain states of them.
type Actor struct {
	exchange.Caller
	Clearance exchange.Grade
	Suspended bool
}

// Describe copies what the manifest says about the exchange itself. Parties,
// domains and the point remain for the caller to fill.
func (q *Question) Describe(m *exchange.Manifest) {
	q.Kind, q.Type, q.Urgency = m.Kind, m.Type, m.Urgency
	q.Secrecy, q.Years, q.WorkSecret = m.Secrecy, m.Years, m.WorkSecret
	q.Disclosure, q.Share = m.Disclosure, m.Share
}

// judged reports whether this decision is about delivery to r.
func (q *Question) judged(r *Recipient) bool {
	return !r.Elsewhere || q.Point == exchange.PointSubmit
}
