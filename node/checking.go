package node

import (
	"context"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/check"
	"github.com/yizhan-exchange/yizhan/node/replica"
)

const opCheck = "node.check"

// appliedTimeout bounds how long a replica that lags may take to have what the
// others had when a check began.
const appliedTimeout = 30 * time.Second

// progressPause is how often a check says how far it is.
const progressPause = 500 * time.Millisecond

// CheckDomain implements exchange.Upkeep: every replica checks itself, and the
// one that was asked compares.
func (u upkeep) CheckDomain(ctx context.Context, o exchange.CheckOptions, progress func(exchange.CheckProgress)) (exchange.DomainCheck, error) {
	h := u.h
	h.current(ctx) // so that the copies contain what was committed before the check
	members := []check.Member{here{h}}
	c := h.configuration()
	for _, r := range append(append([]exchange.Replica(nil), c.Voters...), c.Others...) {
		if r == h.config.Replica {
			continue
		}
		p, err := h.peers.Client(r)
		if err != nil {
			members = append(members, unreachable{r, err})
			continue
		}
		members = append(members, p)
	}
	return check.Running(ctx, h.config.Domain, members, len(c.Voters), h.store.AppliedIndex(), o, progress), ctx.Err()
}

var _ check.Member = (*replica.Client)(nil)

// unreachable is a replica whose address is not known.
type unreachable struct {
	name exchange.Replica
	why  error
}

func (u unreachable) Replica() exchange.Replica { return u.name }

func (u unreachable) Check(context.Context, uint64, exchange.CheckOptions, func(exchange.CheckProgress)) (exchange.ReplicaCheck, error) {
	return exchange.ReplicaCheck{}, u.why
}

func (u unreachable) DigestAt(context.Context, uint64) (crypto.Digest, bool, error) {
	return crypto.Digest{}, false, u.why
}

// here is this process's own replica, as a member.
type here struct{ h *hosted }

func (m here) Replica() exchange.Replica { return m.h.config.Replica }

func (m here) Check(ctx context.Context, index uint64, o exchange.CheckOptions, progress func(exchange.CheckProgress)) (exchange.ReplicaCheck, error) {
	return m.h.check(ctx, index, o, progress)
}

func (m here) DigestAt(_ context.Context, index uint64) (crypto.Digest, bool, error) {
	digest, known := m.h.store.DigestAt(index)
	return digest, known, nil
}

// checker answers other replicas of the hosted domains.
type checker struct{ n *Node }

// Check implements replica.Checker.
func (c checker) Check(ctx context.Context, d exchange.Domain, index uint64, o exchange.CheckOptions, progress func(exchange.CheckProgress)) (exchange.ReplicaCheck, error) {
	h := c.n.hosted[d]
	if h == nil {
		return exchange.ReplicaCheck{}, exchange.Errorf(exchange.NotFound, opCheck, "this node does not host %s", d)
	}
	return h.check(ctx, index, o, progress)
}

// DigestAt implements replica.Checker.
func (c checker) DigestAt(d exchange.Domain, index uint64) (crypto.Digest, bool) {
	h := c.n.hosted[d]
	if h == nil {
		return crypto.Digest{}, false
	}
	return h.store.DigestAt(index)
}

// check looks at a copy of this replica's ledger and at its content, and holds
// what its neighbours said against it. The replica goes on serving.
func (h *hosted) check(ctx context.Context, index uint64, o exchange.CheckOptions, progress func(exchange.CheckProgress)) (out exchange.ReplicaCheck, err error) {
	told := paced(h.config.Replica, progress)
	told("waiting", 0)
	limited, cancel := context.WithTimeout(ctx, appliedTimeout)
	defer cancel()
	if err := h.store.WaitApplied(limited, index); err != nil {
		return out, exchange.Errorf(exchange.Unavailable, opCheck, "it has not come to index %d within %v: it lags, or has stopped", index, appliedTimeout)
	}
	before := h.said()
	told("copying", 0)
	copied, err := h.copyState(opCheck)
	if err != nil {
		return out, err
	}
	defer h.dropCopy(copied)
	after := h.said()
	head := copied.Head()
	progress(exchange.CheckProgress{Replica: h.config.Replica, Stage: "checking", Index: head.Index, Digest: head.Digest.String()})
	var report *check.Report
	err = copied.View(func(r ledger.Reader) (err error) {
		report, err = check.Domain(ctx, r, h.local, check.Options{Provider: h.node.provider, Anchor: h.anchor, Signatures: o.Signatures,
			Content: o.Content, Strict: o.Strict, Progress: func(rows uint64) { told("checking", rows) }})
		if err == nil {
			err = report.Cursors(r, before, after)
		}
		return err
	})
	if err != nil {
		return out, err
	}
	report.Domain, report.Replica = h.config.Domain, h.config.Replica
	return report.Public(), nil
}

// paced tells each stage, and rows now and then.
func paced(r exchange.Replica, progress func(exchange.CheckProgress)) func(stage string, rows uint64) {
	var last time.Time
	return func(stage string, rows uint64) {
		if rows > 0 && time.Since(last) < progressPause {
			return
		}
		last = time.Now()
		progress(exchange.CheckProgress{Replica: r, Stage: stage, Rows: rows})
	}
}

// said is what the neighbours said that they have, while this replica leads.
func (h *hosted) said() (out []check.Cursor) {
	if h.dialer != nil {
		if s, ok := h.dialer.Said(); ok {
			out = append(out, check.Cursor(s))
		}
	}
	if h.node.linkEnd != nil && h.leading.Load() {
		for _, s := range h.node.linkEnd.Said(h.config.Domain) {
			out = append(out, check.Cursor(s))
		}
	}
	return out
}
