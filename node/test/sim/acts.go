package sim

import (
	"slices"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// actKey is one delivery, as a recipient knows it.
type actKey struct {
	id exchange.ID
	to exchange.Unit
}

// act is what the people of a unit, sender and recipient, did about one
// delivery and what they were told.
type act struct {
	done     string // "signed" or "returned", acknowledged
	receipt  crypto.Digest
	asked    map[string]bool // ever, with whatever answer
	possible map[string]bool // of those: answer unknown
	recalled bool            // acknowledged to the sender
	perhaps  bool            // a recall whose answer is unknown
}

func (w *world) act(id exchange.ID, to exchange.Unit) *act {
	k := actKey{id, to}
	if w.acts[k] == nil {
		w.acts[k] = &act{asked: map[string]bool{}, possible: map[string]bool{}}
	}
	return w.acts[k]
}

// handle looks into the inbox and signs for something there, or returns it.
func (c *client) handle() {
	p := c.call()
	if p == nil {
		return
	}
	list, err := p.domain.Inbox(as(c.unit), exchange.ListQuery{State: "arrived"})
	if err != nil {
		c.w.expect("listing", err, exchange.Unavailable, exchange.Unknown)
		return
	}
	if len(list.Items) == 0 {
		return
	}
	item := pick(c.random, list.Items)
	c.w.pause(0, time.Second)
	switch c.random.IntN(6) {
	case 0:
		c.beside(func() { c.dealWith(item.ID, c.random.IntN(2) == 0) })
	case 1:
		c.w.meanwhile(item.ID)
	}
	c.dealWith(item.ID, c.random.IntN(3) == 0)
	if c.random.IntN(6) == 0 {
		c.dealWith(item.ID, c.random.IntN(2) == 0)
	}
}

// meanwhile has the sender recall what is just being dealt with.
func (w *world) meanwhile(id exchange.ID) {
	for _, i := range w.intents {
		if i.done != nil && i.done.id == id {
			i.client.beside(func() { i.client.withdraw(i) })
		}
	}
}

// dealWith signs or returns. A second act is refused unless it is the same.
func (c *client) dealWith(id exchange.ID, back bool) {
	p := c.call()
	if p == nil {
		return
	}
	what, do := "signed", func() (exchange.Outcome, error) { return p.domain.Sign(as(c.unit), id.String()) }
	if back {
		what, do = "returned", func() (exchange.Outcome, error) {
			return p.domain.Return(as(c.unit), id.String(), "not_ours", "应送他处")
		}
	}
	a := c.w.act(id, c.unit)
	a.asked[what] = true
	was := a.done
	out, err := do()
	if c.lost(p) {
		err = exchange.Errorf(exchange.Unknown, "sim", "no answer")
	}
	c.w.tracef("%s %s %s at %s: %s", c.unit, what, id, p.r.name, exchange.CodeOf(err))
	switch exchange.CodeOf(err) {
	case "":
		a.ended(c.w, c.unit, id, what, out)
	case exchange.Unknown:
		a.possible[what] = true
	case exchange.Conflict:
		if was == what {
			c.w.failf("%s %s %s again and is refused instead of told the same", c.unit, what, id)
		} else if len(a.asked) == 1 && !c.w.expires(id) {
			c.w.failf("%s cannot have %s %s, and nothing else was ever asked: %v", c.unit, what, id, err)
		}
	default:
		c.w.expect(what, err, c.w.codes(exchange.Unavailable)...)
	}
}

// expires reports whether an exchange may be given up while it waits.
func (w *world) expires(id exchange.ID) bool {
	return !slices.ContainsFunc(w.intents, func(i *intent) bool { return i.done != nil && i.done.id == id && i.draft.ExpiresIn == 0 })
}

// ended remembers an acknowledged act; every repetition must say the same.
func (a *act) ended(w *world, u exchange.Unit, id exchange.ID, what string, out exchange.Outcome) {
	var receipt crypto.Digest
	if out.Receipt != nil {
		receipt = w.kit.provider.Sum(out.Receipt.Signed.Bytes, out.Receipt.Signed.Sig[:])
	}
	if out.Receipt == nil || out.State != what {
		w.failf("%s %s %s and is told %q without a receipt for it", u, what, id, out.State)
		return
	}
	if a.done == "" {
		a.done, a.receipt = what, receipt
		if what == "signed" {
			w.stats.Signed++
		} else {
			w.stats.Returned++
		}
	}
	if a.done != what || a.receipt != receipt {
		w.failf("%s %s %s, which is %s already, or gets another receipt for it", u, what, id, a.done)
	}
}

// repeatAct asks again about something that this unit has dealt with.
func (c *client) repeatAct() {
	var mine []actKey
	for k, a := range c.w.acts {
		if k.to == c.unit && (a.done != "" || len(a.possible) > 0) {
			mine = append(mine, k)
		}
	}
	if len(mine) == 0 {
		return
	}
	slices.SortFunc(mine, func(a, b actKey) int { return slices.Compare(a.id[:], b.id[:]) })
	k := pick(c.random, mine)
	c.dealWith(k.id, c.w.acts[k].done == "returned" || c.random.IntN(3) == 0)
}

// sent picks something of this unit's that was accepted.
func (c *client) sent() *intent {
	var mine []*intent
	for _, i := range c.w.intents {
		if i.client == c && i.done != nil {
			mine = append(mine, i)
		}
	}
	if len(mine) == 0 {
		return nil
	}
	return mine[len(mine)-1-c.random.IntN(min(len(mine), 4))]
}

// to lists the recipients of an intent.
func (i *intent) to() (out []exchange.Unit) {
	for _, u := range slices.Concat(i.draft.To, i.draft.Cc) {
		out = append(out, exchange.Unit(u))
	}
	return out
}

// recall withdraws something.
func (c *client) recall() {
	if i := c.sent(); i != nil {
		c.withdraw(i)
	}
}

// withdraw recalls from all recipients, or from the first.
func (c *client) withdraw(i *intent) {
	p := c.call()
	if p == nil || i.done == nil {
		return
	}
	id := i.done.id // a restored domain may forget it meanwhile
	from := i.to()
	if c.random.IntN(2) == 0 {
		from = from[:1]
	}
	c.w.stats.Recalls++
	for _, u := range from {
		c.w.act(id, u).asked["recalled"] = true
	}
	_, err := p.domain.Recall(as(c.unit), id.String(), from, "")
	if c.lost(p) {
		err = exchange.Errorf(exchange.Unknown, "sim", "no answer")
	}
	c.w.tracef("%s recalls %s from %v: %s", c.unit, id, from, exchange.CodeOf(err))
	c.w.expect("recalling", err, c.w.codes(exchange.Unavailable, exchange.Unknown, exchange.Conflict)...)
	for _, u := range from {
		a := c.w.act(id, u)
		a.recalled = a.recalled || err == nil
		a.perhaps = a.perhaps || exchange.CodeOf(err) == exchange.Unknown
	}
}

// urge asks the recipients to get on with it.
func (c *client) urge() {
	i, p := c.sent(), c.call()
	if i == nil || p == nil || i.done == nil {
		return
	}
	id := i.done.id
	_, err := p.domain.Urge(as(c.unit), id.String(), nil)
	c.w.expect("urging", err, c.w.codes(exchange.Unavailable, exchange.Unknown, exchange.Conflict)...)
	if err == nil && !c.lost(p) {
		c.w.tracef("%s urges %s", c.unit, id)
	}
}

// track asks where something is. What was accepted is never unknown, and no
// state is without a receipt.
func (c *client) track() {
	i, p := c.sent(), c.call()
	if i == nil || p == nil || i.done == nil {
		return
	}
	id := i.done.id
	t, err := p.domain.Track(as(c.unit), id.String())
	c.w.expect("tracking", err, c.w.codes(exchange.Unavailable, exchange.Unknown)...)
	if err != nil {
		return
	}
	for _, d := range t.Deliveries {
		backed := slices.ContainsFunc(d.Receipts, func(r exchange.ReceiptView) bool { return r.State == d.State })
		if !backed {
			c.w.failf("%s is %s to %s without a receipt for it", id, d.State, d.To)
		}
	}
}
