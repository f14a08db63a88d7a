package check_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/ledger/ledgertest"
	"github.com/yizhan-exchange/yizhan/node/check"
)

// member is a replica whose answers a test decides.
type member struct {
	name    exchange.Replica
	at      uint64          // of its copy
	digests map[uint64]byte // what it remembers
	answer  exchange.ReplicaCheck
	err     error
	late    bool // fails before it has made a copy
}

func (m *member) Replica() exchange.Replica { return m.name }

func (m *member) Check(_ context.Context, _ uint64, _ exchange.CheckOptions, progress func(exchange.CheckProgress)) (exchange.ReplicaCheck, error) {
	if !m.late {
		progress(exchange.CheckProgress{Stage: "checking", Index: m.at, Digest: crypto.Digest{m.digests[m.at]}.String()})
	}
	return m.answer, m.err
}

func (m *member) DigestAt(_ context.Context, index uint64) (crypto.Digest, bool, error) {
	d, ok := m.digests[index]
	return crypto.Digest{d}, ok, nil
}

func missing(objects ...string) (c exchange.ReplicaCheck) {
	for _, o := range objects {
		c.Findings = append(c.Findings, exchange.CheckFinding{Severity: "warning", Code: string(check.ContentMissing), Object: o})
	}
	return c
}

// TestReplicasThatRunAreCompared holds what is said of three replicas that are
// at different indexes.
func TestReplicasThatRunAreCompared(t *testing.T) {
	same := map[uint64]byte{7: 7, 8: 8, 9: 9}
	defect := exchange.Errorf(exchange.Unavailable, "t", "it lags")
	for _, c := range []struct {
		name    string
		members []*member
		ok      bool
		codes   []string
	}{
		{"they agree", []*member{{name: "a", at: 7, digests: same}, {name: "b", at: 9, digests: same}, {name: "c", at: 8, digests: same}}, true, nil},
		{"one went astray", []*member{{name: "a", at: 7, digests: same}, {name: "b", at: 9, digests: map[uint64]byte{7: 7, 8: 1, 9: 1}}, {name: "c", at: 8, digests: same}}, false, []string{"replicas.diverged b and c"}},
		{"at one index, with the lower first", []*member{{name: "a", at: 8, digests: map[uint64]byte{8: 1}}, {name: "b", at: 8, digests: same}}, false, []string{"replicas.diverged a and b"}},
		{"one was started since", []*member{{name: "a", at: 7, digests: same}, {name: "b", at: 9, digests: map[uint64]byte{9: 9}}}, true, []string{"replicas.incomparable a and b"}},
		{"one cannot be asked", []*member{{name: "a", at: 7, digests: same}, {name: "b", err: defect, late: true}, {name: "c", at: 7, digests: same}}, true, []string{"replica.silent b"}},
		{"one fails in the middle", []*member{{name: "a", at: 7, digests: same}, {name: "b", at: 7, digests: same, err: errors.New("secret")}}, true, []string{"replica.silent b"}},
		{"one found errors", []*member{{name: "a", at: 7, digests: same, answer: exchange.ReplicaCheck{Errors: 1}}}, false, nil},
		{"content on two of three", []*member{{name: "a", at: 7, digests: same, answer: missing("x")}, {name: "b", at: 7, digests: same}, {name: "c", at: 7, digests: same, answer: missing("y")}}, true, nil},
		{"content on one of three", []*member{{name: "a", at: 7, digests: same, answer: missing("x")}, {name: "b", at: 7, digests: same, answer: missing("x", "y")}, {name: "c", err: defect, late: true}}, false, []string{"content.minority x", "replica.silent c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var members []check.Member
			for _, m := range c.members {
				members = append(members, m)
			}
			var mu sync.Mutex
			stages := map[exchange.Replica]string{}
			got := check.Running(t.Context(), "320582", members, 3, 7, exchange.CheckOptions{}, func(p exchange.CheckProgress) {
				mu.Lock()
				defer mu.Unlock()
				stages[p.Replica] = p.Stage
			})
			var codes []string
			for _, f := range got.Findings {
				codes = append(codes, f.Code+" "+f.Object)
			}
			slices.Sort(codes)
			if got.OK != c.ok || !slices.Equal(codes, c.codes) || len(got.Replicas) != len(members) {
				t.Errorf("ok %t, %v", got.OK, got.Findings)
			}
			for _, m := range c.members {
				if want := map[bool]string{true: "failed", false: "done"}[m.err != nil]; stages[m.name] != want {
					t.Errorf("%s ended %s", m.name, stages[m.name])
				}
			}
			for _, r := range got.Replicas {
				if r.Failed == "secret" {
					t.Error("a foreign error is told")
				}
			}
		})
	}
}

// TestNeighboursAreHeldToWhatTheySaid holds cursors against a ledger that sent
// nine and has six of them acknowledged.
func TestNeighboursAreHeldToWhatTheySaid(t *testing.T) {
	rows := &ledgertest.Memory{}
	l := ledger.Link{}
	l.SendNext[exchange.ClassOrdinary], l.Acked[exchange.ClassOrdinary] = 10, 6
	rows.Put(ledger.Mutation{Table: ledger.TableLink, Key: []byte(city), Value: exchange.Encode(l)},
		ledger.Mutation{Table: ledger.TableMeta, Key: []byte("domain"), Value: exchange.Encode(ledger.Self{Domain: county, Epoch: [16]byte{1}})})
	said := func(epoch byte, upTo uint64) []check.Cursor {
		c := check.Cursor{Peer: city, Epoch: [16]byte{epoch}}
		c.UpTo[exchange.ClassOrdinary] = upTo
		return []check.Cursor{c}
	}
	for _, c := range []struct {
		name          string
		before, after []check.Cursor
		want          check.Code
	}{
		{"all of it", said(1, 9), said(1, 9), ""},
		{"some of it", said(1, 6), said(1, 7), ""},
		{"more came since", said(1, 9), said(1, 12), ""},
		{"more than was sent", said(1, 10), nil, check.LinkAhead},
		{"less than it acknowledged", nil, said(1, 5), check.LinkBehind},
		{"nothing", nil, said(1, 0), check.LinkBehind},
		{"of another numbering", said(2, 99), said(2, 0), ""},
		{"nobody", nil, nil, ""},
	} {
		r := &check.Report{Totals: map[check.Code]uint64{}}
		if err := r.Cursors(rows, c.before, c.after); err != nil {
			t.Fatal(err)
		}
		if c.want == "" && len(r.Findings) > 0 || c.want != "" && (len(r.Findings) != 1 || r.Findings[0].Code != c.want || r.OK()) {
			t.Errorf("%s: %v", c.name, r.Findings)
		}
	}
}
