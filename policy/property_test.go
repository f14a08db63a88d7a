package policy_test

import (
	"context"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy"
)

// snippets are what a layer may be made of; some allow, some refuse.
var snippets = []string{
	"allow if input.kind == \"document\"", "allow if input.kind == \"case\"", "allow if input.leaves == true", "allow if input.any.up == true",
	"scope_ok if true", "scope_ok if input.classified == false",
	`deny contains {"code": "k", "zh": "拒", "en": "k"} if input.kind == "query"`,
	`deny contains {"code": "d", "zh": "拒", "en": "d"} if input.any.down == true`,
	`deny contains {"code": "w", "zh": "拒", "en": "w"} if { some r in input.to; r.direction == "parallel" }`,
	`hold contains {"code": "h", "zh": "审", "en": "h"} if input.work_secret == true`,
	`obligations contains {"kind": "retain_days", "value": "200"}`,
	`obligations contains {"kind": "retain_days", "value": "900"} if input.kind == "case"`,
	`obligations contains {"kind": "unheard_of"} if input.any.parallel == true`,
	`obligations contains {"kind": "notify", "value": "office"}`,
	`warn contains {"code": "n", "zh": "注", "en": "n"}`,
}

func drawLayer(t *rapid.T, issuer exchange.Domain) exchange.PolicyBundle {
	text := "allow if input.share == \"refused\"\n"
	for _, s := range rapid.SliceOfNDistinct(rapid.SampledFrom(snippets), 0, 8, rapid.ID[string]).Draw(t, "rules") {
		text += s + "\n"
	}
	return layer(issuer, text)
}

func drawQuestion(t *rapid.T) policy.Question {
	base := rapid.SampledFrom([]func() policy.Question{policy.Sample, countyRequest, provinceNotice, classifiedNetwork, opening}).Draw(t, "base")
	q := base()
	q.Kind = exchange.Kind(rapid.IntRange(1, 3).Draw(t, "kind"))
	q.Type = rapid.SampledFrom([]string{"08", "0B", "0E", "99", ""}).Draw(t, "type")
	q.Share = exchange.ShareClass(rapid.IntRange(0, 3).Draw(t, "share"))
	q.WorkSecret = rapid.Bool().Draw(t, "work secret")
	if rapid.Bool().Draw(t, "peer") {
		q.To = append(q.To, to("wjw@320583", sister, exchange.Copy))
	}
	return q
}

func setOf(t *rapid.T, list []exchange.PolicyBundle) *policy.Set {
	s, err := policy.Load(list)
	if err != nil {
		t.Fatal(problems(err))
	}
	return s
}

// TestALayerMoreNeverAllowsMore is the promise of layering: whatever a layer
// says and wherever it stands, adding it turns no deny into an allow, lifts no
// hold and loosens no obligation.
func TestALayerMoreNeverAllowsMore(t *testing.T) {
	e := newEngine(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		q := drawQuestion(t)
		list := []exchange.PolicyBundle{drawLayer(t, "320000")}
		if rapid.Bool().Draw(t, "two layers") {
			list = append(list, drawLayer(t, "320500"))
		}
		at := rapid.IntRange(0, len(list)).Draw(t, "position")
		more := slices.Insert(slices.Clone(list), at, drawLayer(t, "320582"))
		before, err1 := e.DecideWith(context.Background(), setOf(t, list), q)
		after, err2 := e.DecideWith(context.Background(), setOf(t, more), q)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if !noLooser(before, after) {
			t.Fatalf("loosened:\n%s\n%s", policy.Explain(before, "en"), policy.Explain(after, "en"))
		}
	})
}

func noLooser(before, after exchange.Decision) bool {
	if !after.Allow {
		return true
	}
	if !before.Allow || (before.Hold && !after.Hold) {
		return false
	}
	for _, o := range before.Obligations {
		if !slices.ContainsFunc(after.Obligations, func(p exchange.Obligation) bool { return asStrict(o, p) }) {
			return false
		}
	}
	return true
}

func asStrict(o, p exchange.Obligation) bool {
	if o.Kind != "retain_days" {
		return o == p
	}
	a, _ := strconv.Atoi(o.Value)
	b, _ := strconv.Atoi(p.Value)
	return p.Kind == o.Kind && b >= a
}

// TestDecisionsRepeat asks the same question twice and, the same layers being
// compiled anew, a third time: the records are equal byte for byte.
func TestDecisionsRepeat(t *testing.T) {
	e := newEngine(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		q := drawQuestion(t)
		list := []exchange.PolicyBundle{drawLayer(t, "320000"), drawLayer(t, "320500")}
		set := setOf(t, list)
		var first []byte
		for _, s := range []*policy.Set{set, set, setOf(t, list)} {
			d, err := e.DecideWith(context.Background(), s, q)
			if err != nil {
				t.Fatal(err)
			}
			b := exchange.Encode(d)
			if first == nil {
				first = b
			} else if string(first) != string(b) {
				t.Fatalf("not the same: %+v", d)
			}
		}
	})
}
