package sim

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/pipeline"
)

// store is the chunks on one replica's disk. The pipeline stores chunks of one
// upload concurrently, hence the lock; nothing random may happen under it.
type store struct {
	mu      sync.Mutex
	data    map[crypto.Digest][]byte
	at      map[crypto.Digest]int // entries in the log when it came
	unsafe  []crypto.Digest       // stored without syncing: only by a planted bug
	lossily bool
}

func (s *store) put(a crypto.Digest, data []byte, entries int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.at[a]; !known {
		s.at[a] = entries
	}
	if s.data[a] == nil && s.lossily {
		s.unsafe = append(s.unsafe, a)
	}
	s.data[a] = bytes.Clone(data)
}

func (s *store) get(a crypto.Digest) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data[a]
}

// forget goes back to what was stored when the log had so many entries.
func (s *store) forget(entries int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for a, at := range s.at {
		if at > entries {
			delete(s.data, a)
			delete(s.at, a)
		}
	}
}

func (s *store) crash() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.unsafe {
		delete(s.data, a)
	}
	s.unsafe = nil
}

// content is pipeline.Content as one process sees it.
type content struct{ p *proc }

var _ pipeline.Content = content{}

// others lists this replica first, and then those it can speak with.
func (c content) others() []*replica {
	me := c.p.r
	out := []*replica{me}
	for _, r := range me.g.replicas {
		if r != me && r.reachable() && !me.isolated {
			out = append(out, r)
		}
	}
	return out
}

// alone marks calls that come from the link, one at a time. The chunks of an
// upload are stored by goroutines of the pipeline, where nothing may pause.
type alone struct{}

func oneByOne() context.Context { return context.WithValue(context.Background(), alone{}, true) }

// Put implements pipeline.Content.
func (c content) Put(ctx context.Context, a crypto.Digest, data []byte) error {
	if ctx.Value(alone{}) != nil {
		c.p.w.pause(0, 10*time.Millisecond)
	}
	if err := c.p.gone(); err != nil {
		return err
	}
	kept := 0
	for _, r := range c.others() {
		if !r.full {
			r.chunks.put(a, data, len(r.g.log))
			kept++
		}
	}
	if kept < 2 {
		return exchange.Errorf(exchange.Unavailable, "sim.content", "no majority takes the chunk")
	}
	return nil
}

// Kept implements pipeline.Content. Whoever lacks a chunk that another has gets
// it first.
func (c content) Kept(_ context.Context, all []crypto.Digest) (out []exchange.Stored, err error) {
	c.p.w.pause(1*time.Millisecond, 8*time.Millisecond)
	if err := c.p.gone(); err != nil {
		return nil, err
	}
	for _, r := range c.others() {
		has := true
		for _, a := range all {
			if r.chunks.get(a) == nil && !c.mend(r, a) {
				has = false
			}
		}
		if has {
			out = append(out, exchange.Stored{Replica: r.name, Configuration: 1})
		}
	}
	if len(out) < 2 {
		return nil, exchange.Errorf(exchange.Unavailable, "sim.content", "the chunks are on %d of 3 replicas", len(out))
	}
	return out, nil
}

func (c content) mend(r *replica, a crypto.Digest) bool {
	data := c.find(a)
	if data == nil || r.full {
		return false
	}
	r.chunks.put(a, data, len(r.g.log))
	return true
}

func (c content) find(a crypto.Digest) []byte {
	for _, r := range c.others() {
		if data := r.chunks.get(a); data != nil {
			return data
		}
	}
	return nil
}

// Missing implements pipeline.Content: what nobody within reach has.
func (c content) Missing(_ context.Context, all []crypto.Digest) (out []crypto.Digest, err error) {
	if err := c.p.gone(); err != nil {
		return nil, err
	}
	for _, a := range all {
		if c.find(a) == nil {
			out = append(out, a)
		}
	}
	return out, nil
}

// Get implements pipeline.Content.
func (c content) Get(_ context.Context, a crypto.Digest) ([]byte, error) {
	if err := c.p.gone(); err != nil {
		return nil, err
	}
	if data := c.find(a); data != nil {
		return data, nil
	}
	if len(c.others()) < 3 {
		return nil, exchange.Errorf(exchange.Unavailable, "sim.content", "the replicas that may have the chunk cannot be asked")
	}
	return nil, exchange.Errorf(exchange.NotFound, "sim.content", "nobody has the chunk")
}
