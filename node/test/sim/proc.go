package sim

import (
	"context"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/pipeline"
	"github.com/yizhan-exchange/yizhan/policy"
)

// proc is a running process of one replica: the real pipeline over the
// simulated log. What it remembers is gone when it dies.
type proc struct {
	r       *replica
	w       *world
	domain  *pipeline.Domain
	station delivery.Station // domain, or what a planted bug makes of it
	dead    bool
	leading bool
	reign   int // counts its leaderships
	ends    []*end
	stirred bool // ends will look for what is new
	greets  map[exchange.Domain]bool
}

var _ pipeline.Log = (*proc)(nil)

// patience is far above what a decision takes, so that a machine that stalls
// does not change what happens.
const patience = time.Hour

func newProc(r *replica) *proc {
	w := r.g.w
	p := &proc{r: r, w: w, greets: map[exchange.Domain]bool{}}
	engine, err := policy.NewEngine(policy.Options{Deadline: patience})
	if err != nil {
		w.failf("policy engine: %v", err)
	}
	p.domain = pipeline.New(pipeline.Options{Domain: r.g.info.Domain, Replica: r.name, Log: p, Content: content{p}, Vault: w.kit.vaults[r.g.info.Domain],
		Provider: w.kit.provider, Anchor: w.kit.anchor, Engine: engine, Clock: p.clock, Random: dice{w}})
	p.station = w.Plant.station(p, p.domain)
	return p
}

func (p *proc) clock() exchange.Time { return p.w.now.Add(p.r.skew) }

// gone is the error of everything that a dead process does.
func (p *proc) gone() error {
	if p.dead || p.w.over {
		return exchange.Errorf(exchange.Unknown, "sim", "the process is gone")
	}
	return nil
}

// View implements pipeline.Log.
func (p *proc) View(fn func(ledger.Reader) error) error {
	if err := p.gone(); err != nil {
		return err
	}
	return fn(p.r.rows)
}

// leader is the replica that this one takes for the leader, or nil.
func (p *proc) leader() *replica {
	if p.r.isolated {
		if p.leading {
			return p.r
		}
		return nil
	}
	return p.r.g.leader
}

// Propose implements pipeline.Log.
func (p *proc) Propose(_ context.Context, c ledger.Command) (ledger.Result, error) {
	w := p.w
	w.pause(0, 3*time.Millisecond)
	if err := p.gone(); err != nil {
		return ledger.Result{}, err
	}
	to := p.leader()
	if to == nil || to.proc == nil || w.current == nil {
		return ledger.Result{}, exchange.Errorf(exchange.Unavailable, "sim", "there is no leader")
	}
	prop := &proposal{raw: exchange.Encode(c), task: w.current, after: w.between(0, 3*time.Millisecond)}
	to.pending = append(to.pending, prop)
	w.after(w.between(1*time.Millisecond, 12*time.Millisecond), func() { to.g.commit(to) })
	w.park()
	if err := p.gone(); err != nil {
		return ledger.Result{}, err
	}
	if prop.outcome != "" {
		return ledger.Result{}, exchange.Errorf(w.Plant.lostAnswer(prop.outcome), "sim", "the answer did not come back")
	}
	return exchange.Decode[ledger.Result](prop.result)
}

// Current implements pipeline.Log.
func (p *proc) Current(context.Context) error {
	w := p.w
	w.pause(0, 4*time.Millisecond)
	if err := p.gone(); err != nil {
		return err
	}
	g := p.r.g
	if p.r.isolated || g.leader == nil || !g.quorum() {
		return exchange.Errorf(exchange.Unavailable, "sim", "no leader could be verified")
	}
	need := len(g.log)
	w.pause(0, 4*time.Millisecond)
	if err := p.gone(); err != nil {
		return err
	}
	p.r.applyTo(need)
	return nil
}

// Changed implements pipeline.Log. Nothing here waits for it.
func (p *proc) Changed() <-chan struct{} { return nil }

// Term implements pipeline.Log.
func (p *proc) Term() uint64 { return p.r.term }

// lead is called when its replica has won an election.
func (p *proc) lead() {
	p.leading = true
	p.reign++
	p.domain.Lead()
	p.closeLinks()
	reign := p.reign
	still := func() bool { return p.leading && p.reign == reign && p.gone() == nil }
	for _, l := range p.w.links {
		if l.child == p.r.g {
			p.w.spawn("dial", func() { l.dial(p, still) })
		}
	}
	p.w.spawn("expire", func() { p.expire(still) })
	p.w.spawn("resync", func() { p.resync(still) })
}

// unlead ends every session.
func (p *proc) unlead() {
	p.leading = false
	for _, e := range p.ends {
		e.close("not leading")
	}
}

func (p *proc) die() {
	p.dead = true
	p.unlead()
}

// expire gives up what is overdue, now and then.
func (p *proc) expire(still func() bool) {
	for still() {
		p.w.pause(5*time.Second, 20*time.Second)
		if !still() {
			return
		}
		if _, err := p.domain.ExpireDue(context.Background()); err != nil {
			p.w.expect("giving up at "+string(p.r.g.info.Domain), err, exchange.Unavailable, exchange.Unknown, exchange.Stale, exchange.Conflict)
		}
	}
}

// resync tells neighbours that began a new life what they forgot.
func (p *proc) resync(still func() bool) {
	for still() {
		p.w.pause(20*time.Millisecond, time.Second)
		if !still() {
			return
		}
		if _, err := p.domain.Resync(context.Background()); err != nil {
			p.w.expect("resynchronising at "+string(p.r.g.info.Domain), err, exchange.Unavailable, exchange.Unknown)
		}
	}
}

// changed lets the sessions of this process look for something to send.
func (p *proc) changed() {
	if p.stirred || len(p.ends) == 0 || p.dead {
		return
	}
	p.stirred = true
	p.w.after(p.w.between(1*time.Millisecond, 20*time.Millisecond), func() {
		p.stirred = false
		for _, e := range p.ends {
			e.pump()
			e.pull()
		}
	})
}
