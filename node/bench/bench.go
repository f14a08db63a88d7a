// Package bench measures the wired whole: a federation in one process that files
// cases from county to city as clients do, and each step of that road by itself,
// beside the floors that its primitives were measured to have (ANCHORS §4).
package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

// Floors of one filing of 4 KiB in core-µs, county with three replicas to city
// with three replicas and its receipt back.
const (
	FloorAlone   = 458 // each step pays alone
	FloorBatched = 260 // receipts in batches, one wrap per domain pair, shared entries
)

// Units between which is filed.
const (
	sender    = "wjw@320582"
	recipient = "wjw@320500"
)

// Options of a run.
type Options struct {
	// Client connects as UNIT@DOMAIN of a running sample federation.
	Client   func(as string) (*client.Client, error)
	Clients  int           // filing at the same time
	Duration time.Duration // of filing
	Size     int           // bytes of content
}

// Result is what a run measured. Times are of the wall, core-µs of the whole
// process: all replicas, all nodes and the clients themselves.
type Result struct {
	Clients  int     `json:"clients"`
	Size     int     `json:"size_bytes"`
	Filings  int     `json:"filings"`
	Accepted float64 `json:"accepted_per_second"`
	// Arrived counts until the last ARRIVED receipt was back at the county.
	Arrived      float64 `json:"arrived_per_second"`
	CoreMicros   float64 `json:"core_us_per_filing"`
	FloorAlone   int     `json:"floor_alone_core_us"`
	FloorBatched int     `json:"floor_batched_core_us"`
	Accept       Latency `json:"accept_latency"` // until ACCEPTED is in the client's hands
	Arrive       Latency `json:"arrive_latency"` // until ARRIVED is, of one probe at a time
}

// Latency holds percentiles.
type Latency struct {
	Count int           `json:"count"`
	P50   time.Duration `json:"p50_ns"`
	P90   time.Duration `json:"p90_ns"`
	P99   time.Duration `json:"p99_ns"`
	Max   time.Duration `json:"max_ns"`
}

// Filing files cases for a while, waits until all have arrived, and reports.
func Filing(ctx context.Context, o Options) (Result, error) {
	if o.Clients < 1 || o.Size < 1 || o.Duration <= 0 {
		return Result{}, exchange.Errorf(exchange.Invalid, "bench", "clients, size and duration must be positive")
	}
	team, err := newTeam(o)
	if err != nil {
		return Result{}, err
	}
	defer team.close()
	if err := team.warmUp(ctx); err != nil {
		return Result{}, fmt.Errorf("warming up: %w", err)
	}
	cpu, began := coreTime(), time.Now()
	if err := team.file(ctx, began.Add(o.Duration)); err != nil {
		return Result{}, err
	}
	filed := time.Since(began)
	if err := team.awaitLast(ctx); err != nil {
		return Result{}, fmt.Errorf("waiting for the last to arrive: %w", err)
	}
	arrived, used := time.Since(began), coreTime()-cpu
	accept, arrive := team.latencies()
	n := float64(len(accept) + len(arrive))
	if n == 0 {
		return Result{}, errors.New("nothing was filed in that time")
	}
	return Result{Clients: o.Clients, Size: o.Size, Filings: int(n), Accepted: n / filed.Seconds(), Arrived: n / arrived.Seconds(),
		CoreMicros: float64(used.Microseconds()) / n, FloorAlone: FloorAlone, FloorBatched: FloorBatched,
		Accept: percentiles(accept), Arrive: percentiles(arrive)}, nil
}

func percentiles(all []time.Duration) Latency {
	if len(all) == 0 {
		return Latency{}
	}
	slices.Sort(all)
	at := func(p float64) time.Duration { return all[min(int(p*float64(len(all))), len(all)-1)] }
	return Latency{len(all), at(0.5), at(0.9), at(0.99), all[len(all)-1]}
}

// coreTime is the processor time that this process has used.
func coreTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // cannot fail for the process itself
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
