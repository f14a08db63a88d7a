package powercut

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Loss says how much of what was not synced is lost.
type Loss int

const (
	// LoseAll drops everything that was not synced.
	LoseAll Loss = iota
	// LosePrefix keeps a prefix of the changes of names, and of each file's
	// writes.
	LosePrefix
	// LoseSome keeps a prefix of the changes of names, as a journal does, and of
	// the writes of files any sectors, each or not.
	LoseSome
	losses
)

// String implements fmt.Stringer.
func (l Loss) String() string {
	return [...]string{"all", "prefix", "some"}[l]
}

// Cut takes the power away: every call fails from now on. It returns the disk
// that the machine finds when it starts again; the seed says what of it is left
// where the loss leaves a choice.
func (d *Disk) Cut(loss Loss, seed uint64) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = true
	c := &cut{loss: loss, rand: rand.New(rand.NewPCG(seed, 0)), made: map[*entry]*entry{}, to: &Disk{}}
	if c.loss != LoseAll {
		for _, change := range d.changes[:c.rand.IntN(len(d.changes)+1)] {
			for _, s := range change.sets {
				s.keep()
			}
		}
	}
	c.to.root = c.entry(d.root)
	return c.to
}

type cut struct {
	loss Loss
	rand *rand.Rand
	made map[*entry]*entry
	to   *Disk
}

// entry copies what is left of a file or directory. Names are visited in
// order, so that a seed means the same each time.
func (c *cut) entry(e *entry) *entry {
	if out := c.made[e]; out != nil {
		return out
	}
	out := c.to.newEntry(e.dir, e.mode)
	c.made[e] = out
	if !e.dir {
		out.safe = c.file(e)
		out.data = out.safe.clone()
		return out
	}
	names := make([]string, 0, len(e.kept))
	for name := range e.kept {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		out.kept[name] = c.entry(e.kept[name])
		out.names[name] = out.kept[name]
	}
	return out
}

func (c *cut) file(e *entry) pages {
	left := e.safe.clone()
	switch c.loss {
	case LosePrefix:
		for _, w := range e.writes[:c.rand.IntN(len(e.writes)+1)] {
			left.apply(w)
		}
	case LoseSome:
		for _, w := range e.writes {
			c.tear(&left, w)
		}
	}
	return left
}

// tear keeps any sectors of a write. A change of size happens or does not.
func (c *cut) tear(left *pages, w write) {
	if w.truncate {
		if c.rand.IntN(2) == 0 {
			left.apply(w)
		}
		return
	}
	for from := int64(0); from < int64(len(w.data)); {
		end := min(int64(len(w.data)), from+sector-(w.offset+from)%sector)
		if c.rand.IntN(2) == 0 {
			left.write(w.data[from:end], w.offset+from)
		}
		from = end
	}
}

// Unsynced says what a cut would cost now, for the record of a test.
func (d *Disk) Unsynced() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	files, writes := 0, 0
	var walk func(*entry)
	walk = func(e *entry) {
		for _, child := range e.names {
			walk(child)
		}
		if len(e.writes) > 0 {
			files, writes = files+1, writes+len(e.writes)
		}
	}
	walk(d.root)
	return fmt.Sprintf("%d changes of names, %d writes to %d files", len(d.changes), writes, files)
}
