package check

import (
	"fmt"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Severity says how bad a finding is.
type Severity string

// Severities.
const (
	// Error contradicts a promise: the replica must not be trusted as it is.
	Error Severity = "error"
	// Warning is what a replica that lags, or a directory that changed, may show.
	Warning Severity = "warning"
)

// Finding is one thing that does not fit.
type Finding struct {
	Code     Code     `json:"code"`
	Object   string   `json:"object,omitempty"` // an id, or a table and where in it
	Message  string   `json:"message"`
	Severity Severity `json:"severity"`
}

// String returns the finding on one line.
func (f Finding) String() string {
	return fmt.Sprintf("%s %s %s: %s", f.Severity, f.Code, f.Object, f.Message)
}

// Counts say how much was looked at.
type Counts struct {
	Rows       uint64 `json:"rows"`
	Exchanges  uint64 `json:"exchanges"`
	Deliveries uint64 `json:"deliveries"`
	Final      uint64 `json:"final"`     // deliveries that ended
	Receipts   uint64 `json:"receipts"`  // stored
	Verified   uint64 `json:"verified"`  // signatures that hold
	Queued     uint64 `json:"queued"`    // messages that wait for a neighbour
	InFlight   uint64 `json:"in_flight"` // deliveries acknowledged by the next hop, whose custody is not stated yet
	Waiting    uint64 `json:"waiting"`   // envelopes whose chunks are not here
	Leases     uint64 `json:"leases"`    // that are alive
	Inline     uint64 `json:"inline"`    // chunks kept in the ledger
	Chunks     uint64 `json:"chunks"`    // chunks in the content store that an exchange refers to
	Missing    uint64 `json:"missing"`   // chunks that ought to be in the content store
	Rehashed   uint64 `json:"rehashed"`  // chunks whose bytes were read
	// Unreferenced chunks belong to no exchange. Uploading ones neither, but
	// while a lease is alive they may be of an upload; in a domain at level 2
	// uploads have no leases, and count as unreferenced.
	Unreferenced uint64 `json:"unreferenced"`
	Uploading    uint64 `json:"uploading"`
	Leaves       uint64 `json:"leaves"` // of the audit tree
	Held         uint64 `json:"held"`   // quarantined messages
	Gone         uint64 `json:"gone"`   // deleted at the end of their retention
	Tombs        uint64 `json:"tombs"`  // recalls and refusals that came before their exchange
}

// Report is what was found in one replica of one domain.
type Report struct {
	Domain  exchange.Domain  `json:"domain"`
	Replica exchange.Replica `json:"replica,omitempty"`
	// Index, Term and Digest are of the last applied entry: replicas at equal
	// index have equal digests.
	Index     uint64          `json:"index"`
	Term      uint64          `json:"term"`
	Digest    crypto.Digest   `json:"digest"`
	AuditRoot crypto.Digest   `json:"audit_root"`
	Counts    Counts          `json:"counts"`
	Totals    map[Code]uint64 `json:"totals,omitempty"` // findings by code, also those not listed
	Findings  []Finding       `json:"findings"`
	Omitted   uint64          `json:"omitted,omitempty"` // findings beyond the limit
	Failed    uint64          `json:"errors"`            // findings that are errors, listed or not
}

// OK reports whether there is no error; warnings do not count.
func (r *Report) OK() bool { return r.Failed == 0 }

// maxFindings bounds what a report lists. A ledger that is that broken is not
// repaired line by line.
const maxFindings = 1000

func (r *Report) add(f Finding) {
	r.Totals[f.Code]++
	if f.Severity == Error {
		r.Failed++
	}
	if len(r.Findings) >= maxFindings {
		r.Omitted++
		return
	}
	r.Findings = append(r.Findings, f)
}
