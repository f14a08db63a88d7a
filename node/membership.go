package node

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/member"
	"github.com/yizhan-exchange/yizhan/node/raftnode"
	"github.com/yizhan-exchange/yizhan/node/replica"
)

const opMembership = "node.membership"

var _ exchange.Membership = (*Node)(nil)

// JoinReplica implements exchange.Membership.
func (n *Node) JoinReplica(ctx context.Context, r exchange.Replica, address string) (exchange.MembershipChanged, error) {
	return n.change(ctx, exchange.MembershipChange{Join: true, Replica: r, Address: address})
}

// RemoveReplica implements exchange.Membership.
func (n *Node) RemoveReplica(ctx context.Context, r exchange.Replica, force bool) (exchange.MembershipChanged, error) {
	return n.change(ctx, exchange.MembershipChange{Remove: true, Replica: r, Force: force})
}

// TransferLeadership implements exchange.Membership.
func (n *Node) TransferLeadership(ctx context.Context, r exchange.Replica) (exchange.MembershipChanged, error) {
	return n.change(ctx, exchange.MembershipChange{Transfer: true, Replica: r})
}

// change has the leader of the caller's own domain carry out a change.
func (n *Node) change(ctx context.Context, c exchange.MembershipChange) (exchange.MembershipChanged, error) {
	caller, _ := exchange.CallerFrom(ctx)
	h := n.hosted[caller.Unit.Domain()]
	if h == nil {
		return exchange.MembershipChanged{}, exchange.Errorf(exchange.Unavailable, opMembership, "this node does not host %s", caller.Unit.Domain())
	}
	ctx, cancel := bounded(ctx, 2*changeTimeout)
	defer cancel()
	done, err := h.router.Change(ctx, c, keeper{h}.Change)
	if err == nil {
		n.log.Info("the membership was changed", "domain", h.config.Domain, "replica", done.Replica, "done", done.Done, "unit", caller.Unit)
	}
	return done, err
}

// Change implements replica.Keeper.
func (k keeper) Change(ctx context.Context, c exchange.MembershipChange) (exchange.MembershipChanged, error) {
	h := k.h
	if !h.group.IsLeader() {
		return exchange.MembershipChanged{}, exchange.Errorf(exchange.Unavailable, opMembership, "this replica does not lead its domain")
	}
	if !h.changing.TryLock() {
		return exchange.MembershipChanged{}, exchange.Errorf(exchange.Conflict, opMembership, "another change of the membership is under way; see \"yizhan cluster status\", and try again")
	}
	defer h.changing.Unlock()
	var done string
	var err error
	switch {
	case c.Join:
		done, err = h.join(ctx, c.Replica, c.Address)
	case c.Remove:
		done, err = h.remove(ctx, c.Replica, c.Force)
	case c.Transfer:
		c.Replica, done, err = h.transfer(ctx, c.Replica)
	default:
		err = exchange.Errorf(exchange.Invalid, opMembership, "the change is of a kind that this program does not know")
	}
	if err != nil {
		return exchange.MembershipChanged{}, err
	}
	leader, _ := h.group.Leader()
	members := h.members()
	return exchange.MembershipChanged{Domain: h.config.Domain, Replica: c.Replica, Leader: leader, Done: done, Members: members}, nil
}

// join makes a prepared replica a non-voter, or notes that a member has moved.
func (h *hosted) join(ctx context.Context, r exchange.Replica, address string) (string, error) {
	if err := checkReplica(r, address); err != nil {
		return "", err
	}
	members := h.members()
	known, member := exchange.MemberOf(members, r)
	if member && known.Address == address {
		return "unchanged", nil
	}
	for _, m := range members {
		if m.Address == address && m.Replica != r {
			return "", exchange.Errorf(exchange.Conflict, opMembership, "%s is the address of %s; give the new replica its own", address, m.Replica)
		}
	}
	s := h.visit(ctx, r, address)
	if s.Err != nil {
		return "", exchange.Errorf(exchange.Conflict, opMembership, "%s at %s does not answer as a replica of %s: %w; start it first, and see that its peer port can be reached from here", r, address, h.config.Domain, s.Err)
	}
	if err := h.mayJoin(member, s); err != nil {
		return "", err
	}
	if err := h.group.AddNonvoter(ctx, raftnode.Server{Replica: r, Address: address}); err != nil {
		return "", err
	}
	if member {
		return "moved", nil
	}
	return "joined", nil
}

// visit asks a replica at an address that the membership does not know yet.
func (h *hosted) visit(ctx context.Context, r exchange.Replica, address string) member.Seen {
	conn, err := h.dialAddress(h.config.Domain, address)
	if err != nil {
		return member.Seen{Err: err}
	}
	defer func() { _ = conn.Close() }()
	return h.ask(ctx, replica.NewClient(h.config.Domain, r, conn))
}

// mayJoin refuses a replica that brings a past with it, or that could not
// follow.
func (h *hosted) mayJoin(moves bool, s member.Seen) error {
	self := h.standing()
	switch {
	case !moves && (s.TookPart || s.Applied > 0 || len(s.Members) > 0):
		return exchange.Errorf(exchange.Conflict, opMembership, "%s was a member of a domain before and still has what it held then; prepare a new replica under a fresh name", s.Replica)
	case s.Stopped != "":
		return exchange.Errorf(exchange.Conflict, opMembership, "%s has stopped: %s", s.Replica, s.Stopped)
	case s.Supports < self.Level:
		return exchange.Errorf(exchange.Conflict, opMembership, "the program of %s supports feature level %d, and the domain is at %d; install the newer version there", s.Replica, s.Supports, self.Level)
	case s.Skew.Abs() > member.MaxSkew:
		return exchange.Errorf(exchange.Conflict, opMembership, "the clock of %s is off by %v; set it first", s.Replica, s.Skew.Round(time.Millisecond))
	}
	return nil
}

func checkReplica(r exchange.Replica, address string) error {
	var p exchange.Problems
	if !exchange.Person(r).Valid() {
		p.Add("replica", "replica", "not the name of a replica", "副本名称不正确", "", "write for example county-4")
	}
	host, port, err := net.SplitHostPort(address)
	if n, perr := strconv.ParseUint(port, 10, 16); err != nil || perr != nil || host == "" || n == 0 {
		p.Add("address", "address", "not host:port", "地址应写作 主机:端口", "", "write the peer address at which the others reach it, for example 10.0.0.4:7444")
	}
	return p.Err(opMembership)
}

// remove takes a replica out. A leader that is to go hands over first; the next
// one then carries it out.
func (h *hosted) remove(ctx context.Context, r exchange.Replica, force bool) (string, error) {
	events := h.events()
	for {
		pending, err := h.mayRemove(ctx, events, r, force)
		if err == nil {
			break
		}
		if !pending || !pause(ctx, keepEvery) {
			return "", err
		}
	}
	if r == h.config.Replica {
		if err := h.group.TransferLeadership(ctx, ""); err != nil {
			return "", err
		}
		return "", exchange.Errorf(exchange.Unavailable, opMembership, "leadership was handed over first; the next leader removes %s", r)
	}
	return "removed", h.group.Remove(ctx, r)
}

// mayRemove asks all others how they are.
func (h *hosted) mayRemove(ctx context.Context, events uint64, r exchange.Replica, force bool) (pending bool, err error) {
	members := h.members()
	if _, ok := exchange.MemberOf(members, r); !ok {
		return false, exchange.Errorf(exchange.NotFound, opMembership, "%s is not a replica of %s; \"yizhan cluster status\" lists them", r, h.config.Domain)
	}
	var others []exchange.Replica
	for _, m := range members {
		if m.Replica != r {
			others = append(others, m.Replica)
		}
	}
	return member.MayRemove(events, members, r, h.survey(ctx, others), force)
}

// pause reports whether there is time for another look after a while.
func pause(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < 2*d+askTimeout {
		return false
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// transfer hands leadership over, and tells to whom.
func (h *hosted) transfer(ctx context.Context, to exchange.Replica) (exchange.Replica, string, error) {
	members := h.members()
	switch m, ok := exchange.MemberOf(members, to); {
	case to == h.config.Replica:
		return to, "leads", nil
	case to == "":
	case !ok:
		return to, "", exchange.Errorf(exchange.NotFound, opMembership, "%s is not a replica of %s; \"yizhan cluster status\" lists them", to, h.config.Domain)
	case !m.Voter:
		return to, "", exchange.Errorf(exchange.Conflict, opMembership, "%s does not vote yet; \"yizhan cluster status\" tells what it waits for", to)
	default:
		if s := h.look(ctx, to); s.Err != nil || s.Stopped != "" {
			return to, "", exchange.Errorf(exchange.Conflict, opMembership, "%s cannot lead: it does not answer, or has stopped", to)
		}
	}
	if err := h.group.TransferLeadership(ctx, to); err != nil {
		return to, "", err
	}
	return h.successor(ctx), "leads", nil
}

// successor waits for a short while until it is known who leads.
func (h *hosted) successor(ctx context.Context) exchange.Replica {
	for range 50 {
		if leader, _ := h.group.Leader(); leader != "" && leader != h.config.Replica {
			return leader
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ""
		}
	}
	return ""
}
