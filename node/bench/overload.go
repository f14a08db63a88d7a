package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

// OverloadOptions of a run. Nodes, storm and probe are processes of their own.
type OverloadOptions struct {
	Program     string // yizhan; this process's own when ""
	Dir         string // empty or missing
	Clients     int
	Connections int
	Size        int
	Slow        int
	Once        bool
	Base        time.Duration // of measuring 特急 before the storm
	Duration    time.Duration // of a storm of refusals that are final
	Limit       time.Duration // after which the storm is ended
	Progress    func(string)
}

// OverloadResult is what a run measured.
type OverloadResult struct {
	Storm      StormResult `json:"storm"`
	Niced      bool        `json:"storm_at_low_priority"`
	Base       Latency     `json:"most_urgent_before"`
	Under      Latency     `json:"most_urgent_under_storm"`
	First      Latency     `json:"most_urgent_in_its_first_16s"`
	Ratio      float64     `json:"p99_ratio"`
	RatioFirst float64     `json:"p99_ratio_first_16s"`
	Refuse     Latency     `json:"bystander_refused_after"` // of ordinary ones that are not of the storm
	Urgent     int         `json:"probes_failed"`
	Lost       int         `json:"accepted_and_not_kept"`
	Unasked    int         `json:"kept_and_not_accepted"` // something was done twice
	Nodes      []NodeLoad  `json:"nodes"`
	Memory     int64       `json:"memory_limit_bytes"`
	Limits     Limits      `json:"limits"`
}

// NodeLoad is one node of the county under the storm.
type NodeLoad struct {
	Node string        `json:"node"`
	Idle int64         `json:"anonymous_before_bytes"` // at most
	Peak int64         `json:"anonymous_peak_bytes"`
	Load exchange.Load `json:"load"`
}

// Limits are what must hold.
type Limits struct {
	Ratio  float64       `json:"p99_ratio"`
	Refuse time.Duration `json:"refuse_p99_ns"`
}

// Failures lists what does not hold.
func (r OverloadResult) Failures() (out []string) {
	add := func(bad bool, format string, args ...any) {
		if bad {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	add(r.Ratio > r.Limits.Ratio, "特急 p99 rose %.1f times, at most %.0f is right", r.Ratio, r.Limits.Ratio)
	add(r.Storm.Waiting > 0, "%d of the storm were not accepted within the limit of time", r.Storm.Waiting)
	add(r.Storm.Failed > 0, "%d were neither accepted nor refused: %s", r.Storm.Failed, r.Storm.Reason)
	add(r.Urgent > 0, "%d 特急 or bystanders had no answer", r.Urgent)
	add(r.Lost > 0, "%d were accepted and are not there", r.Lost)
	add(r.Unasked > 0, "%d are there and were not accepted", r.Unasked)
	add(r.Refuse.P99 > r.Limits.Refuse, "a bystander was refused after %s (p99), %s is right", r.Refuse.P99, r.Limits.Refuse)
	for _, n := range r.Nodes {
		add(n.Peak > r.Memory, "%s held %d MiB, limits.memory is %d MiB", n.Node, n.Peak>>20, r.Memory>>20)
	}
	return out
}

const (
	county     = "320582"
	probeUnit  = "bgs@320582"
	probeAdmin = "bgs@320582/trial.admin"
	probers    = 3
	probeEvery = 300 * time.Millisecond // of each
	atFirst    = 16 * time.Second
	readSize   = 4 << 20 // what slow readers read
)

// Overload measures 特急 before and under a storm.
func Overload(ctx context.Context, o OverloadOptions) (r OverloadResult, err error) {
	program := o.Program
	if program == "" {
		if program, err = os.Executable(); err != nil {
			return r, err
		}
	}
	o.Progress("starting a city and a county, three processes each")
	p, err := startProcesses(ctx, program, o.Dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go p.watchMemory(watching)
	r.Memory, r.Limits = int64(p.memory), Limits{Ratio: 3, Refuse: 3 * time.Second}

	probe, err := newProbe(p, o.Size)
	if err != nil {
		return r, err
	}
	defer probe.close()
	read, err := probe.prepare(ctx)
	if err != nil {
		return r, err
	}
	before, err := p.exchanges(ctx)
	if err != nil {
		return r, err
	}
	o.Progress(fmt.Sprintf("measuring 特急 alone for %s", o.Base))
	probe.run(ctx, o.Base)
	r.Base = probe.take(time.Time{})
	idle := p.peaks()

	o.Progress(fmt.Sprintf("%d submissions at once", o.Clients))
	began := time.Now()
	if err := r.storm(ctx, p, program, read, probe, o); err != nil {
		return r, err
	}
	r.First, r.Under = probe.peek(began.Add(atFirst)), probe.take(time.Time{})
	r.Ratio, r.RatioFirst = ratio(r.Under, r.Base), ratio(r.First, r.Base)
	r.Refuse, r.Urgent = percentiles(probe.refused), int(probe.failed())
	return r, r.finish(ctx, p, before, probe, idle)
}

func ratio(a, b Latency) float64 {
	if b.P99 == 0 {
		return 0
	}
	return float64(a.P99) / float64(b.P99)
}

// storm runs the storm's process, and probes as long as it lasts.
func (r *OverloadResult) storm(ctx context.Context, p *processes, program, read string, probe *probe, o OverloadOptions) error {
	ctx, cancel := context.WithTimeout(ctx, o.Limit)
	defer cancel()
	args := []string{program, "bench", "storm", "--settings", p.trial.ClientConfig(), "--read", read, "--clients", strconv.Itoa(o.Clients),
		"--connections", strconv.Itoa(o.Connections), "--size", strconv.Itoa(o.Size), "--slow", strconv.Itoa(o.Slow),
		"--duration", o.Duration.String(), "--once=" + strconv.FormatBool(o.Once)}
	if nice, err := exec.LookPath("nice"); err == nil {
		args, r.Niced = append([]string{nice, "-n", "19"}, args...), true
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it tells what it has seen
	cmd.WaitDelay = stopLimit
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	probing, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	all.Go(func() { probe.run(probing, o.Limit) })
	err := cmd.Wait()
	stop()
	all.Wait()
	if err != nil && (ctx.Err() == nil || out.Len() == 0) {
		return fmt.Errorf("the storm's process: %w", err)
	}
	return json.Unmarshal(out.Bytes(), &r.Storm)
}

// finish compares what was accepted with what is there, and asks the nodes.
func (r *OverloadResult) finish(ctx context.Context, p *processes, before uint64, probe *probe, idle map[string]int64) error {
	after, err := p.exchanges(ctx)
	if err != nil {
		return err
	}
	kept, accepted := int(after-before), r.Storm.Accepted+int(probe.accepted.Load())
	r.Lost = max(0, accepted-kept)
	r.Unasked = max(0, kept-accepted-r.Storm.Waiting) // what was cut off may have been kept
	peaks := p.peaks()
	for name := range p.running {
		n := NodeLoad{Node: name, Idle: idle[name], Peak: peaks[name]}
		if status, err := p.status(ctx, name); err == nil {
			n.Load = status.Load
		}
		r.Nodes = append(r.Nodes, n)
	}
	slices.SortFunc(r.Nodes, func(a, b NodeLoad) int { return bytes.Compare([]byte(a.Node), []byte(b.Node)) })
	return nil
}

// status asks one node of the county.
func (p *processes) status(ctx context.Context, name string) (exchange.DomainStatus, error) {
	i := slices.Index(p.trial.Nodes, name)
	own := slices.IndexFunc(p.trial.Nodes, func(n string) bool { return n[:3] == "cou" })
	if i < own {
		return exchange.DomainStatus{}, exchange.Errorf(exchange.NotFound, "bench", "%s is not of the county", name)
	}
	c, err := p.client(probeAdmin, func(c *client.Config) { c.Endpoints = c.Endpoints[i-own : i-own+1] })
	if err != nil {
		return exchange.DomainStatus{}, err
	}
	defer func() { _ = c.Close() }()
	all, err := c.ClusterStatus(ctx)
	if err != nil {
		return exchange.DomainStatus{}, err
	}
	return all[0], nil
}

// exchanges counts those of the county, when all its replicas have applied the
// same: nobody writes meanwhile but the link.
func (p *processes) exchanges(ctx context.Context) (n uint64, err error) {
	for _, name := range p.trial.Nodes {
		if s, err := p.status(ctx, name); err == nil && string(s.Domain) == county {
			n = max(n, s.Exchanges)
		} else if exchange.CodeOf(err) != exchange.NotFound {
			return 0, err
		}
	}
	return n, nil
}

// prepare fills what is filled once, and hands in what slow readers read.
func (p *probe) prepare(ctx context.Context) (id string, err error) {
	for range 20 {
		for _, c := range p.clients {
			if _, err := p.one(ctx, c); err != nil {
				return "", err
			}
		}
	}
	p.took = nil
	p.accepted.Store(0)
	large := make([]byte, readSize)
	_, _ = rand.Read(large) // never fails
	out, err := p.reader.Submit(ctx, filing("", len(large)), func(int) (io.Reader, error) { return bytes.NewReader(large), nil })
	return out.ID.String(), err
}
