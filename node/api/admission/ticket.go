package admission

import (
	"context"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// states of a ticket.
const (
	waits = iota
	granted
	ended
)

// Ticket is one submission at the door. Its methods may be called by several
// goroutines.
type Ticket struct {
	door    *Door
	claimed Class
	turn    chan struct{} // closed when it is granted or refused

	// The rest is guarded by door.mu.
	flow    string
	known   bool // the flow is a unit
	class   Class
	demoted bool
	size    int64
	hold    int64
	state   int
	refusal error
	idle    bool // open, and waiting for its sender
	share   int  // of the door, while it is worked on
	began   time.Time
	rested  time.Duration // waited for its sender
}

// Identify names the unit that a ticket is of, once it is known. Until then
// it counts for the address. It fails like Arrive when the unit has used up its
// 特急 and there is no room among the others.
func (t *Ticket) Identify(flow string) error {
	d := t.door
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.flow == flow || t.state == ended {
		return t.refusal
	}
	if t.state == granted {
		d.leave(t.flow)
		d.flows[flow]++
		t.flow, t.known = flow, true
		d.serve()
		return nil
	}
	d.queues[t.class].remove(t)
	t.flow, t.known = flow, true
	d.charge(t, d.now())
	err := d.admit(t)
	d.serve() // whoever stood behind it
	return err
}

// end is for a ticket that was not granted.
func (t *Ticket) end(why error) {
	t.state, t.refusal = ended, why
	close(t.turn)
}

// Wait returns when the ticket is granted, or why it never will be.
func (t *Ticket) Wait(ctx context.Context) error {
	timer := time.NewTimer(t.door.limits.Patience)
	defer timer.Stop()
	var why Reason
	select {
	case <-t.turn:
		return t.verdict()
	case <-timer.C:
		why = Waited
	case <-ctx.Done():
		why = Gone
	}
	t.door.mu.Lock()
	if t.state == waits {
		t.door.drop(t, why)
		t.door.serve()
	}
	t.door.mu.Unlock()
	return t.verdict()
}

func (t *Ticket) verdict() error {
	t.door.mu.Lock()
	defer t.door.mu.Unlock()
	return t.refusal
}

// Declare compares the claim with what the submission itself says. It fails
// with Invalid when less was claimed than is handed in, or more urgency.
func (t *Ticket) Declare(u exchange.Urgency, size int64) error {
	d := t.door
	d.mu.Lock()
	defer d.mu.Unlock()
	var p exchange.Problems
	if t.claimed == MostUrgent && u != exchange.MostUrgent || t.claimed == Urgent && u == exchange.Ordinary {
		p.Add("urgency", "urgency.claim", "the metadata claims more urgency than the header", "元数据所称紧急程度高于报文头", "", "send the metadata yizhan-urgency as the header says")
	}
	if t.size >= 0 && size > t.size {
		p.Add("files", "size.claim", "the header lists more bytes than the metadata claims", "报文头所列字节数超过元数据所称", "", "send the metadata yizhan-content-bytes as the header says")
	}
	if err := p.Err("api.admit"); err != nil {
		return err
	}
	if t.state == granted { // what was unknown is known now
		was := t.hold
		t.size, t.hold = size, hold(size)
		d.holds(t, t.hold-was)
		if t.class != MostUrgent && size > BulkSize {
			d.open[t.class]--
			t.class = Bulk
			d.open[t.class]++
		}
		d.serve()
	}
	return nil
}

// Rested tells how long an open submission waited for its sender, so that the
// time that it took says how fast this node is.
func (t *Ticket) Rested(d time.Duration) {
	t.door.mu.Lock()
	defer t.door.mu.Unlock()
	t.rested += d
}

// Idle tells that an open submission waits for its sender, or no longer does.
// While it does, another is worked on in its place.
func (t *Ticket) Idle(idle bool) {
	d := t.door
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.state != granted || t.idle == idle {
		return
	}
	if idle {
		d.work(t, -1)
		d.serve()
		return
	}
	d.work(t, +1)
}

// Done ends a ticket, whatever its state; accepted tells that the whole of the
// work was done, so that its time says how fast this node is. Only the first
// call counts.
func (t *Ticket) Done(accepted bool) {
	d := t.door
	d.mu.Lock()
	defer d.mu.Unlock()
	switch t.state {
	case waits:
		d.drop(t, Gone)
	case granted:
		t.state = ended
		d.open[t.class]--
		d.leave(t.flow)
		if !t.idle {
			d.work(t, -1)
		}
		d.holds(t, -t.hold)
		if accepted {
			now := d.now()
			pressed := now.Sub(d.urgent) < pressing
			d.pace.sample(t.size, now.Sub(t.began)-t.rested, now, d.waitingNow() > 0, pressed)
			if pressed && t.class != MostUrgent { // small ones are no samples, and leave the width as it was
				d.rest(d.pace.gap() * time.Duration(t.share) / whole)
			}
		}
	default:
		return
	}
	d.serve()
}

// leave counts an open submission of a flow less.
func (d *Door) leave(flow string) {
	if d.flows[flow]--; d.flows[flow] <= 0 {
		delete(d.flows, flow)
	}
}

func (d *Door) waitingNow() (n int) {
	for c := range d.queues {
		n += d.queues[c].count
	}
	return n
}
