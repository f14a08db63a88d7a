package admission

import "slices"

// queue holds the tickets of one class that wait: first come first served
// within a flow, and the flows in turn.
type queue struct {
	flows map[string]*flow
	turn  []*flow // those with tickets, the next to be served first
	count int
}

// flow is what one unit has waiting.
type flow struct {
	name    string
	tickets []*Ticket
}

func (q *queue) push(t *Ticket) {
	f := q.flows[t.flow]
	if f == nil {
		if q.flows == nil {
			q.flows = map[string]*flow{}
		}
		f = &flow{name: t.flow}
		q.flows[t.flow] = f
		q.turn = append(q.turn, f)
	}
	f.tickets = append(f.tickets, t)
	q.count++
}

// peek returns the ticket whose turn it is among the flows that may, nil when
// there is none.
func (q *queue) peek(may func(flow string) bool) *Ticket {
	for _, f := range q.turn {
		if may(f.name) {
			return f.tickets[0]
		}
	}
	return nil
}

// serve removes a ticket that peek returned, and gives the next flow its turn.
func (q *queue) serve(t *Ticket) {
	f := q.flows[t.flow]
	i := slices.Index(q.turn, f)
	q.turn = append(slices.Delete(q.turn, i, i+1), f)
	q.remove(t)
}

// remove takes out a ticket wherever it is.
func (q *queue) remove(t *Ticket) {
	f := q.flows[t.flow]
	i := slices.Index(f.tickets, t)
	f.tickets = slices.Delete(f.tickets, i, i+1)
	q.count--
	if len(f.tickets) == 0 {
		delete(q.flows, f.name)
		q.turn = slices.DeleteFunc(q.turn, func(o *flow) bool { return o == f })
	}
}

// waiting returns how many of a flow wait.
func (q *queue) waiting(name string) int {
	if f := q.flows[name]; f != nil {
		return len(f.tickets)
	}
	return 0
}

// longest returns the newest ticket of the flow that has the most waiting: it
// loses the least by making way.
func (q *queue) longest() *Ticket {
	var long *flow
	for _, f := range q.turn {
		if long == nil || len(f.tickets) > len(long.tickets) {
			long = f
		}
	}
	if long == nil {
		return nil
	}
	return long.tickets[len(long.tickets)-1]
}
