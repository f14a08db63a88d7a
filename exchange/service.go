package exchange

import (
	"context"
	"io"
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
)

// Duty is a role of a person (DESIGN §1). The three officers' duties exclude
// each other.
type Duty string

// Duties.
const (
	Handler         Duty = "handler"          // 经办
	Clerk           Duty = "clerk"            // 签收
	SecurityOfficer Duty = "security_officer" // 安全管理员
	Administrator   Duty = "administrator"    // 系统管理员
	Auditor         Duty = "auditor"          // 安全审计员
	Supervisor      Duty = "supervisor"       // 督办
)

// Duties lists all of them.
func Duties() []Duty {
	return []Duty{Handler, Clerk, SecurityOfficer, Administrator, Auditor, Supervisor}
}

// Caller is the authenticated person on whose behalf a call is made.
type Caller struct {
	Unit   Unit
	Person Person
	Duties []Duty
}

// Has reports whether the caller has any of the duties.
func (c Caller) Has(any ...Duty) bool {
	return slices.ContainsFunc(any, func(d Duty) bool { return slices.Contains(c.Duties, d) })
}

type callerKey struct{}

// WithCaller attaches the caller to a context. Only the authenticating adapter
// calls it.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerFrom returns the caller, or false when nobody was authenticated.
func CallerFrom(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return c, ok
}

// Service is what units and persons can do. The pipeline implements it in the
// server, exchange/client over the network; both fail with *Error.
//
// A ref names an exchange: its id, a unique prefix or suffix of at least six
// characters, or its 发文字号.
type Service interface {
	Capabilities(ctx context.Context) (Capabilities, error)
	// Submit reads each file through open(i), in order, each to its end before
	// the next. Repeating a key with the same content returns the original
	// receipt, with Replayed set; with other content it fails with Conflict.
	Submit(ctx context.Context, s Submission, open func(i int) (io.Reader, error)) (Submitted, error)
	Inbox(ctx context.Context, q ListQuery) (List, error)
	Outbox(ctx context.Context, q ListQuery) (List, error)
	Show(ctx context.Context, ref string) (Details, error)
	Track(ctx context.Context, ref string) (Tracking, error)
	// Watch calls fn at once and after each change until fn fails, all
	// deliveries are final, or ctx ends.
	Watch(ctx context.Context, ref string, fn func(Tracking) error) error
	// Fetch writes the files named (nil: all), in order, to what create returns.
	Fetch(ctx context.Context, ref string, files []int, create func(index int, f File) (io.Writer, error)) error
	Sign(ctx context.Context, ref string) (Outcome, error)
	Return(ctx context.Context, ref, reason, note string) (Outcome, error)
	Recall(ctx context.Context, ref string, to []Unit, reason string) (Outcome, error)
	Urge(ctx context.Context, ref string, to []Unit) (Outcome, error)
	// ExportEvidence writes one file. content is "sealed", "none" or
	// "disclosed".
	ExportEvidence(ctx context.Context, ref, content string, w io.Writer) error
	Units(ctx context.Context, match string, limit int) ([]UnitSummary, error)
	PublishPolicy(ctx context.Context, files []PolicyFile, expected uint64) (PolicyLayer, error)
	ExplainPolicy(ctx context.Context, ref string) ([]DecisionRecord, error)
	PolicyStatus(ctx context.Context) ([]PolicyLayer, error)
}

// Capabilities publishes what a domain accepts.
type Capabilities struct {
	Domain        Domain   `json:"domain"`
	MaxContent    int64    `json:"max_content_bytes"`
	MaxFiles      int      `json:"max_files"`
	MaxRecipients int      `json:"max_recipients"`
	MaxFields     int      `json:"max_fields_bytes"`
	DocumentTypes []string `json:"document_types"`
	CaseTypes     []string `json:"case_types"`
	Provider      string   `json:"provider"`
	Version       string   `json:"version"`
}

// Submission is what a sender hands in, in the words people write.
type Submission struct {
	Key              string   `json:"idempotency_key"`
	Kind             string   `json:"kind"`
	To               []string `json:"to"`
	Cc               []string `json:"cc,omitempty"`
	Type             string   `json:"type,omitempty"`
	Number           string   `json:"number,omitempty"`
	Title            string   `json:"title"`
	Signer           string   `json:"signer,omitempty"`
	Date             string   `json:"date,omitempty"`
	Urgency          string   `json:"urgency,omitempty"`
	Secrecy          string   `json:"secrecy,omitempty"`
	Copies           string   `json:"copies,omitempty"`
	Disclosure       string   `json:"disclosure,omitempty"`
	DisclosureReason string   `json:"disclosure_reason,omitempty"`
	Share            string   `json:"share,omitempty"`
	ShareBasis       string   `json:"share_basis,omitempty"`
	Fields           []byte   `json:"fields,omitempty"`
	CaseNo           string   `json:"case_no,omitempty"`
	Remarks          string   `json:"remarks,omitempty"`
	Files            []File   `json:"files"`
	ExpiresIn        int64    `json:"expires_in_seconds,omitempty"`
}

// Submitted answers Submit.
type Submitted struct {
	ID       ID          `json:"id"`
	State    string      `json:"state"`
	Receipt  ReceiptView `json:"receipt"`
	Replayed bool        `json:"replayed"`
	Warnings []string    `json:"warnings,omitempty"`
}

// ReceiptView is a receipt for display, with the signed statement itself.
type ReceiptView struct {
	State   string        `json:"state"`
	Domain  Domain        `json:"domain"`
	Unit    Unit          `json:"unit,omitempty"`
	Person  Person        `json:"person,omitempty"`
	At      Time          `json:"at"`
	Reasons []string      `json:"reasons,omitempty"`
	Note    string        `json:"note,omitempty"`
	To      []Unit        `json:"to,omitempty"`
	Signed  crypto.Signed `json:"-"`
}

// ListQuery selects from an inbox or outbox, newest first.
type ListQuery struct {
	State  string
	Kind   string
	Limit  int // 0: 100; at most 1000
	Before string
}

// List is one page.
type List struct {
	Items []Summary `json:"items"`
	Next  string    `json:"next,omitempty"`
}

// Summary is one line of an inbox or outbox.
type Summary struct {
	ID       ID     `json:"id"`
	Kind     string `json:"kind"`
	From     Unit   `json:"from"`
	FromName string `json:"from_name,omitempty"`
	To       []Unit `json:"to"`
	Type     string `json:"type"`
	Number   string `json:"number,omitempty"`
	Title    string `json:"title"`
	Urgency  string `json:"urgency,omitempty"`
	State    string `json:"state"`
	At       Time   `json:"at"`
	Files    int    `json:"files"`
	Urged    int    `json:"urged,omitempty"`
	Delayed  bool   `json:"delayed,omitempty"` // in the outbox
}

// Details is an opened exchange.
type Details struct {
	Summary
	Signer     string         `json:"signer,omitempty"`
	Date       string         `json:"date,omitempty"`
	Secrecy    string         `json:"secrecy,omitempty"`
	Copies     string         `json:"copies,omitempty"`
	Disclosure string         `json:"disclosure,omitempty"`
	Share      string         `json:"share,omitempty"`
	Fields     []byte         `json:"-"`
	CaseNo     string         `json:"case_no,omitempty"`
	Remarks    string         `json:"remarks,omitempty"`
	FileList   []File         `json:"file_list"`
	Deliveries []DeliveryView `json:"deliveries,omitempty"`
}

// DeliveryView tells where one delivery is.
type DeliveryView struct {
	To       Unit          `json:"to"`
	ToName   string        `json:"to_name,omitempty"`
	Role     string        `json:"role"`
	State    string        `json:"state"`
	StateZh  string        `json:"state_zh"`
	At       Time          `json:"at"`
	Receipts []ReceiptView `json:"receipts"`
	Where    Domain        `json:"where,omitempty"`
	Waiting  []string      `json:"waiting,omitempty"`
	InDoubt  bool          `json:"in_doubt,omitempty"` // withdrawn or given up, and maybe sent; the answer supersedes
	Delayed  bool          `json:"delayed,omitempty"`  // nobody further on has taken it for longer than usual
}

// Tracking answers Track.
type Tracking struct {
	ID         ID             `json:"id"`
	Kind       string         `json:"kind"`
	Deliveries []DeliveryView `json:"deliveries"`
	Final      bool           `json:"final"`
	AsOf       Time           `json:"as_of"`
	Replica    Replica        `json:"replica,omitempty"`
}

// Outcome answers an act: signing, returning, recalling, urging.
type Outcome struct {
	ID         ID             `json:"id"`
	State      string         `json:"state"`
	Receipt    *ReceiptView   `json:"receipt,omitempty"`
	Deliveries []DeliveryView `json:"deliveries,omitempty"`
	Replayed   bool           `json:"replayed,omitempty"`
}

// UnitSummary is one line of the address book.
type UnitSummary struct {
	Unit       Unit   `json:"unit"`
	Name       string `json:"name"`
	DomainName string `json:"domain_name"`
	Level      string `json:"level"`
	Suspended  bool   `json:"suspended,omitempty"`
}

// DecisionRecord is a stored decision with who caused it.
type DecisionRecord struct {
	Decision
	Person Person `json:"person,omitempty"`
}

// PolicyLayer is one layer in force.
type PolicyLayer struct {
	Issuer Domain        `json:"issuer"`
	Number uint64        `json:"number"`
	At     Time          `json:"at"`
	Digest crypto.Digest `json:"-"`
	Files  int           `json:"files"`
}

// DomainStatus is one hosted domain, for administrators.
type DomainStatus struct {
	Domain         Domain         `json:"domain"`
	Name           string         `json:"name"`
	Level          string         `json:"level"`
	Replica        Replica        `json:"replica"`
	Role           string         `json:"role"`
	Leader         Replica        `json:"leader,omitempty"`
	Term           uint64         `json:"term"`
	CommitIndex    uint64         `json:"commit_index"`
	AppliedIndex   uint64         `json:"applied_index"`
	Members        []MemberStatus `json:"members"`
	Links          []LinkStatus   `json:"links"`
	Incarnation    uint64         `json:"incarnation"`
	FeatureLevel   uint32         `json:"feature_level"`
	LedgerTime     Time           `json:"ledger_time"`
	Exchanges      uint64         `json:"exchanges"`
	StoppedBecause string         `json:"stopped_because,omitempty"`
	Health         Health         `json:"health"`
	Load           Load           `json:"load"`
	Held           uint64         `json:"held"` // messages of neighbours that were set aside
	Content        ContentStatus  `json:"content"`
}

// ContentStatus is what looking after the stored content found, on the replica
// that answers and since it started.
type ContentStatus struct {
	Rounds     uint64 `json:"scrub_rounds"`       // complete ones
	At         Time   `json:"scrubbed,omitempty"` // when the last of them ended
	Read       uint64 `json:"chunks_read"`
	Mended     uint64 `json:"chunks_mended"` // from other replicas
	Lost       uint64 `json:"chunks_lost"`   // in the last round: damaged, and no replica has them whole
	Swept      uint64 `json:"chunks_swept"`  // nobody referred to them any more
	SweptBytes uint64 `json:"swept_bytes"`
}

// MemberStatus is one replica of a domain.
type MemberStatus struct {
	Replica Replica `json:"replica"`
	Address string  `json:"address"`
	Voter   bool    `json:"voter"`
	Leader  bool    `json:"leader"`
	// What follows it says of itself, and is empty when it did not answer.
	Reached   bool   `json:"reached"`
	Role      string `json:"role,omitempty"`
	ContactMs int64  `json:"contact_ms"` // since it heard of its leader; -1 never
	Applied   uint64 `json:"applied_index"`
	Commit    uint64 `json:"commit_index"`
	Missing   uint64 `json:"missing_chunks"`
	Unchecked uint64 `json:"unchecked_events"`
	Supports  uint32 `json:"supports"` // feature level
	SkewMs    int64  `json:"skew_ms"`
	Stopped   string `json:"stopped_because,omitempty"`
	WaitsFor  string `json:"waits_for,omitempty"`
	Version   string `json:"version,omitempty"`
}

// LinkStatus is one link of a domain.
type LinkStatus struct {
	Peer      Domain `json:"peer"`
	Direction string `json:"direction"` // up, down
	State     string `json:"state"`     // connected, dialing, refused, off
	Queued    uint64 `json:"queued"`
	OldestMs  int64  `json:"oldest_ms"`
	SkewMs    int64  `json:"skew_ms"`
	LastError string `json:"last_error,omitempty"`
	Resyncs   uint64 `json:"epoch_resyncs,omitempty"`
	// Resync tells how far a resynchronisation with a new life has come: what is
	// given back to the peer, and whether it still gives back. "": nothing is owed.
	Resync string `json:"resync,omitempty"`
	// ChunksSent and ChunksReceived count chunks of content since the process
	// that answers started, repetitions included.
	ChunksSent     uint64 `json:"chunks_sent"`
	ChunksReceived uint64 `json:"chunks_received"`
}

// Operator is what administrators can ask of one node.
type Operator interface {
	ClusterStatus(ctx context.Context) ([]DomainStatus, error)
}
