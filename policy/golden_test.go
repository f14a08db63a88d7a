package policy_test

import (
	"context"
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

func TestSampleIsAllowed(t *testing.T) {
	d, err := newEngine(t, bundles()).Decide(context.Background(), policy.Sample())
	if err != nil {
		t.Fatal(err)
	}
	if !d.Allow || d.Hold {
		t.Fatal(policy.Explain(d, "en"))
	}
	t.Log(policy.Explain(d, "zh"))
}
