package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

// probe hands in 特急 at a steady pace, to each node of the county in turn, as
// a unit would that has an emergency while others make a storm.
type probe struct {
	clients  []*client.Client
	reader   *client.Client // of the storm's unit
	witness  *client.Client // hands in ordinary ones, and takes a refusal for an answer
	content  []byte
	accepted atomic.Int64
	bad      atomic.Int64

	mu      sync.Mutex
	took    []sample
	refused []time.Duration // that the witness waited for a refusal
}

type sample struct {
	at   time.Time
	took time.Duration
}

func newProbe(p *processes, size int) (*probe, error) {
	out := &probe{content: make([]byte, size)}
	_, _ = rand.Read(out.content) // never fails
	var err error
	if out.reader, err = p.client(sender, nil); err != nil {
		return nil, err
	}
	if out.witness, err = p.client(probeUnit, func(c *client.Config) { c.RefusalsFinal = true }); err != nil {
		return nil, errors.Join(err, out.reader.Close())
	}
	for i := range probers { // one that may go elsewhere does so once a node is slow, for good
		c, err := p.client(probeUnit, func(c *client.Config) { c.Endpoints = c.Endpoints[i : i+1] })
		if err != nil {
			out.close()
			return nil, err
		}
		out.clients = append(out.clients, c)
	}
	return out, nil
}

func (p *probe) close() {
	_, _ = p.reader.Close(), p.witness.Close()
	for _, c := range p.clients {
		_ = c.Close()
	}
}

// run probes until the time is over or ctx ends. What was begun is ended.
func (p *probe) run(ctx context.Context, d time.Duration) {
	end := time.After(d)
	var all sync.WaitGroup
	defer all.Wait()
	tick := time.NewTicker(probeEvery / time.Duration(len(p.clients)))
	defer tick.Stop()
	for i := 0; ; i++ {
		all.Go(func() { p.measure(context.WithoutCancel(ctx), p.clients[i%len(p.clients)]) })
		if i%len(p.clients) == 0 {
			all.Go(func() { p.testify(context.WithoutCancel(ctx)) })
		}
		select {
		case <-tick.C:
		case <-end:
			return
		case <-ctx.Done():
			return
		}
	}
}

// measure hands in one, and counts from the moment at which it was due.
func (p *probe) measure(ctx context.Context, c *client.Client) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	began := time.Now()
	if _, err := p.one(ctx, c); err != nil {
		p.bad.Add(1)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took = append(p.took, sample{began, time.Since(began)})
}

// testify hands in an ordinary one, as a unit does that has nothing to do with
// the storm, and notes how soon it is refused if it is.
func (p *probe) testify(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	began := time.Now()
	_, err := p.witness.Submit(ctx, filing("", len(p.content)), func(int) (io.Reader, error) { return bytes.NewReader(p.content), nil })
	switch {
	case err == nil:
		p.accepted.Add(1)
	case exchange.CodeOf(err) == exchange.Exhausted:
		p.mu.Lock()
		defer p.mu.Unlock()
		p.refused = append(p.refused, time.Since(began))
	default:
		p.bad.Add(1)
	}
}

func (p *probe) one(ctx context.Context, c *client.Client) (exchange.Submitted, error) {
	out, err := c.Submit(ctx, filing(exchange.MostUrgent.String(), len(p.content)), func(int) (io.Reader, error) { return bytes.NewReader(p.content), nil })
	if err == nil {
		p.accepted.Add(1)
	}
	return out, err
}

// peek returns what was measured of those that began before a moment, or all
// for the zero time.
func (p *probe) peek(before time.Time) Latency {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []time.Duration
	for _, s := range p.took {
		if before.IsZero() || s.at.Before(before) {
			all = append(all, s.took)
		}
	}
	return percentiles(all)
}

// take is peek, and begins anew.
func (p *probe) take(before time.Time) Latency {
	l := p.peek(before)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took = nil
	return l
}

func (p *probe) failed() int64 { return p.bad.Load() }
