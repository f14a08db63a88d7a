package replica

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"

	"github.com/yizhan-exchange/yizhan/crypto/channel"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client/wire"
	pb "github.com/yizhan-exchange/yizhan/proto/yizhan/v1"
)

// Keeper answers for the membership of one domain on this node.
type Keeper interface {
	// Standing tells how this replica is.
	Standing(ctx context.Context) exchange.Standing
	// Change carries out a change of membership. A replica that does not lead
	// fails with code Unavailable.
	Change(ctx context.Context, c exchange.MembershipChange) (exchange.MembershipChanged, error)
	// Member reports whether a replica is a member as far as is known here.
	Member(r exchange.Replica) bool
}

// standing serves the Standing service beside Server.
type standing struct {
	pb.UnimplementedStandingServer
	s *Server
}

// Keep begins to answer for the membership of a domain.
func (s *Server) Keep(d exchange.Domain, k Keeper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[d] = k
}

// keeper finds who answers for a domain, for a caller that belongs to it.
func (s *Server) keeper(ctx context.Context, domain string) (Keeper, exchange.Replica, error) {
	of, who, ok := s.peer(ctx)
	if !ok {
		return nil, "", toStatus(exchange.Errorf(exchange.Unauthenticated, opServer, "a replica certificate is required"))
	}
	d := exchange.Domain(domain)
	if of != d || !d.Valid() {
		return nil, "", toStatus(exchange.Errorf(exchange.Denied, opServer, "a replica of another domain is not served"))
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	k := s.kept[d]
	if k == nil {
		return nil, "", toStatus(exchange.Errorf(exchange.Unavailable, opServer, "this node does not host %s, or not yet", d))
	}
	return k, who, nil
}

// Describe implements the service. It answers whoever has a certificate of the
// domain, also a replica that was removed: so it learns.
func (t standing) Describe(ctx context.Context, q *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	k, _, err := t.s.keeper(ctx, q.GetDomain())
	if err != nil {
		return nil, err
	}
	return wire.EncodeStanding(k.Standing(ctx)), nil
}

// Change implements the service, for members.
func (t standing) Change(ctx context.Context, q *pb.ChangeRequest) (*pb.MembershipChanged, error) {
	k, who, err := t.s.keeper(ctx, q.GetDomain())
	if err != nil {
		return nil, err
	}
	if !k.Member(who) {
		return nil, toStatus(notMember(who))
	}
	done, err := k.Change(ctx, wire.DecodeChange(q))
	if err != nil {
		return nil, toStatus(err)
	}
	return wire.EncodeChanged(done), nil
}

func notMember(who exchange.Replica) error {
	return exchange.Errorf(exchange.Unavailable, opServer, "%s is not a member of this domain any more", who)
}

// Describe asks how the replica is.
func (c *Client) Describe(ctx context.Context) (exchange.Standing, error) {
	var p peer.Peer
	a, err := c.standing.Describe(ctx, &pb.DescribeRequest{Domain: string(c.domain)}, grpc.Peer(&p))
	if err != nil {
		return exchange.Standing{}, fromStatus(opClient, exchange.Unavailable, err)
	}
	s := wire.DecodeStanding(a)
	if i, ok := p.AuthInfo.(channel.AuthInfo); ok && exchange.Replica(i.Peer.Name) != s.Replica {
		return s, exchange.Errorf(exchange.Conflict, opClient, "the certificate at this address is of %s, and %s answers", i.Peer.Name, s.Replica)
	}
	if s.Replica != c.replica {
		return s, exchange.Errorf(exchange.Conflict, opClient, "asked %s and %s answered: the address is that of another replica", c.replica, s.Replica)
	}
	return s, nil
}

// Change has the replica carry out a change of membership. Code Unavailable
// means that nothing was done, Unknown that the call was sent and not answered.
func (c *Client) Change(ctx context.Context, change exchange.MembershipChange) (exchange.MembershipChanged, error) {
	if err := c.ready(ctx); err != nil {
		return exchange.MembershipChanged{}, err
	}
	a, err := c.standing.Change(ctx, wire.EncodeChange(c.domain, change))
	if err != nil {
		return exchange.MembershipChanged{}, fromStatus(opClient, exchange.Unknown, err)
	}
	return wire.DecodeChanged(a), nil
}

// Change carries out a change of membership wherever the leader is. Errors are
// as in Propose. own does it here.
func (r *Router) Change(ctx context.Context, c exchange.MembershipChange, own func(context.Context, exchange.MembershipChange) (exchange.MembershipChanged, error)) (done exchange.MembershipChanged, err error) {
	err = r.retry(ctx, func() error {
		leader, err := r.leader()
		switch {
		case err != nil:
			return err
		case leader == nil:
			done, err = own(ctx, c)
		default:
			done, err = leader.Change(ctx, c)
		}
		return err
	})
	return done, err
}
