package policy_test

import (
	"context"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy"
)

func module(text string) []exchange.PolicyFile {
	return []exchange.PolicyFile{{Path: "a.rego", Data: []byte("package yizhan.layer\n\n" + text)}}
}

func layer(issuer exchange.Domain, text string) exchange.PolicyBundle {
	return exchange.PolicyBundle{Issuer: issuer, Number: 1, Files: module(text)}
}

const allowAll = "allow if input.leaves == true\nallow if input.leaves == false\n"

func TestAnEngineWithoutLayersRefuses(t *testing.T) {
	d := ask(t, newEngine(t, nil), policy.Sample())
	if d.Allow || codes(d.Reasons) != "kernel/policy.none" {
		t.Fatalf("%+v", d)
	}
}

func TestUndefinedAllowIsDeny(t *testing.T) {
	for _, text := range []string{
		`allow if input.kind == "document"`,
		`allow := false`,
		`allow if input.any.parallel`,
		`default allow := false`,
	} {
		d := ask(t, newEngine(t, []exchange.PolicyBundle{layer("320000", text)}), policy.Sample())
		if d.Allow || codes(d.Reasons) != "320000/layer.undefined" {
			t.Errorf("%s: %+v", text, d)
		}
	}
}

func TestAllReasonsAreTold(t *testing.T) {
	e := newEngine(t, []exchange.PolicyBundle{
		layer("320000", allowAll+`deny contains {"code": "b", "zh": "乙", "en": "b"}
deny contains {"code": "a", "zh": "甲", "en": "a"}`),
		layer("320500", allowAll+`deny contains {"code": "c", "zh": "丙", "en": "c", "clause": "x", "remedy": "y"}`),
	})
	d := ask(t, e, policy.Sample())
	if got := codes(d.Reasons); got != "320000/a 320000/b 320500/c" {
		t.Fatal(got)
	}
	if r := d.Reasons[2]; r.Chinese != "丙" || r.English != "c" || r.Clause != "x" || r.Remedy != "y" {
		t.Fatalf("%+v", r)
	}
}

func TestObligationsAreUnitedToTheStrictest(t *testing.T) {
	e := newEngine(t, []exchange.PolicyBundle{
		layer("320000", allowAll+`obligations contains {"kind": "retain_days", "value": "400"}
obligations contains {"kind": "notify", "value": "a"}`),
		layer("320500", allowAll+`obligations contains {"kind": "retain_days", "value": 90}
obligations contains {"kind": "notify", "value": "b"}
obligations contains {"kind": "notify", "value": "a"}
obligations contains {"kind": "log"}`),
	})
	want := []exchange.Obligation{{Kind: "log"}, {Kind: "notify", Value: "a"}, {Kind: "notify", Value: "b"}, {Kind: "retain_days", Value: "400"}}
	if d := ask(t, e, policy.Sample()); !d.Allow || !reflect.DeepEqual(d.Obligations, want) {
		t.Fatalf("%+v", d)
	}
}

func TestSmallestObligationWins(t *testing.T) {
	e, err := policy.NewEngine(policy.Options{Obligations: []policy.Fulfilment{{Kind: "days", Merge: policy.Smallest}}})
	if err != nil {
		t.Fatal(err)
	}
	set, err := policy.Load([]exchange.PolicyBundle{
		layer("320000", allowAll+`obligations contains {"kind": "days", "value": 30}`),
		layer("320500", allowAll+`obligations contains {"kind": "days", "value": 5}`),
		layer("320582", allowAll+`obligations contains {"kind": "days", "value": 9}`),
	})
	if err != nil {
		t.Fatal(problems(err))
	}
	e.Swap(set)
	if d := ask(t, e, policy.Sample()); len(d.Obligations) != 1 || d.Obligations[0].Value != "5" {
		t.Fatalf("%+v", d)
	}
}

func TestAnObligationNobodyCanFulfilIsDeny(t *testing.T) {
	for text, code := range map[string]string{
		`{"kind": "mask", "value": "phone"}`:           "obligation.unknown",
		`{"kind": "retain_days", "value": "for ever"}`: "obligation.malformed",
		`{"kind": "retain_days", "value": -1}`:         "obligation.malformed",
		`{"kind": "retain_days"}`:                      "obligation.malformed",
	} {
		e := newEngine(t, []exchange.PolicyBundle{layer("320000", allowAll+"obligations contains "+text)})
		d := ask(t, e, policy.Sample())
		if d.Allow || codes(d.Reasons) != "320000/"+code || len(d.Obligations) > 0 {
			t.Errorf("%s: %+v", text, d)
		}
	}
}

func TestHoldAsAnObligation(t *testing.T) {
	e := newEngine(t, []exchange.PolicyBundle{layer("320000", allowAll+`obligations contains {"kind": "hold", "value": "officer"}`)})
	if d := ask(t, e, policy.Sample()); !d.Allow || !d.Hold {
		t.Fatalf("%+v", d)
	}
}

func TestDenyWinsOverHold(t *testing.T) {
	e := newEngine(t, []exchange.PolicyBundle{layer("320000", allowAll+`hold contains {"code": "h", "zh": "审", "en": "h"}
deny contains {"code": "d", "zh": "拒", "en": "d"}`)})
	if d := ask(t, e, policy.Sample()); d.Allow || d.Hold || codes(d.Reasons) != "320000/d" {
		t.Fatalf("%+v", d)
	}
}

func TestWarningsDoNotRefuse(t *testing.T) {
	q := policy.Sample()
	q.Urgency = exchange.MostUrgent
	d := ask(t, newEngine(t, bundles()), q)
	if !d.Allow || codes(d.Warnings) != "320582/county.most_urgent" {
		t.Fatalf("%+v", d)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []policy.Options{
		{Deadline: -1},
		{Obligations: []policy.Fulfilment{{Kind: ""}}},
		{Obligations: []policy.Fulfilment{{Kind: "a"}, {Kind: "a"}}},
		{Obligations: []policy.Fulfilment{{Kind: "a", Merge: 9}}},
	} {
		if _, err := policy.NewEngine(o); exchange.CodeOf(err) != exchange.Invalid {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestLoadRefusesTwoBundlesOfOneIssuer(t *testing.T) {
	_, err := policy.Load([]exchange.PolicyBundle{layer("320000", allowAll), layer("320000", allowAll)})
	if exchange.CodeOf(err) != exchange.Invalid {
		t.Fatal(err)
	}
	if _, err = policy.Load([]exchange.PolicyBundle{layer("nowhere", allowAll)}); exchange.CodeOf(err) != exchange.Invalid {
		t.Fatal(err)
	}
}

// TestSwapUnderLoad swaps sets while decisions run; each decision must be
// wholly of one set.
func TestSwapUnderLoad(t *testing.T) {
	open, shut := layer("320000", allowAll), layer("320000", `allow := false`)
	shut.Number = 2
	e := newEngine(t, []exchange.PolicyBundle{open})
	a := e.Current()
	b, err := policy.Load([]exchange.PolicyBundle{shut})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 300 {
				d, err := e.Decide(context.Background(), policy.Sample())
				if err == nil && d.Allow != (d.Revisions[1].Number == 1) {
					t.Errorf("a decision of two sets: %+v", d)
				}
			}
		})
	}
	for range 200 {
		e.Swap(b)
		e.Swap(a)
	}
	wg.Wait()
}

func TestExplainSaysWhyInBothLanguages(t *testing.T) {
	e, q := newEngine(t, bundles()), policy.Sample()
	q.Share = exchange.ShareRefused
	refused := ask(t, e, q)
	for lang, words := range map[string][]string{
		"zh": {"拒绝", "share.refused", "内核", "不予共享", "怎么办", "320500 规则 #2"},
		"en": {"Refused", "share.refused", "kernel", "does not leave", "what to do", "policy of 320500 #2"},
	} {
		text := policy.Explain(refused, lang)
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q is missing in\n%s", lang, w, text)
			}
		}
	}
	if text := policy.Explain(ask(t, e, policy.Sample()), "zh"); !strings.HasPrefix(text, "允许，各层规则均无异议") {
		t.Error(text)
	}
}

func TestBaselinePassesItsOwnTests(t *testing.T) {
	results, err := policy.Test(context.Background(), policy.Baseline())
	if err != nil {
		t.Fatal(problems(err))
	}
	for _, r := range results {
		if !r.Pass || r.Err != nil {
			t.Errorf("%s %s: %v", r.At, r.Name, r.Err)
		}
	}
	if len(results) < 5 {
		t.Fatalf("only %d tests ran", len(results))
	}
}

func TestEveryReasonOfTheKernelIsComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range policy.KernelReasons() {
		if seen[r.Code] || r.Code == "" || r.Layer != "kernel" || r.Chinese == "" || r.English == "" || r.Remedy == "" {
			t.Errorf("%+v", r)
		}
		seen[r.Code] = true
	}
}
