package sim

import (
	"math/rand/v2"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// client is a unit with its people: it sends, and it deals with its inbox. It
// talks to whichever replica of its domain it meets.
type client struct {
	w      *world
	unit   exchange.Unit
	group  *group
	random *rand.Rand
	busy   int
}

// hurry is how long a client thinks between two things that it does.
const hurry = 3 * time.Second

func (w *world) hire() {
	for _, g := range w.groups {
		for _, local := range []string{"wjw", "bgs"} {
			u := exchange.Unit(local + "@" + string(g.info.Domain))
			c := &client{w: w, unit: u, group: g, random: rand.New(w.stream("client " + string(u)))}
			w.clients = append(w.clients, c)
			w.after(draw(c.random, 0, hurry), c.turn)
		}
	}
}

// turn does one thing and plans the next. Things may overlap.
func (c *client) turn() {
	if c.w.calm {
		return
	}
	c.w.after(draw(c.random, 100*time.Millisecond, 2*hurry), c.turn)
	do := c.something()
	c.busy++
	c.w.spawn("client "+string(c.unit), func() {
		defer func() { c.busy-- }()
		do()
	})
}

func (c *client) something() func() {
	switch n := c.random.IntN(20); {
	case n < 7:
		return c.send
	case n < 9:
		return c.retry
	case n < 14:
		return c.handle
	case n < 16:
		return c.recall
	case n < 17:
		return c.urge
	case n < 18:
		return c.track
	}
	return c.repeatAct
}

// send submits something new, now and then twice at the same time, and now and
// then only to recall it.
func (c *client) send() {
	i := c.compose()
	if c.random.IntN(6) == 0 {
		version := c.random.IntN(3) / 2
		c.beside(func() { c.submit(i, version) })
	}
	c.submit(i, 0)
	if i.done != nil && c.random.IntN(6) == 0 { // thinks better of it at once
		c.w.pause(0, 500*time.Millisecond)
		c.withdraw(i)
	}
}

// beside does something at the same time.
func (c *client) beside(do func()) {
	c.busy++
	c.w.spawn("beside "+string(c.unit), func() {
		defer func() { c.busy-- }()
		c.w.pause(0, 60*time.Millisecond)
		do()
	})
}

// call finds a replica that takes the call; nil when there is none just now.
func (c *client) call() *proc {
	c.w.pause(0, 10*time.Millisecond)
	return c.group.any(c.random)
}

// lost decides whether the answer of a call reaches the client: not when the
// process died meanwhile.
func (c *client) lost(p *proc) bool {
	return p.dead || c.w.over || c.w.hits(LostReply, 1, 10)
}

// finish has everybody who does not know how a submission ended ask again with
// the same key, but for some who give up.
func (w *world) finish() {
	for _, i := range w.intents {
		if i.done == nil && len(i.possible) > 0 && !i.abandoned {
			c := i.client
			c.busy++
			w.spawn("finish", func() {
				defer func() { c.busy-- }()
				for n := 0; n < 50 && i.done == nil && w.failure == ""; n++ {
					c.submit(i, i.guess(n))
					w.pause(100*time.Millisecond, time.Second)
				}
				if i.done == nil {
					w.failf("%s asks again and again and is never answered", i)
				}
			})
		}
	}
}
