package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// Member is one replica of a domain that runs. Methods are called by several
// goroutines.
type Member interface {
	Replica() exchange.Replica
	// Check lets the replica check a copy of its state that contains at least
	// the index. progress is told the index and the digest of the copy as soon
	// as that is made, and then now and then how far the check is.
	Check(ctx context.Context, index uint64, o exchange.CheckOptions, progress func(exchange.CheckProgress)) (exchange.ReplicaCheck, error)
	// DigestAt returns the digest of its state after one entry; false when it
	// does not remember it.
	DigestAt(ctx context.Context, index uint64) (crypto.Digest, bool, error)
}

// head says how far a copy has come, and the digest there.
type head struct {
	index  uint64
	digest crypto.Digest
}

// Running lets the members of a domain check themselves, all at once, and
// compares them: their digests at one index, and how many have all content of
// each exchange. voters is how many replicas a majority is counted from. An
// error of a member is a finding.
func Running(ctx context.Context, d exchange.Domain, members []Member, voters int, index uint64, o exchange.CheckOptions, progress func(exchange.CheckProgress)) exchange.DomainCheck {
	r := &running{members: members, heads: make([]*head, len(members)), progress: progress}
	r.waiting.Add(len(members))
	out := exchange.DomainCheck{Domain: d, OK: true, Replicas: make([]exchange.ReplicaCheck, len(members))}
	var ended sync.WaitGroup
	for i, m := range members {
		ended.Go(func() { out.Replicas[i] = r.member(ctx, i, m, index, o) })
	}
	r.waiting.Wait() // every copy is made, or never will be
	out.Findings = r.digests(ctx)
	ended.Wait()
	out.Findings = append(out.Findings, minorities(out.Replicas, voters)...)
	for i := range out.Replicas {
		if c := &out.Replicas[i]; c.Failed != "" {
			out.Findings = append(out.Findings, finding(Warning, ReplicaSilent, string(c.Replica), "the replica was not checked: "+c.Failed))
		} else if c.Errors > 0 {
			out.OK = false
		}
	}
	out.OK = out.OK && !slices.ContainsFunc(out.Findings, func(f exchange.CheckFinding) bool { return f.Severity == string(Error) })
	return out
}

// running is one check of a domain.
type running struct {
	members []Member
	waiting sync.WaitGroup

	mu       sync.Mutex // guards heads, and lets one progress be told at a time
	heads    []*head    // nil: no copy
	progress func(exchange.CheckProgress)
}

func (r *running) member(ctx context.Context, i int, m Member, index uint64, o exchange.CheckOptions) exchange.ReplicaCheck {
	var once sync.Once
	release := func() { once.Do(r.waiting.Done) }
	defer release()
	c, err := m.Check(ctx, index, o, func(p exchange.CheckProgress) {
		if digest, err := crypto.ParseDigest(p.Digest); err == nil {
			r.mu.Lock()
			r.heads[i] = &head{p.Index, digest}
			r.mu.Unlock()
			release()
		}
		p.Replica = m.Replica()
		r.tell(p)
	})
	c.Replica = m.Replica()
	stage := "done"
	if err != nil {
		c.Failed, stage = told(err), "failed"
	}
	r.tell(exchange.CheckProgress{Replica: c.Replica, Stage: stage, Rows: c.Counts["rows"]})
	return c
}

// told is what may be said about an error to whoever asked from elsewhere.
func told(err error) string {
	var e *exchange.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return "a defect; the log of the replica tells more"
}

func (r *running) tell(p exchange.CheckProgress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.progress != nil {
		r.progress(p)
	}
}

// digests compares every copy with what the others remember of its index.
func (r *running) digests(ctx context.Context) (out []exchange.CheckFinding) {
	r.mu.Lock()
	heads := slices.Clone(r.heads)
	r.mu.Unlock()
	for i, a := range heads {
		for j, b := range heads {
			if a == nil || b == nil || i == j || a.index > b.index || a.index == b.index && i > j {
				continue // each pair once, at the lower index
			}
			out = append(out, r.pair(ctx, *a, r.members[i].Replica(), r.members[j])...)
		}
	}
	return out
}

func (r *running) pair(ctx context.Context, h head, of exchange.Replica, other Member) []exchange.CheckFinding {
	both := fmt.Sprintf("%s and %s", min(of, other.Replica()), max(of, other.Replica()))
	switch digest, known, err := other.DigestAt(ctx, h.index); {
	case err != nil || !known:
		return []exchange.CheckFinding{finding(Warning, ReplicasIncomparable, both, fmt.Sprintf("%s does not remember its digest at index %d; check again", other.Replica(), h.index))}
	case digest != h.digest:
		return []exchange.CheckFinding{finding(Error, ReplicasDiverged, both, fmt.Sprintf("at index %d %s has %s and %s has %s", h.index, of, h.digest.Short(), other.Replica(), digest.Short()))}
	}
	return nil
}

// minorities finds exchanges whose content fewer than a majority has whole.
func minorities(replicas []exchange.ReplicaCheck, voters int) (out []exchange.CheckFinding) {
	lacking, asked := map[string]int{}, 0
	for _, c := range replicas {
		if c.Failed != "" {
			continue
		}
		asked++
		for _, f := range c.Findings {
			if f.Code == string(ContentMissing) {
				lacking[f.Object]++
			}
		}
	}
	var objects []string
	for object, n := range lacking {
		if n > voters-(voters/2+1) { // whatever those say that were not asked
			objects = append(objects, object)
		}
	}
	slices.Sort(objects)
	for _, object := range objects {
		out = append(out, finding(Error, ContentMinority, object, fmt.Sprintf("%d of %d replicas lack some of its content: a majority ought to have all of it", lacking[object], asked)))
	}
	return out
}

func finding(s Severity, c Code, object, message string) exchange.CheckFinding {
	return exchange.CheckFinding{Severity: string(s), Code: string(c), Object: object, Message: message}
}

// Public returns the report as it is told to whoever asked from elsewhere.
func (r *Report) Public() exchange.ReplicaCheck {
	out := exchange.ReplicaCheck{
		Replica: r.Replica, Index: r.Index, Term: r.Term, Digest: r.Digest.String(), AuditRoot: r.AuditRoot.String(),
		Errors: r.Failed, Omitted: r.Omitted,
	}
	raw, err := json.Marshal(r.Counts)
	if err == nil {
		err = json.Unmarshal(raw, &out.Counts)
	}
	if err != nil { // numbers by name
		panic(err)
	}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, finding(f.Severity, f.Code, f.Object, f.Message))
	}
	return out
}

// Cursor is what a neighbour said that it has of what was sent to it.
type Cursor struct {
	Peer  exchange.Domain
	Epoch [16]byte // the numbering that it speaks of
	UpTo  [exchange.ClassCount]uint64
}

// Cursors holds what neighbours said before a state was copied, and what they
// said after it, against the state: nobody has what was never sent, and nobody
// forgets what was acknowledged.
func (r *Report) Cursors(l ledger.Reader, before, after []Cursor) error {
	self, _, err := ledger.SelfOf(l)
	if err != nil {
		return err
	}
	look := func(said []Cursor, at func(c exchange.Class, link ledger.Link, upTo uint64) *Finding) error {
		for _, s := range said {
			link, ok, err := ledger.LinkOf(l, s.Peer)
			if err != nil {
				return err
			}
			epoch := self.Epoch
			if link.SendEpoch != [16]byte{} {
				epoch = link.SendEpoch
			}
			if !ok || s.Epoch != epoch {
				continue // it speaks of another numbering than the state
			}
			for n, upTo := range s.UpTo {
				if f := at(exchange.Class(n), link, upTo); f != nil {
					f.Object, f.Severity = class(s.Peer, exchange.Class(n)), Error
					r.add(*f)
				}
			}
		}
		return nil
	}
	return errors.Join(
		look(before, func(c exchange.Class, link ledger.Link, upTo uint64) *Finding {
			if upTo < max(link.SendNext[c], 1) {
				return nil
			}
			return &Finding{Code: LinkAhead, Message: fmt.Sprintf("the neighbour says that it has %d, and %d was not assigned yet", upTo, max(link.SendNext[c], 1))}
		}),
		look(after, func(c exchange.Class, link ledger.Link, upTo uint64) *Finding {
			if upTo >= link.Acked[c] {
				return nil
			}
			return &Finding{Code: LinkBehind, Message: fmt.Sprintf("the neighbour says that it has %d, and it acknowledged %d before", upTo, link.Acked[c])}
		}))
}
