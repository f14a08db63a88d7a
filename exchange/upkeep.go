package exchange

import (
	"context"
	"io"
)

// Upkeep is what administrators ask of one domain while it runs.
type Upkeep interface {
	// MakeBackup writes a backup of the domain, as node/backup has it, that the
	// offline key in the node's configuration opens. Codes: Invalid when the
	// node names none, Exhausted when there is no room for a copy of the ledger,
	// Unavailable.
	MakeBackup(ctx context.Context, w io.Writer) error
	// Snapshot lets the replica that is asked cut back its log, as far as others
	// that lag need it. Nothing to cut is not an error.
	Snapshot(ctx context.Context) (Snapshot, error)
	// CheckDomain lets every replica check itself and compares them. progress is
	// called now and then by one goroutine at a time. A replica that could not be
	// asked is a finding.
	CheckDomain(ctx context.Context, o CheckOptions, progress func(CheckProgress)) (DomainCheck, error)
}

// Snapshot says how far a replica's log is cut back.
type Snapshot struct {
	Replica Replica `json:"replica"`
	Index   uint64  `json:"index"` // the log may begin after it
	Applied uint64  `json:"applied"`
}

// CheckOptions say how far a check goes.
type CheckOptions struct {
	Signatures bool // verify every manifest and receipt
	Content    bool // read every chunk again
	Strict     bool // a missing chunk is an error
}

// CheckProgress is what one replica is at.
type CheckProgress struct {
	Replica Replica `json:"replica"`
	Stage   string  `json:"stage"` // waiting, copying, checking, done, failed
	Rows    uint64  `json:"rows"`  // looked at
	// Index and Digest are those of the copy, once it is made.
	Index  uint64 `json:"index,omitempty"`
	Digest string `json:"digest,omitempty"`
}

// DomainCheck is what was found in a domain that runs.
type DomainCheck struct {
	Domain   Domain         `json:"domain"`
	OK       bool           `json:"ok"` // no errors; warnings do not count
	Replicas []ReplicaCheck `json:"replicas"`
	Findings []CheckFinding `json:"findings"` // of the comparison
}

// ReplicaCheck is what one replica found in its own copy.
type ReplicaCheck struct {
	Replica   Replica           `json:"replica"`
	Index     uint64            `json:"index"`
	Term      uint64            `json:"term"`
	Digest    string            `json:"digest"`
	AuditRoot string            `json:"audit_root"`
	Counts    map[string]uint64 `json:"counts"`
	Findings  []CheckFinding    `json:"findings"`
	Errors    uint64            `json:"errors"`           // findings that are errors, listed or not
	Omitted   uint64            `json:"omitted"`          // findings that are not listed
	Failed    string            `json:"failed,omitempty"` // why it could not be carried out
}

// CheckFinding is one thing that does not fit; node/check has the codes.
type CheckFinding struct {
	Severity string `json:"severity"` // error, warning
	Code     string `json:"code"`
	Object   string `json:"object,omitempty"`
	Message  string `json:"message"`
}
