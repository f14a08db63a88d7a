package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	"github.com/yizhan-exchange/yizhan/exchange/directory"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// codeIncarnation marks a refusal that somebody has to lift: links read it.
const codeIncarnation = "incarnation"

// mostBrought bounds the statement that a greeting brings: it has to fit one
// frame of a link, with two certificates of each child.
const mostBrought = 900 << 10

// introduce tells a peer which life this is, and after the first one, who
// stated its incarnation.
func introduce(r ledger.Reader, self ledger.Self, g *delivery.Greeting) error {
	life, renewed, err := ledger.LifeOf(r)
	if err != nil || !renewed {
		return err
	}
	g.Reason, g.Since = life.Reason, life.Since
	issuer := self.Parent
	if issuer == "" {
		issuer = self.Domain
	}
	info, ok, err := ledger.DomainOf(r, self.Domain)
	if err != nil || !ok || info.Incarnation != self.Incarnation {
		return err
	}
	s, ok, err := ledger.Get[crypto.Signed](r, ledger.TableDirectory, []byte(issuer))
	if ok && len(s.Bytes) < mostBrought {
		g.Admission = &s
	}
	return err
}

// admitted judges the incarnation with which a peer greets by what its superior
// states. A lower one is an earlier life. A higher one is refused until it is
// stated, and asked for; the peer may bring the statement with it, for it often
// is the only one that could deliver it.
func (d *Domain) admitted(ctx context.Context, peer exchange.Domain, g *delivery.Greeting) error {
	const op = "pipeline.admitted"
	stated, err := d.statedLife(peer)
	if err != nil || g.Incarnation == stated {
		return err
	}
	if g.Incarnation > stated && g.Admission != nil {
		if stated, err = d.takeAdmission(ctx, peer, g); err != nil || g.Incarnation == stated {
			return err
		}
	}
	if g.Incarnation < stated {
		return lifeError(op, fmt.Sprintf("%s greets with incarnation %d, and the directory states %d: this is an earlier life of it, stop that replica", peer, g.Incarnation, stated),
			"stop the replicas of the earlier life; they are history")
	}
	if err := d.ask(ctx, peer, g); err != nil {
		return err
	}
	return lifeError(op, fmt.Sprintf("%s was %s and greets with incarnation %d, and the directory states %d: its superior has to admit it", peer, reasonOf(g), g.Incarnation, stated),
		fmt.Sprintf("at its superior: yizhan domain admit %s --incarnation %d", peer, g.Incarnation))
}

func reasonOf(g *delivery.Greeting) string {
	if g.Reason == "" {
		return "founded anew"
	}
	return g.Reason
}

func lifeError(op, message, remedy string) error {
	return &exchange.Error{Code: exchange.Denied, Op: op, Message: message,
		Problems: exchange.Problems{{Field: "incarnation", Code: codeIncarnation, Message: message, Remedy: remedy}}}
}

// statedLife is the incarnation that the directory states, at least 1.
func (d *Domain) statedLife(peer exchange.Domain) (uint64, error) {
	f, err := d.federation()
	if err != nil {
		return 0, err
	}
	info, _ := f.book.Domain(peer)
	return max(info.Incarnation, 1), nil
}

// takeAdmission verifies the statement that a peer brings and keeps it, if it is
// news.
func (d *Domain) takeAdmission(ctx context.Context, peer exchange.Domain, g *delivery.Greeting) (uint64, error) {
	f, err := d.federation()
	if err != nil {
		return 0, err
	}
	now := d.Clock()
	book, err := f.book.With(*g.Admission, now)
	if errors.Is(err, directory.ErrNotYetValid) {
		book, err = f.book.With(*g.Admission, now.Add(skew))
	}
	if err != nil {
		d.Logger.Warn("the statement that a peer brings to be admitted is not accepted", "peer", peer, "err", err)
		return d.statedLife(peer)
	}
	if info, _ := book.Domain(peer); info.Incarnation != g.Incarnation {
		return d.statedLife(peer)
	}
	_, err = d.propose(ctx, "pipeline.admission", func() (ledger.Command, error) {
		return ledger.Command{Statement: &ledger.Statement{Directory: g.Admission}}, nil
	})
	if err != nil && exchange.CodeOf(err) != exchange.Conflict {
		return 0, err
	}
	if err := d.Log.Current(ctx); err != nil {
		return 0, err
	}
	return d.statedLife(peer)
}

// ask records once what a peer asks for.
func (d *Domain) ask(ctx context.Context, peer exchange.Domain, g *delivery.Greeting) error {
	known := false
	err := d.Log.View(func(r ledger.Reader) error {
		row, ok, err := ledger.Get[ledger.AskedRow](r, ledger.TableAsked, []byte(peer))
		known = ok && row.Incarnation == g.Incarnation && row.Life == g.Life
		return err
	})
	if err != nil || known {
		return err
	}
	_, err = d.propose(ctx, "pipeline.ask", func() (ledger.Command, error) {
		return ledger.Command{Asked: &ledger.Asked{Peer: peer, Incarnation: g.Incarnation, Life: g.Life, Reason: g.Reason, Since: g.Since}}, nil
	})
	if exchange.CodeOf(err) == exchange.Denied { // no neighbour: Open says so
		return nil
	}
	return err
}

// AllowLife refuses a connection of an earlier life of a neighbour.
func (d *Domain) AllowLife(peer exchange.Domain, incarnation uint64) error {
	stated, err := d.statedLife(peer)
	if err == nil && incarnation != 0 && incarnation < stated {
		err = exchange.Errorf(exchange.Denied, "pipeline.allow-life", "%s shows incarnation %d, and the directory states %d: this is an earlier life of it", peer, incarnation, stated)
	}
	return err
}
