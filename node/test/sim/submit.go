package sim

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
)

// intent is one thing that a client wants to send under one key. Its owner
// remembers what was acknowledged, and what may have happened.
type intent struct {
	client    *client
	key       string
	draft     exchange.Submission
	texts     [2][]string // the files, as intended and as changed by mistake
	possible  map[int]bool
	inFlight  [2]int
	abandoned bool
	done      *acceptance
	past      []acceptance // that the domain forgot when it was restored
}

// acceptance is what the first acknowledgement said.
type acceptance struct {
	id      exchange.ID
	version int
	receipt crypto.Digest
}

// String names an intent in messages.
func (i *intent) String() string { return fmt.Sprintf("%s key %s", i.client.unit, i.key) }

// compose decides what to send: to whom, how urgent, how large.
func (c *client) compose() *intent {
	r := c.random
	i := &intent{client: c, key: fmt.Sprintf("k-%d", len(c.w.intents)+1), possible: map[int]bool{}, abandoned: r.IntN(4) == 0}
	i.draft = exchange.Submission{Key: i.key, Kind: "case", Type: "上报件", Title: "事项" + i.key, Urgency: pick(r, []string{"", "", "加急", "特急"})}
	if r.IntN(10) == 0 {
		i.draft.ExpiresIn = 5 + r.Int64N(60)
	}
	for n, to := range c.addressees() {
		if n == 0 {
			i.draft.To = []string{string(to)}
		} else {
			i.draft.Cc = append(i.draft.Cc, string(to))
		}
	}
	size := 20
	if r.IntN(4) == 0 {
		size = 12 << 10 // three of these do not ride in a command
	}
	for n := range 1 + r.IntN(3) + size/(6<<10) {
		i.draft.Files = append(i.draft.Files, exchange.File{Name: fmt.Sprintf("材料%d.txt", n), Size: int64(size)})
		i.texts[0] = append(i.texts[0], text(r, size))
	}
	i.texts[1] = append([]string{text(r, size)}, i.texts[0][1:]...)
	c.w.intents = append(c.w.intents, i)
	return i
}

// addressees are one to four different units, anywhere but here; seldom in the
// sender's own domain.
func (c *client) addressees() (out []exchange.Unit) {
	seen := map[exchange.Unit]bool{c.unit: true}
	for range 1 + c.random.IntN(4)*c.random.IntN(2) {
		u := pick(c.random, c.w.clients).unit
		if !seen[u] {
			seen[u] = true
			out = append(out, u)
		}
	}
	if len(out) == 0 {
		return c.addressees()
	}
	return out
}

func text(r *rand.Rand, size int) string {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte('a' + r.IntN(26))
	}
	return string(b)
}

// guess is the version to ask again with: one that may be stored, in turn.
func (i *intent) guess(n int) int {
	if i.possible[0] && i.possible[1] {
		return n % 2
	}
	if i.possible[1] {
		return 1
	}
	return 0
}

// retry repeats an earlier submission, mostly one whose outcome is unknown, and
// sometimes with other content by mistake.
func (c *client) retry() {
	var mine []*intent
	for _, i := range c.w.intents {
		if i.client == c && !(i.abandoned && len(i.possible) > 0) {
			mine = append(mine, i)
		}
	}
	if len(mine) == 0 {
		return
	}
	c.w.stats.Retries++
	i, version := pick(c.random, mine), 0
	if c.random.IntN(4) == 0 {
		version = 1
	}
	c.submit(i, version)
}

// submit hands one version in and compares the answer with what is remembered.
func (c *client) submit(i *intent, version int) {
	p := c.call()
	if p == nil {
		return
	}
	c.w.stats.Submits++
	i.inFlight[version]++
	draft := i.draft
	draft.Key = c.w.Plant.key(i)
	out, err := p.domain.Submit(as(c.unit), draft, func(n int) (io.Reader, error) { return bytes.NewReader([]byte(i.texts[version][n])), nil })
	i.inFlight[version]--
	if c.lost(p) {
		err = exchange.Errorf(exchange.Unknown, "sim", "no answer")
	}
	c.w.tracef("%s version %d at %s: %s %s", i, version, p.r.name, exchange.CodeOf(err), out.ID)
	switch exchange.CodeOf(err) {
	case "":
		i.accepted(c.w, version, out)
	case exchange.Unknown:
		c.w.stats.Unknown++
		i.possible[version] = true
	case exchange.Conflict:
		c.w.stats.Conflicts++
		i.conflicted(c.w, version)
	default: // nothing was done
		c.w.expect("submitting", err, exchange.Unavailable, exchange.Exhausted)
	}
}

func (i *intent) accepted(w *world, version int, out exchange.Submitted) {
	receipt := w.kit.provider.Sum(out.Receipt.Signed.Bytes, out.Receipt.Signed.Sig[:])
	i.possible[version] = true
	if i.done == nil {
		w.stats.Acks++
		i.done = &acceptance{out.ID, version, receipt}
		return
	}
	if i.done.id != out.ID || i.done.receipt != receipt {
		w.failf("%s was accepted as %s and again as %s, or with another receipt", i, i.done.id, out.ID)
	}
	if i.done.version != version {
		w.failf("%s: other content is accepted under the same key", i)
	}
}

// conflicted is right only if the other version was or may have been accepted.
func (i *intent) conflicted(w *world, version int) {
	if i.done != nil && i.done.version == version {
		w.failf("%s is refused as other content, and is the same", i)
	}
	if !i.possible[1-version] && i.inFlight[1-version] == 0 {
		w.failf("%s is refused as other content, and none was ever taken", i)
	}
}
