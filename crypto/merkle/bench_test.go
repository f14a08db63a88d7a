package merkle

import (
	"fmt"
	"testing"
)

func BenchmarkAppend(b *testing.B) {
	f, leaf := grow(leaves(1000)).Frontier, leaves(1)[0]
	b.ReportAllocs()
	for b.Loop() {
		f = f.Append(hash, leaf, nil)
	}
}

func BenchmarkRoot(b *testing.B) {
	f := grow(leaves(1023)).Frontier
	b.ReportAllocs()
	for b.Loop() {
		f.Root(hash)
	}
}

func BenchmarkBatch(b *testing.B) {
	for _, n := range []int{1, 16, 64, 1024} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			entries := make([][]byte, n)
			for i := range entries {
				entries[i] = make([]byte, 300)
			}
			b.ReportAllocs()
			for b.Loop() {
				Batch(hash, entries)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/entry")
		})
	}
}

func BenchmarkInclusion(b *testing.B) {
	d := leaves(100_000)
	t := Build(hash, d)
	n, root := uint64(len(d)), t.Root(hash)
	b.Run("prove", func(b *testing.B) {
		for b.Loop() {
			must(ProveInclusion(hash, t.Node, 77_777, n))
		}
	})
	b.Run("verify", func(b *testing.B) {
		p := must(ProveInclusion(hash, t.Node, 77_777, n))
		for b.Loop() {
			if err := VerifyInclusion(hash, d[77_777], 77_777, n, p, root); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkConsistency(b *testing.B) {
	d := leaves(100_000)
	t, old := Build(hash, d), Build(hash, d[:77_777]).Root(hash)
	n, root := uint64(len(d)), t.Root(hash)
	b.Run("prove", func(b *testing.B) {
		for b.Loop() {
			must(ProveConsistency(hash, t.Node, 77_777, n))
		}
	})
	b.Run("verify", func(b *testing.B) {
		p := must(ProveConsistency(hash, t.Node, 77_777, n))
		for b.Loop() {
			if err := VerifyConsistency(hash, 77_777, n, old, root, p); err != nil {
				b.Fatal(err)
			}
		}
	})
}
