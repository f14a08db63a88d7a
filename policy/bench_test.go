package policy_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy"
	"github.com/yizhan-exchange/yizhan/policy/facts"
)

func BenchmarkDecide(b *testing.B) {
	e, q := newEngine(b, bundles()), policy.Sample()
	b.ReportAllocs()
	for b.Loop() {
		if d, err := e.Decide(context.Background(), q); err != nil || !d.Allow {
			b.Fatal(d, err)
		}
	}
}

func BenchmarkDecideDocument(b *testing.B) {
	e, q := newEngine(b, bundles()), countyRequest()
	b.ReportAllocs()
	for b.Loop() {
		if d, err := e.Decide(context.Background(), q); err != nil || !d.Allow {
			b.Fatal(d, err)
		}
	}
}

// BenchmarkDecideNinety is one document to ninety counties.
func BenchmarkDecideNinety(b *testing.B) {
	e, q := newEngine(b, bundles()), ninety()
	b.ReportAllocs()
	for b.Loop() {
		if d, err := e.Decide(context.Background(), q); err != nil || !d.Allow {
			b.Fatal(d, err)
		}
	}
}

func BenchmarkKernelRefusal(b *testing.B) {
	e, q := newEngine(b, bundles()), policy.Sample()
	q.Secrecy = exchange.Secret
	b.ReportAllocs()
	for b.Loop() {
		if d, err := e.Decide(context.Background(), q); err != nil || d.Allow {
			b.Fatal(d, err)
		}
	}
}

func BenchmarkFacts(b *testing.B) {
	q := policy.Sample()
	b.ReportAllocs()
	for b.Loop() {
		facts.Of(&q)
	}
}

func BenchmarkInput(b *testing.B) {
	q := policy.Sample()
	f := facts.Of(&q)
	b.ReportAllocs()
	for b.Loop() {
		f.Input()
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := policy.Load(bundles()); err != nil {
			b.Fatal(err)
		}
	}
}

// ninety is a notice of the province's general office to all counties.
func ninety() policy.Question {
	q := provinceNotice()
	q.To = q.To[:1]
	for i := range 90 {
		d := county
		d.Domain = exchange.Domain(fmt.Sprintf("3205%02d", i+1))
		q.To = append(q.To, policy.Recipient{Party: party(exchange.Unit("bgs@"+string(d.Domain)), d, true, "")})
	}
	return q
}
