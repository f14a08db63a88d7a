package policy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy"
)

func bundles() []exchange.PolicyBundle {
	return []exchange.PolicyBundle{
		{Issuer: "320000", Number: 1, Files: policy.Baseline()},
		{Issuer: "320500", Number: 2, Files: policy.CitySample()},
		{Issuer: "320582", Number: 3, Files: policy.CountySample()},
	}
}

func newEngine(t testing.TB, list []exchange.PolicyBundle) *policy.Engine {
	t.Helper()
	e, err := policy.NewEngine(policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	set, err := policy.Load(list)
	if err != nil {
		t.Fatal(problems(err))
	}
	e.Swap(set)
	return e
}

// ask decides and fails the test on an error.
func ask(t testing.TB, e *policy.Engine, q policy.Question) exchange.Decision {
	t.Helper()
	d, err := e.Decide(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

type change = func(*policy.Question)

// golden are the decisions of the main road and of each rule, under the
// baseline and both samples. want is "allow", "hold …" or the refusing codes.
var golden = []struct {
	name string
	base func() policy.Question
	with change
	want string
}{
	{"a county files a case with its city", policy.Sample, nil, "allow"},
	{"a county asks its city", countyRequest, nil, "allow"},
	{"a province issues to city and county at once", provinceNotice, nil, "allow"},
	{"a classified document on an unclassified network", countyRequest,
		func(q *policy.Question) { q.Secrecy = exchange.Secret },
		"kernel/network.ceiling kernel/network.ceiling.peer kernel/network.ceiling.recipient"},
	{"a neighbour's network that is too low", classifiedNetwork,
		func(q *policy.Question) { q.Peer.Ceiling = exchange.Unclassified }, "kernel/network.ceiling.peer"},
	{"a recipient's network that is too low", classifiedNetwork,
		func(q *policy.Question) { q.To[0].Domain.Ceiling = exchange.Unclassified }, "kernel/network.ceiling.recipient"},
	{"a classified document from a city on a classified network", classifiedNetwork, nil, "allow"},
	{"a grade above a unit's clearance", classifiedNetwork,
		func(q *policy.Question) { q.To[0].Unit.Clearance = exchange.Unclassified }, "320000/clearance.unit"},
	{"a grade that the level does not classify by itself", classifiedNetwork,
		func(q *policy.Question) { q.From.Domain.Level = exchange.County }, "hold 320000/classify.authority"},
	{"R1: a county skips its city", countyRequest, skip(""), "kernel/R1"},
	{"R1: the city is copied", countyRequest, skip("bgs@320500"), "allow"},
	{"R1: a letter skips nobody", countyRequest, both(skip(""), typed("0E")), "allow"},
	{"R1: a case may skip", policy.Sample, skip(""), "allow"},
	{"R1: skipping by a copy alone", countyRequest, func(q *policy.Question) {
		q.Type, q.To = "07", []policy.Recipient{to("wjw@320583", sister, exchange.Main), to("wjw@320000", province, exchange.Copy)}
	}, "kernel/R1"},
	{"R9: a department orders a lower government", provinceNotice,
		func(q *policy.Question) { q.From = party("wjw@320000", province, false, "health") }, "kernel/R9"},
	{"R10: a department orders another line", provinceNotice, func(q *policy.Question) {
		q.From = party("wjw@320000", province, false, "health")
		q.To = []policy.Recipient{to("jyj@320500", city, exchange.Main)}
	}, "320000/R10"},
	{"R2: an upward document copied below", countyRequest, func(q *policy.Question) {
		q.Self, q.From = city, party("wjw@320500", city, false, "health")
		q.To = []policy.Recipient{to("wjw@320000", province, exchange.Main), to("wjw@320582", county, exchange.Copy)}
	}, "320000/R2.copy"},
	{"R13: a request to a neighbour", countyRequest, func(q *policy.Question) {
		q.To = []policy.Recipient{to("wjw@320583", sister, exchange.Main)}
	}, "320000/R13"},
	{"an order to a superior", countyRequest, typed("03"), "320000/type.direction"},
	{"a type nobody knows", countyRequest, typed("99"), "320000/type.direction"},
	{"a case across lines", policy.Sample, func(q *policy.Question) {
		q.To = []policy.Recipient{to("jyj@320500", city, exchange.Main)}
	}, "320000/case.line"},
	{"a case closed by the city", policy.Sample, func(q *policy.Question) {
		q.Self, q.From, q.Type = sister, party("wjw@320583", sister, false, "health"), "99"
	}, "320500/case.closed"},
	{"refused data", policy.Sample, func(q *policy.Question) { q.Share = exchange.ShareRefused }, "kernel/share.refused"},
	{"conditional data in a query", policy.Sample, func(q *policy.Question) {
		q.Kind, q.Share = exchange.Query, exchange.ShareConditional
	}, "hold 320000/share.conditional"},
	{"a work secret as a document", countyRequest, func(q *policy.Question) { q.WorkSecret = true }, "allow"},
	{"a work secret as a case", policy.Sample, func(q *policy.Question) { q.WorkSecret = true }, "kernel/worksecret.kind"},
	{"a work secret shared", countyRequest, func(q *policy.Question) {
		q.WorkSecret, q.Share = true, exchange.ShareUnconditional
	}, "kernel/worksecret.share"},
	{"a work secret disclosed", countyRequest, func(q *policy.Question) {
		q.WorkSecret, q.Disclosure = true, exchange.DisclosureActive
	}, "kernel/worksecret.disclosure"},
	{"a state secret shared and disclosed", classifiedNetwork, func(q *policy.Question) {
		q.Share, q.Disclosure = exchange.ShareConditional, exchange.DisclosureOnRequest
	}, "kernel/secret.share kernel/secret.disclosure"},
	{"a work secret to a neighbour", countyRequest, func(q *policy.Question) {
		q.WorkSecret, q.Type, q.To = true, "0E", []policy.Recipient{to("wjw@320583", sister, exchange.Main)}
	}, "hold 320500/worksecret.parallel"},
	{"a revoked key", policy.Sample, func(q *policy.Question) { q.RevokedKey = true }, "kernel/key.revoked"},
	{"a suspended recipient", policy.Sample, func(q *policy.Question) { q.To[0].Unit.Suspended = true }, "kernel/unit.suspended"},
	{"a suspended peer", policy.Sample, func(q *policy.Question) { q.Peer.Suspended = true }, "kernel/unit.suspended"},
	{"an unknown recipient", policy.Sample, func(q *policy.Question) { q.To[0].Known = false }, "kernel/unit.unknown"},
	{"an unknown sender", policy.Sample, func(q *policy.Question) { q.From.Known = false }, "kernel/unit.unknown"},
	{"a unit under another domain's name", policy.Sample, func(q *policy.Question) { q.To[0].Unit.Unit = "wjw@320583" }, "kernel/unit.unknown"},
	{"another domain's sender at submit", policy.Sample, func(q *policy.Question) { q.Self = city }, "kernel/question.invalid"},
	{"a gap in the directory", policy.Sample, func(q *policy.Question) {
		q.Parent = nil
		q.To[0] = to("wjw@320000", province, exchange.Main)
		q.Peer = exchange.DomainInfo{}
	}, "kernel/relation.unknown"},
	{"nothing at all", func() policy.Question { return policy.Question{} }, nil,
		"kernel/question.invalid kernel/domain.unknown kernel/unit.unknown"},
	{"opened by the recipient", opening, nil, "allow"},
	{"opened by a stranger", opening, func(q *policy.Question) { q.Actor.Unit = "jyj@320500" }, "kernel/open.recipient"},
	{"opened by an officer", opening, func(q *policy.Question) {
		q.Actor.Duties = []exchange.Duty{exchange.SecurityOfficer, exchange.Auditor}
	}, "kernel/open.role"},
	{"opened by a suspended person", opening, func(q *policy.Question) { q.Actor.Suspended = true }, "kernel/person.suspended"},
	{"opened without clearance", classifiedNetwork, func(q *policy.Question) {
		q.Point, q.Self, q.Actor.Unit, q.Actor.Clearance = exchange.PointOpen, q.To[0].Domain, q.To[0].Unit.Unit, exchange.Unclassified
	}, "320000/clearance.person"},
}

func TestGoldenDecisions(t *testing.T) {
	e := newEngine(t, bundles())
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			q := g.base()
			if g.with != nil {
				g.with(&q)
			}
			d := ask(t, e, q)
			if got := outcome(d); got != g.want {
				t.Fatalf("got %q, want %q\n%s", got, g.want, policy.Explain(d, "en"))
			}
			if len(d.Revisions) != 4 || d.Point != q.Point {
				t.Fatalf("the record is incomplete: %+v", d)
			}
		})
	}
}

func outcome(d exchange.Decision) string {
	switch {
	case !d.Allow:
		return codes(d.Reasons)
	case d.Hold:
		return strings.TrimSpace("hold " + codes(d.Reasons))
	}
	return "allow"
}

func typed(code string) change { return func(q *policy.Question) { q.Type = code } }

func both(a, b change) change { return func(q *policy.Question) { a(q); b(q) } }

// skip addresses the province over the city's head, copying whom it is told.
func skip(copied exchange.Unit) change {
	return func(q *policy.Question) {
		q.To = []policy.Recipient{to("wjw@320000", province, exchange.Main)}
		if copied != "" {
			q.To = append(q.To, to(copied, city, exchange.Copy))
		}
	}
}

// classifiedNetwork is a city's 机密 report to its province, where all networks
// and persons are cleared for it.
func classifiedNetwork() policy.Question {
	top, mid := province, city
	top.Ceiling, mid.Ceiling = exchange.Confidential, exchange.Confidential
	q := policy.Question{
		Point: exchange.PointSubmit, Self: mid, Peer: top, Kind: exchange.Document, Type: "0A",
		Secrecy: exchange.Confidential, Years: 5, Disclosure: exchange.DisclosureRefused,
		From: party("bgs@320500", mid, true, ""), To: []policy.Recipient{to("bgs@320000", top, exchange.Main)},
		Actor: policy.Actor{Caller: exchange.Caller{Unit: "bgs@320500", Person: "li", Duties: []exchange.Duty{exchange.Handler}},
			Clearance: exchange.Confidential},
		Parent: parents,
	}
	q.From.Unit.Clearance, q.To[0].Unit.Clearance = exchange.Confidential, exchange.Confidential
	return q
}

// opening is the sample, arrived and about to be opened.
func opening() policy.Question {
	q := policy.Sample()
	q.Point, q.Self, q.Peer = exchange.PointOpen, city, exchange.DomainInfo{}
	q.Actor = policy.Actor{Caller: exchange.Caller{Unit: "wjw@320500", Person: "wang", Duties: []exchange.Duty{exchange.Clerk}}}
	return q
}
