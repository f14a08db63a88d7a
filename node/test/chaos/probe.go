package chaos

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
)

// probeWait is how long a probe waits for one replica before it asks the next,
// as a patient client of one endpoint would not.
const probeWait = 700 * time.Millisecond

// probe submits inside one domain all the time, to one replica after another,
// and measures the longest time in which nobody took anything.
type probe struct {
	worker
	domain  exchange.Domain
	clients []*client.Client // one for each replica
	mu      sync.Mutex
	last    time.Time
	longest time.Duration
}

func (p *probe) run(ctx context.Context) {
	p.last = time.Now()
	from, to := exchange.Unit("wjw@"+string(p.domain)), exchange.Unit("bgs@"+string(p.domain))
	for i := 0; ctx.Err() == nil; i++ {
		it := &item{key: fmt.Sprintf("probe-%s-%d", p.domain, i), from: from, to: to, size: 40}
		p.h.add(it)
		p.units = map[exchange.Unit]*client.Client{from: p.clients[i%len(p.clients)]}
		if got := p.submitWithin(it, 0, probeWait); !got.ID.IsZero() {
			p.taken()
		}
		pause(ctx, 20*time.Millisecond)
	}
	p.taken() // what is open at the end is counted
}

func (p *probe) taken() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.longest = max(p.longest, time.Since(p.last))
	p.last = time.Now()
}
