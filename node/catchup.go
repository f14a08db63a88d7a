package node

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

const (
	catchUpEvents  = 512              // of the audit log that are looked through at once
	catchUpPending = 1024             // exchanges that lack chunks before it goes no further
	catchUpPause   = time.Second      // when there is nothing to do
	catchUpKeep    = 10 * time.Second // between two notes of how far it came
	// catchUpGrace is how long chunks of a new exchange may still be on their
	// way to a voter, which would fetch them twice: a majority sets the pace of
	// an upload, not the slowest. A removal waits that long.
	catchUpGrace = 5 * time.Second

	catchUpFile = "content-looked-through.json"
)

// catchUp makes this replica hold all content that it must hold: it follows the
// audit log, which names every exchange whose content was taken into custody, in
// the order of the log, and fetches what is missing here. A replica that was
// away, or is new, gets what it missed by this; nothing else looks for it. How
// far it came is kept in a file that may be lost: then it looks again.
type catchUp struct {
	h       *hosted
	next    uint64               // event to look at next
	pending map[exchange.ID]bool // exchanges that lack chunks
	kept    time.Time
	keptAt  uint64

	missing, unchecked, through atomic.Uint64
	looked                      atomic.Bool // at least once
}

func newCatchUp(h *hosted) *catchUp { return &catchUp{h: h, pending: map[exchange.ID]bool{}} }

// figures are for the others: chunks that were looked for in vain, events that
// ought to have been looked at, and how many were.
func (c *catchUp) figures() (missing, unchecked, through uint64) {
	if c.looked.Load() {
		return c.missing.Load(), c.unchecked.Load(), c.through.Load()
	}
	return 0, c.h.events(), 0
}

// events is how many events the audit log has; 0 when the ledger is closed.
func (h *hosted) events() (n uint64) {
	_ = h.store.View(func(r ledger.Reader) error { n = sizeOf(r); return nil })
	return n
}

// run follows the audit log until the node closes or the group ends.
func (c *catchUp) run() error {
	c.load()
	for {
		more, err := c.step(c.h.node.ctx)
		if err != nil && c.h.node.ctx.Err() == nil {
			c.h.node.log.Warn("missing content could not be looked for; trying again", "domain", c.h.config.Domain, "err", err)
		}
		c.keep()
		if more && err == nil {
			continue
		}
		select {
		case <-time.After(catchUpPause):
		case <-c.h.group.Done():
			return nil
		case <-c.h.node.ctx.Done():
			return nil
		}
	}
}

// step looks at the next events, and again for what was missing. more tells that
// others wait.
func (c *catchUp) step(ctx context.Context) (more bool, err error) {
	ids, size, waits, err := c.events()
	if err != nil {
		return false, err
	}
	for id := range c.pending {
		ids = append(ids, id)
	}
	var missing uint64
	for _, id := range ids {
		n, err := c.fetch(ctx, id)
		if err != nil {
			return false, err
		}
		if n == 0 {
			delete(c.pending, id)
			continue
		}
		c.pending[id] = true
		missing += uint64(n)
	}
	c.missing.Store(missing)
	left := size - c.next
	if waits {
		left = 0 // young enough to be still on its way here
	}
	c.unchecked.Store(left)
	c.through.Store(c.next)
	c.looked.Store(true)
	return left > 0 && len(c.pending) < catchUpPending, nil
}

// events reads on in the audit log and returns the exchanges named, the size of
// the log, and whether what comes next is too young to look at.
func (c *catchUp) events() (ids []exchange.ID, size uint64, young bool, err error) {
	if len(c.pending) >= catchUpPending {
		err = c.h.store.View(func(r ledger.Reader) error { size = sizeOf(r); return nil })
		return nil, size, false, err
	}
	grace := c.grace()
	now := c.h.node.options.Clock()
	err = c.h.store.View(func(r ledger.Reader) error {
		if size = sizeOf(r); c.next > size {
			c.next = 0 // another ledger than the one that was looked through
		}
		var failed error
		from := binary.BigEndian.AppendUint64(nil, c.next)
		seen := 0
		r.Scan(ledger.TableAudit, nil, from, func(k, raw []byte) bool {
			e, err := exchange.DecodeStored[ledger.Event](raw)
			if err != nil {
				failed = err
				return false
			}
			if young = time.Duration(now-e.At)*time.Millisecond < grace; young {
				return false
			}
			if e.Kind == ledger.EventSubmitted || e.Kind == ledger.EventCustody {
				ids = append(ids, e.Exchange)
			}
			c.next = binary.BigEndian.Uint64(k) + 1
			seen++
			return seen < catchUpEvents
		})
		if failed == nil && seen == 0 && !young {
			c.next = size // bodies of events may be gone
		}
		return failed
	})
	return ids, size, young, err
}

func sizeOf(r ledger.Reader) uint64 {
	tree, _, err := ledger.AuditOf(r)
	if err != nil {
		return 0
	}
	return tree.Size
}

// grace is nothing for a replica that is not sent what is new: one that does not
// vote.
func (c *catchUp) grace() time.Duration {
	members := c.h.members()
	if m, ok := exchange.MemberOf(members, c.h.config.Replica); ok && m.Voter {
		return catchUpGrace
	}
	return 0
}

// fetch gets what is missing of one exchange and returns how many chunks it did
// not get.
func (c *catchUp) fetch(ctx context.Context, id exchange.ID) (int, error) {
	addresses, err := c.chunksOf(id)
	if err != nil || len(addresses) == 0 {
		return 0, err
	}
	missing, err := c.h.content.Fetch(ctx, addresses)
	return len(missing), err
}

// chunksOf lists the chunks that this replica must hold of an exchange: none
// when they are in the ledger, or not in custody, or the exchange is gone.
func (c *catchUp) chunksOf(id exchange.ID) (out []crypto.Digest, err error) {
	err = c.h.store.View(func(r ledger.Reader) error {
		s, ok, err := ledger.Find(r, id)
		if err == nil && ok && !s.Inline && !s.Waiting {
			out = s.M.Chunks()
		}
		return err
	})
	return out, err
}

// lookedThrough is the file.
type lookedThrough struct {
	Next uint64 `json:"next"` // event of the audit log
}

func (c *catchUp) path() string { return c.h.node.dir(c.h.config, catchUpFile) }

func (c *catchUp) load() {
	b, err := os.ReadFile(c.path())
	var l lookedThrough
	if err == nil {
		err = json.Unmarshal(b, &l)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.h.node.log.Warn("looking through all content again", "domain", c.h.config.Domain, "err", err)
	}
	c.next, c.keptAt = l.Next, l.Next
}

// keep notes how far it came when nothing before is missing. The file is not
// synced: an older one costs time only.
func (c *catchUp) keep() {
	if len(c.pending) > 0 || c.next == c.keptAt || time.Since(c.kept) < catchUpKeep {
		return
	}
	c.kept = time.Now()
	b, err := json.Marshal(lookedThrough{Next: c.next})
	if err == nil {
		temp := filepath.Join(filepath.Dir(c.path()), "."+catchUpFile)
		if err = os.WriteFile(temp, b, 0o600); err == nil {
			err = os.Rename(temp, c.path())
		}
	}
	if err != nil {
		c.h.node.log.Warn("how far content was looked through could not be kept", "domain", c.h.config.Domain, "err", err)
		return
	}
	c.keptAt = c.next
}
