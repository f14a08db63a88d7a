package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

// StormOptions are of the process that makes the storm.
type StormOptions struct {
	Settings    string // client.yaml
	Clients     int    // submissions at the same time
	Connections int    // that they share, to each node
	Size        int
	Slow        int    // readers
	Read        string // what they read, an exchange of the sender's
	// Once makes a refusal final; all of them hand in something new at once, as
	// long as Duration. Else each hands in one thing until it is accepted.
	Once     bool
	Duration time.Duration
}

// StormResult is what the storm's clients saw. Times include what the clients
// waited for their own processor.
type StormResult struct {
	Sent     int           `json:"sent"`
	Accepted int           `json:"accepted"`
	Refused  int           `json:"refused"` // calls that ended so, or tries that were repeated
	Failed   int           `json:"failed"`  // neither accepted nor refused
	Waiting  int           `json:"waiting"` // still being repeated when the storm was ended
	Reason   string        `json:"first_failure,omitempty"`
	Took     time.Duration `json:"took_ns"`
	Accept   Latency       `json:"accept_latency"`
	Refuse   Latency       `json:"refuse_latency"`
	Read     int64         `json:"slow_bytes_read"`
}

// slowPace is what a slow reader takes each second.
const slowPace = 16 << 10

// Storm hands in all at once, and returns when every client has its answer.
func Storm(ctx context.Context, o StormOptions) (StormResult, error) {
	settings, err := client.LoadConfig(o.Settings)
	if err != nil {
		return StormResult{}, err
	}
	s := &storm{o: o, content: make([]byte, o.Size)}
	_, _ = rand.Read(s.content) // never fails
	defer s.close()
	for i := range o.Connections {
		c, err := dialAs(settings, sender, func(c *client.Config) {
			c.RefusalsFinal, c.OnRetry = o.Once, s.retried
			turn(c.Endpoints, i)
		})
		if err != nil {
			return StormResult{}, err
		}
		s.clients = append(s.clients, c)
	}
	reading, stop := context.WithCancel(ctx)
	var readers sync.WaitGroup
	for i := range o.Slow {
		readers.Go(func() { s.readSlowly(reading, s.clients[i%len(s.clients)]) })
	}
	began := time.Now()
	var all sync.WaitGroup
	for i := range o.Clients {
		all.Go(func() { s.hand(ctx, s.clients[i%len(s.clients)], began.Add(o.Duration)) })
	}
	all.Wait()
	s.result.Took = time.Since(began)
	stop()
	readers.Wait()
	s.result.Accept, s.result.Refuse = percentiles(s.accepted), percentiles(s.refused)
	return s.result, nil
}

// turn begins with another endpoint for each.
func turn(endpoints []string, by int) {
	first := by % len(endpoints)
	copy(endpoints, slices.Concat(endpoints[first:], endpoints[:first]))
}

type storm struct {
	o       StormOptions
	content []byte
	clients []*client.Client

	mu                sync.Mutex
	result            StormResult
	accepted, refused []time.Duration
}

func (s *storm) close() {
	for _, c := range s.clients {
		_ = c.Close()
	}
}

func (s *storm) retried(cause error, _ time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if exchange.CodeOf(cause) == exchange.Exhausted {
		s.result.Refused++
	}
}

// hand hands in one thing, or one after the other while refusals are final.
func (s *storm) hand(ctx context.Context, c *client.Client, until time.Time) {
	for {
		began := time.Now()
		_, err := c.Submit(ctx, filing("", len(s.content)), func(int) (io.Reader, error) { return bytes.NewReader(s.content), nil })
		s.count(ctx, err, time.Since(began))
		if !s.o.Once || ctx.Err() != nil || time.Now().After(until) {
			return
		}
	}
}

func (s *storm) count(ctx context.Context, err error, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.Sent++
	switch {
	case err == nil:
		s.result.Accepted++
		s.accepted = append(s.accepted, took)
	case ctx.Err() != nil:
		s.result.Waiting++
	case exchange.CodeOf(err) == exchange.Exhausted:
		s.result.Refused++
		s.refused = append(s.refused, took)
	default:
		if s.result.Failed++; s.result.Reason == "" {
			s.result.Reason = err.Error()
		}
	}
}

// filing is one case of one file.
func filing(urgency string, size int) exchange.Submission {
	return exchange.Submission{Key: client.NewKey(), Kind: "case", To: []string{recipient}, Type: "上报件", Title: "测量用办件", Urgency: urgency,
		Files: []exchange.File{{Name: "材料.ofd", Size: int64(size)}}}
}

// readSlowly reads the same over and over.
func (s *storm) readSlowly(ctx context.Context, c *client.Client) {
	for ctx.Err() == nil {
		_ = c.Fetch(ctx, s.o.Read, nil, func(int, exchange.File) (io.Writer, error) { return slowly{ctx, s}, nil })
	}
}

type slowly struct {
	ctx   context.Context
	storm *storm
}

// Write implements io.Writer.
func (w slowly) Write(b []byte) (int, error) {
	select {
	case <-time.After(time.Duration(len(b)) * time.Second / slowPace):
	case <-w.ctx.Done():
		return 0, w.ctx.Err()
	}
	w.storm.mu.Lock()
	w.storm.result.Read += int64(len(b))
	w.storm.mu.Unlock()
	return len(b), nil
}
