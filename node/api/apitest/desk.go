// Package apitest starts a real API server on the loopback before a service
// that lives in memory, for tests of whatever talks to it.
package apitest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// Call is one call that a Desk saw.
type Call struct {
	Method string
	Caller exchange.Caller
	Args   []any
}

// Desk is an exchange.Service and Operator in memory. It keeps what is
// submitted, by idempotency key, and lets a test decide what goes wrong. Its
// fields are set before it serves, or by Change.
type Desk struct {
	// Fail, when set, is asked before each call; its error is the answer.
	Fail func(method string) error
	// After, when set, is asked after a submission was kept.
	After func(exchange.Submission) error
	// Answers given to calls about anything but what was submitted.
	Tracking    exchange.Tracking
	Details     exchange.Details
	Outcome     exchange.Outcome
	AddressBook []exchange.UnitSummary
	Layers      []exchange.PolicyLayer
	Decisions   []exchange.DecisionRecord
	Cluster     []exchange.DomainStatus
	Evidence    []byte
	Aside       []exchange.HeldMessage
	Contents    map[string][]byte // by file name, for Fetch

	mu    sync.Mutex
	calls []Call
	kept  map[string]*Kept
	order []*Kept
}

// Kept is a submission as it arrived.
type Kept struct {
	exchange.Submission
	Answer  exchange.Submitted
	Content [][]byte
	At      exchange.Time
}

// Calls returns what was called so far.
func (d *Desk) Calls() []Call {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.calls)
}

// Kept returns the submissions, oldest first.
func (d *Desk) Kept() []*Kept {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.order)
}

func (d *Desk) enter(ctx context.Context, method string, args ...any) error {
	caller, _ := exchange.CallerFrom(ctx)
	d.mu.Lock()
	d.calls = append(d.calls, Call{method, caller, args})
	fail := d.Fail
	d.mu.Unlock()
	if fail != nil {
		return fail(method)
	}
	return nil
}

// Change lets a test edit a desk that is serving.
func (d *Desk) Change(edit func(d *Desk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	edit(d)
}

func (d *Desk) details() exchange.Details {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Details
}

// Capabilities implements exchange.Service.
func (d *Desk) Capabilities(ctx context.Context) (exchange.Capabilities, error) {
	return exchange.Capabilities{
		Domain: "320582", MaxContent: exchange.MaxContent, MaxFiles: exchange.MaxFiles,
		MaxRecipients: exchange.MaxRecipients, MaxFields: exchange.MaxFieldsSize,
		DocumentTypes: []string{"请示", "报告", "函"}, CaseTypes: []string{"设立登记"}, Provider: "emmansun", Version: "test",
	}, d.enter(ctx, "Capabilities")
}

// Submit implements exchange.Service.
func (d *Desk) Submit(ctx context.Context, s exchange.Submission, open func(int) (io.Reader, error)) (exchange.Submitted, error) {
	if err := d.enter(ctx, "Submit", s); err != nil {
		return exchange.Submitted{}, err
	}
	k := &Kept{Submission: s, At: 1_790_000_000_000}
	for i := range s.Files {
		r, err := open(i)
		if err != nil {
			return exchange.Submitted{}, err
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return exchange.Submitted{}, err
		}
		k.Content = append(k.Content, b)
	}
	answer, err := d.keep(ctx, k)
	d.mu.Lock()
	after := d.After
	d.mu.Unlock()
	if err == nil && after != nil {
		err = after(s)
	}
	return answer, err
}

func (d *Desk) keep(ctx context.Context, k *Kept) (exchange.Submitted, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if old, ok := d.kept[k.Key]; ok {
		if fmt.Sprint(old.Submission, old.Content) != fmt.Sprint(k.Submission, k.Content) {
			return exchange.Submitted{}, exchange.Errorf(exchange.Conflict, "desk.submit", "the key was used for something else")
		}
		again := old.Answer
		again.Replayed = true
		return again, nil
	}
	sum := sha256.Sum256([]byte(k.Key))
	caller, _ := exchange.CallerFrom(ctx)
	k.Answer = exchange.Submitted{State: "accepted", Receipt: exchange.ReceiptView{
		State: "accepted", Domain: "320582", Unit: caller.Unit, At: k.At,
		Signed: crypto.Signed{Bytes: []byte("yizhan/receipt/v1\nx"), Key: crypto.KeyID{1}, Sig: crypto.Signature{1, 63: 2}},
	}}
	copy(k.Answer.ID[:], sum[:])
	k.Answer.ID[0] &= 0x7f
	if d.kept == nil {
		d.kept = map[string]*Kept{}
	}
	d.kept[k.Key] = k
	d.order = append(d.order, k)
	return k.Answer, nil
}

func (d *Desk) list(ctx context.Context, method string, q exchange.ListQuery) (exchange.List, error) {
	if err := d.enter(ctx, method, q); err != nil {
		return exchange.List{}, err
	}
	var l exchange.List
	for _, k := range slices.Backward(d.Kept()) {
		if q.Kind != "" && q.Kind != k.Kind {
			continue
		}
		l.Items = append(l.Items, exchange.Summary{
			ID: k.Answer.ID, Kind: k.Kind, From: "wjw@320582", FromName: "昆山市卫生健康委员会", To: []exchange.Unit{"wjw@320500"},
			Type: k.Type, Number: k.Number, Title: k.Title, Urgency: k.Urgency, State: "arrived", At: k.At, Files: len(k.Files),
		})
	}
	return l, nil
}

// Inbox implements exchange.Service.
func (d *Desk) Inbox(ctx context.Context, q exchange.ListQuery) (exchange.List, error) {
	return d.list(ctx, "Inbox", q)
}

// Outbox implements exchange.Service.
func (d *Desk) Outbox(ctx context.Context, q exchange.ListQuery) (exchange.List, error) {
	return d.list(ctx, "Outbox", q)
}

// Show implements exchange.Service.
func (d *Desk) Show(ctx context.Context, ref string) (exchange.Details, error) {
	return d.details(), d.enter(ctx, "Show", ref)
}

// Track implements exchange.Service.
func (d *Desk) Track(ctx context.Context, ref string) (exchange.Tracking, error) {
	return d.Tracking, d.enter(ctx, "Track", ref)
}

// Watch implements exchange.Service: the answer as it is, then final.
func (d *Desk) Watch(ctx context.Context, ref string, fn func(exchange.Tracking) error) error {
	if err := d.enter(ctx, "Watch", ref); err != nil {
		return err
	}
	if err := fn(d.Tracking); err != nil {
		return err
	}
	last := d.Tracking
	last.Final = true
	return fn(last)
}

// Fetch implements exchange.Service.
func (d *Desk) Fetch(ctx context.Context, ref string, files []int, create func(int, exchange.File) (io.Writer, error)) error {
	if err := d.enter(ctx, "Fetch", ref, files); err != nil {
		return err
	}
	list := d.details().FileList
	if len(files) == 0 {
		for i := range list {
			files = append(files, i)
		}
	}
	for _, i := range files {
		f := list[i]
		w, err := create(i, f)
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, strings.NewReader(string(d.Contents[f.Name]))); err != nil {
			return err
		}
	}
	return nil
}

// Sign implements exchange.Service.
func (d *Desk) Sign(ctx context.Context, ref string) (exchange.Outcome, error) {
	return d.Outcome, d.enter(ctx, "Sign", ref)
}

// Return implements exchange.Service.
func (d *Desk) Return(ctx context.Context, ref, reason, note string) (exchange.Outcome, error) {
	return d.Outcome, d.enter(ctx, "Return", ref, reason, note)
}

// Recall implements exchange.Service.
func (d *Desk) Recall(ctx context.Context, ref string, to []exchange.Unit, reason string) (exchange.Outcome, error) {
	return d.Outcome, d.enter(ctx, "Recall", ref, to, reason)
}

// Urge implements exchange.Service.
func (d *Desk) Urge(ctx context.Context, ref string, to []exchange.Unit) (exchange.Outcome, error) {
	return d.Outcome, d.enter(ctx, "Urge", ref, to)
}

// ExportEvidence implements exchange.Service.
func (d *Desk) ExportEvidence(ctx context.Context, ref, content string, w io.Writer) error {
	if err := d.enter(ctx, "ExportEvidence", ref, content); err != nil {
		return err
	}
	_, err := w.Write(d.Evidence)
	return err
}

// Units implements exchange.Service.
func (d *Desk) Units(ctx context.Context, match string, limit int) ([]exchange.UnitSummary, error) {
	return d.AddressBook, d.enter(ctx, "Units", match, limit)
}

// PublishPolicy implements exchange.Service.
func (d *Desk) PublishPolicy(ctx context.Context, files []exchange.PolicyFile, expected uint64) (exchange.PolicyLayer, error) {
	return exchange.PolicyLayer{Issuer: "320582", Number: expected + 1, Digest: crypto.Digest{7}, Files: len(files)},
		d.enter(ctx, "PublishPolicy", files, expected)
}

// ExplainPolicy implements exchange.Service.
func (d *Desk) ExplainPolicy(ctx context.Context, ref string) ([]exchange.DecisionRecord, error) {
	return d.Decisions, d.enter(ctx, "ExplainPolicy", ref)
}

// PolicyStatus implements exchange.Service.
func (d *Desk) PolicyStatus(ctx context.Context) ([]exchange.PolicyLayer, error) {
	return d.Layers, d.enter(ctx, "PolicyStatus")
}

// ClusterStatus implements exchange.Operator.
func (d *Desk) ClusterStatus(ctx context.Context) ([]exchange.DomainStatus, error) {
	return d.Cluster, d.enter(ctx, "ClusterStatus")
}
