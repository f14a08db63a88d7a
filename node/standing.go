package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/channel"
	"github.com/yizhan-exchange/yizhan/crypto/trust"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/member"
	"github.com/yizhan-exchange/yizhan/node/replica"
)

const (
	// keepEvery is how often the leader looks at the others, and
	// followEvery how often the others look around.
	keepEvery, followEvery = time.Second, 2 * time.Second
	// askTimeout bounds one look at another replica.
	askTimeout = time.Second

	secretTookPart = "took-part"
)

// keeper is replica.Keeper for one hosted domain.
type keeper struct{ h *hosted }

var _ replica.Keeper = keeper{}

// Standing implements replica.Keeper.
func (k keeper) Standing(context.Context) exchange.Standing { return k.h.standing() }

// Member implements replica.Keeper. Before this replica is a member itself it
// knows none.
func (k keeper) Member(r exchange.Replica) bool {
	s := k.h.standing()
	_, known := exchange.MemberOf(s.Members, r)
	return known
}

// standing is what this replica says of itself.
func (h *hosted) standing() exchange.Standing {
	s := exchange.Standing{Replica: h.config.Replica, State: "starting", ContactMs: -1, Supports: supported, Clock: h.node.options.Clock(),
		Incarnation: h.peerIncarnation(), TookPart: h.tookPart.Load(), Version: h.node.options.Version}
	s.Missing, s.Unchecked, s.Looked = h.catch.figures()
	if w := h.waits.Load(); w != nil {
		s.Waits = *w
	}
	_ = h.store.View(func(r ledger.Reader) error { s.Level = ledger.LevelOf(r); return nil }) // 0 when it is closed
	g := h.running.Load()
	if g == nil {
		return s
	}
	t := g.Brief()
	s.State, s.Leader, s.Term, s.Stopped = t.State, t.Leader, t.Term, t.Stopped
	s.LastLog, s.Commit, s.Applied = t.LastLog, t.Commit, t.Applied
	if s.ContactMs = t.LastContact.Milliseconds(); t.LastContact < 0 {
		s.ContactMs = -1
	}
	s.Members = h.members()
	s.Configuration = committed(s.Members, h.configuration())
	return s
}

// peerIncarnation is the incarnation towards the other replicas. A state that
// begins a new life is of it from the start: those of the old one are nobody to
// listen to.
func (h *hosted) peerIncarnation() uint64 {
	n := h.incarnation()
	if h.newborn.Load() {
		n++
	}
	return n
}

// members is the newest membership that this replica knows.
func (h *hosted) members() (out []exchange.Member) {
	g := h.running.Load()
	if g == nil {
		return nil
	}
	for _, m := range g.Membership() {
		out = append(out, exchange.Member{Replica: m.Replica, Address: m.Address, Voter: m.Voter})
	}
	return out
}

// committed returns the log index of the membership, 0 while the newest that is
// known here is not what the ledger has: then it may still be taken back.
func committed(members []exchange.Member, c ledger.Configuration) uint64 {
	for _, m := range members {
		if !slices.Contains(c.Voters, m.Replica) && !slices.Contains(c.Others, m.Replica) {
			return 0
		}
	}
	if len(members) != len(c.Voters)+len(c.Others) {
		return 0
	}
	return c.Index
}

// survey asks all of them how they are, at once.
func (h *hosted) survey(ctx context.Context, who []exchange.Replica) map[exchange.Replica]member.Seen {
	out := map[exchange.Replica]member.Seen{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, r := range who {
		wg.Go(func() {
			s := h.look(ctx, r)
			mu.Lock()
			defer mu.Unlock()
			out[r] = s
		})
	}
	wg.Wait()
	return out
}

// look asks one replica.
func (h *hosted) look(ctx context.Context, r exchange.Replica) member.Seen {
	if r == h.config.Replica {
		return member.Seen{Standing: h.standing()}
	}
	c, err := h.peers.Client(r)
	if err != nil {
		return member.Seen{Err: err}
	}
	return h.ask(ctx, c)
}

func (h *hosted) ask(ctx context.Context, c *replica.Client) member.Seen {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	sent := h.node.options.Clock()
	s, err := c.Describe(ctx)
	if err != nil {
		return member.Seen{Err: err}
	}
	answered := h.node.options.Clock()
	return member.Seen{Standing: s, Skew: time.Duration(int64(s.Clock)-(int64(sent)+int64(answered))/2) * time.Millisecond}
}

// company lists the other replicas that this one knows of: members, and those
// that its configuration names.
func (h *hosted) company() (out []exchange.Replica) {
	members := h.members()
	for _, m := range members {
		out = append(out, m.Replica)
	}
	for _, m := range h.config.Replicas {
		out = append(out, m.Name)
	}
	slices.Sort(out)
	return slices.DeleteFunc(slices.Compact(out), func(r exchange.Replica) bool { return r == h.config.Replica })
}

// over returns why this replica's part in its domain has ended, as far as the
// others say so; nil when it has not.
func (h *hosted) over(seen map[exchange.Replica]member.Seen) error {
	self := h.standing()
	for _, s := range seen {
		if s.Err != nil {
			continue
		}
		if why := member.Over(self, s.Standing); why != "" {
			return errors.New(why)
		}
	}
	return nil
}

// mayLead asks the others, before this replica leads, whether its life is over.
// Those that cannot be reached are not waited for long: they cannot be told
// from the dead.
func (h *hosted) mayLead(ctx context.Context) error {
	if why := h.left.Load(); why != nil {
		return *why
	}
	err := h.over(h.survey(ctx, h.company()))
	if err != nil {
		h.noteLeft(err)
	}
	return err
}

// admitRaft refuses the Raft traffic of a replica of an earlier life: what it
// has to say would be taken for newer.
func (h *hosted) admitRaft(peer channel.Peer) error {
	if h.running.Load() != nil && member.Foreign(h.standing(), exchange.Replica(peer.Name), peer.Incarnation) {
		return fmt.Errorf("%s is of incarnation %d and no member of %s any more", peer.Name, peer.Incarnation, h.config.Domain)
	}
	return nil
}

// loadTookPart reads what the key store remembers.
func (h *hosted) loadTookPart() error {
	names, err := h.tookPartAs()
	h.tookPart.Store(slices.Contains(names, h.config.Replica))
	return err
}

func (h *hosted) tookPartAs() ([]exchange.Replica, error) {
	raw, err := h.vault.Secret(secretTookPart)
	if errors.Is(err, trust.ErrNoKey) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return exchange.Decode[[]exchange.Replica](raw)
}

// noteTookPart makes the key store remember that this replica is a member: one
// whose log is gone must not come back under its name.
func (h *hosted) noteTookPart() error {
	if h.tookPart.Load() {
		return nil
	}
	names, err := h.tookPartAs()
	if err == nil {
		err = h.vault.PutSecret(secretTookPart, exchange.Encode(append(names, h.config.Replica)))
	}
	if err != nil {
		return err
	}
	h.tookPart.Store(true)
	return nil
}
