package replica

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

const (
	opRouter   = "replica.router"
	firstPause = 10 * time.Millisecond
	maxPause   = 500 * time.Millisecond

	// leaderless is how long a call waits for a leader. It outlasts an election;
	// after that another replica may know why there is none.
	leaderless = 10 * time.Second
)

// Router lets any replica accept calls for its domain. Methods are safe for
// concurrent use.
type Router struct {
	Self  exchange.Replica
	Group Group
	// Client returns how to ask another replica.
	Client func(exchange.Replica) (*Client, error)
}

// Propose commits a command wherever the leader is. While there is none, or
// it cannot be reached, Propose tries again for a while, and then the code
// is Unavailable: nothing was done. Where there is none and the disk of this
// replica is full it is Exhausted at once. Unknown is returned at once: whoever knows
// the idempotency key asks again.
func (r *Router) Propose(ctx context.Context, command []byte) (result []byte, err error) {
	err = r.retry(ctx, func() error {
		result, err = r.propose(ctx, command)
		return err
	})
	return result, err
}

func (r *Router) propose(ctx context.Context, command []byte) ([]byte, error) {
	leader, _ := r.Group.Leader()
	if leader == "" || leader == r.Self { // where nobody leads, it knows whether anybody can
		return r.Group.Propose(ctx, command)
	}
	c, err := r.Client(leader)
	if err != nil {
		return nil, err
	}
	return c.Propose(ctx, command)
}

// ReadCurrent returns once this replica has applied everything that was
// committed in the domain before the call. Errors are as in Propose.
func (r *Router) ReadCurrent(ctx context.Context) error {
	return r.retry(ctx, func() error {
		index, err := r.readIndex(ctx)
		if err != nil {
			return err
		}
		return r.Group.WaitApplied(ctx, index)
	})
}

func (r *Router) readIndex(ctx context.Context) (uint64, error) {
	c, err := r.leader()
	switch {
	case err != nil:
		return 0, err
	case c == nil:
		return r.Group.ReadIndex(ctx)
	}
	return c.ReadIndex(ctx)
}

// leader returns the client of the leader, nil when this replica leads.
func (r *Router) leader() (*Client, error) {
	leader, _ := r.Group.Leader()
	switch leader {
	case "":
		return nil, exchange.Errorf(exchange.Unavailable, opRouter, "the domain has no leader at the moment")
	case r.Self:
		return nil, nil
	}
	return r.Client(leader)
}

// retry repeats what had no effect, with growing pauses, until ctx ends or
// nobody has led for long.
func (r *Router) retry(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, leaderless) // of the pauses; what is tried has the caller's
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := try()
		if exchange.CodeOf(err) != exchange.Unavailable {
			return err
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-r.Group.Done():
			return err
		case <-ctx.Done():
			return err
		}
	}
}
