package pipeline

import (
	"context"
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

const (
	opExpire    = "pipeline.expire"
	mostExpired = 256 // exchanges ended in one call
)

// ExpireDue ends deliveries of this origin whose NotAfter has passed and that
// are not final: EXPIRED when they arrived and nobody signed, BOUNCED when
// nobody said that they arrived. It returns how many it ended. The leader calls
// it from time to time; what is left over is ended by the next call, and a
// recipient's later receipt supersedes what was presumed here.
func (d *Domain) ExpireDue(ctx context.Context) (n int, err error) {
	if err := d.Log.Current(ctx); err != nil {
		return 0, err
	}
	var due []exchange.ID
	now := d.Clock()
	err = d.Log.View(func(r ledger.Reader) error {
		ledger.Due(r, now, func(id exchange.ID) bool {
			due = append(due, id)
			return len(due) < mostExpired
		})
		return nil
	})
	for _, id := range due {
		ended, e := d.giveUp(ctx, id)
		n += ended
		if e != nil {
			return n, e
		}
	}
	return n, err
}

// giveUp ends what is open of one exchange by one command.
func (d *Domain) giveUp(ctx context.Context, id exchange.ID) (n int, err error) {
	ex, err := d.stored(id)
	if err != nil {
		return 0, err
	}
	_, err = d.propose(ctx, opExpire, func() (ledger.Command, error) {
		groups, voids, err := d.openGroups(&ex, nil)
		if err != nil {
			return ledger.Command{}, err
		}
		c := &ledger.Deadline{Voids: voids}
		n, c.Receipts, err = d.ending(&ex, groups, "deadline")
		return ledger.Command{Deadline: c}, err
	})
	if err != nil {
		n = 0
	}
	return n, err
}

// ending signs one receipt for each group.
func (d *Domain) ending(ex *ledger.Stored, groups []openGroup, why string) (n int, out []crypto.Signed, err error) {
	for _, g := range groups {
		n += len(g.deliveries)
		s, err := d.sign(crypto.ContextReceipt, exchange.Receipt{State: g.state, Exchange: ex.M.ID, Manifest: ex.Digest, Domain: d.Domain,
			Deliveries: g.deliveries, At: d.Clock(), Prev: g.prev, Reasons: g.reasons(why)})
		if err != nil {
			return 0, nil, err
		}
		out = append(out, s)
	}
	return n, out, nil
}

// openGroup is deliveries that end alike and continue the same receipt.
type openGroup struct {
	state      exchange.State
	unsent     bool
	prev       crypto.Digest
	deliveries []uint16
}

// reasons say whether what bounced can still arrive somewhere.
func (g *openGroup) reasons(why string) []string {
	switch {
	case g.state != exchange.Bounced:
		return []string{why}
	case g.unsent:
		return []string{why, ledger.ReasonNotSent}
	}
	return []string{why, ledger.ReasonInDoubt}
}

// openGroups groups what is not final, as far as only allows it.
func (d *Domain) openGroups(ex *ledger.Stored, only func(*ledger.Delivery) bool) (groups []openGroup, voids []ledger.Withdrawn, err error) {
	unsent, voids, err := d.withdrawn(ex, ex.Deliveries)
	if err != nil {
		return nil, nil, err
	}
	err = d.Log.View(func(r ledger.Reader) error {
		for _, i := range ex.Deliveries {
			del, _, err := ledger.DeliveryOf(r, ex.M.ID, i)
			if err != nil {
				return err
			}
			if del.State.Final() || only != nil && !only(&del) {
				continue
			}
			state := exchange.Bounced
			if del.State == exchange.Arrived {
				state = exchange.Expired
			}
			at := slices.IndexFunc(groups, func(g openGroup) bool { return g.state == state && g.prev == del.Last && g.unsent == unsent[i] })
			if at < 0 {
				at = len(groups)
				groups = append(groups, openGroup{state: state, prev: del.Last, unsent: unsent[i]})
			}
			groups[at].deliveries = append(groups[at].deliveries, i)
		}
		return nil
	})
	return groups, voids, err
}
