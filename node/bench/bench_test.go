package bench_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/node/bench"
	"github.com/yizhan-exchange/yizhan/node/demo"
)

func start(b testing.TB) *demo.Demo {
	b.Helper()
	d, err := demo.Start(b.Context(), demo.Options{Dir: filepath.Join(b.TempDir(), "federation"), BasePort: -1, Heartbeat: 2 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := d.Close(ctx); err != nil {
			b.Error(err)
		}
	})
	return d
}

func TestEveryFilingOfABenchmarkArrives(t *testing.T) {
	r, err := bench.Filing(t.Context(), bench.Options{Client: start(t).Client, Clients: 4, Duration: time.Second, Size: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if r.Filings == 0 || r.Accepted < r.Arrived || r.CoreMicros <= 0 {
		t.Errorf("%+v", r)
	}
}

// BenchmarkFilingEndToEnd files for a second per run: what it reports counts,
// not ns/op.
func BenchmarkFilingEndToEnd(b *testing.B) {
	d := start(b)
	var last bench.Result
	for b.Loop() {
		var err error
		if last, err = bench.Filing(b.Context(), bench.Options{Client: d.Client, Clients: 32, Duration: time.Second, Size: 4 << 10}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(last.Accepted, "accepted/s")
	b.ReportMetric(last.Arrived, "arrived/s")
	b.ReportMetric(last.CoreMicros, "core-µs/filing")
	b.ReportMetric(float64(last.Accept.P50.Microseconds()), "accept-p50-µs")
	b.ReportMetric(float64(last.Arrive.P50.Microseconds()), "arrive-p50-µs")
}

func TestEveryStepIsMeasured(t *testing.T) {
	steps, err := bench.Steps(t.Context(), "", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		t.Logf("%-60s %8.1f %8.1f %s", s.Name, s.CoreMicros, s.Floor, s.Note)
		if s.CoreMicros <= 0 {
			t.Errorf("%s took nothing", s.Name)
		}
	}
}
