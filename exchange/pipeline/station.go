package pipeline

import (
	"context"
	"io"
	"math"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

var _ delivery.Station = (*Domain)(nil)

// Greet implements delivery.Station.
func (d *Domain) Greet(ctx context.Context, peer exchange.Domain) (delivery.Greeting, error) {
	g := delivery.Greeting{Domain: d.Domain, Term: d.Log.Term(), Clock: d.Clock()}
	if err := d.Log.Current(ctx); err != nil {
		return g, err
	}
	err := d.Log.View(func(r ledger.Reader) error {
		self, ok, err := ledger.SelfOf(r)
		if err != nil || !ok {
			return exchange.Errorf(exchange.Unavailable, "pipeline.greet", "the domain %s is not founded yet", d.Domain)
		}
		link, _, err := ledger.LinkOf(r, peer)
		g.Incarnation, g.Life, g.SendEpoch, g.ReceiveEpoch = self.Incarnation, self.Epoch, ledger.Numbering(self, link), link.PeerEpoch
		if err := introduce(r, self, &g); err != nil {
			return err
		}
		for class := range g.ReceiveNext {
			g.ReceiveNext[class] = max(link.ReceiveNext[class], 1)
		}
		g.Directory, g.Units, g.Policy = ledger.Numbers(r, ledger.TableDirectory), ledger.Numbers(r, ledger.TableUnits), ledger.Numbers(r, ledger.TablePolicy)
		return err
	})
	return g, err
}

// Open implements delivery.Station.
func (d *Domain) Open(ctx context.Context, peer exchange.Domain, theirs delivery.Greeting) (delivery.Session, error) {
	s := delivery.Session{Peer: peer, Term: theirs.Term, PeerEpoch: theirs.SendEpoch}
	if err := d.admitted(ctx, peer, &theirs); err != nil {
		return s, err
	}
	if _, err := io.ReadFull(d.Random, s.ID[:]); err != nil {
		return s, err
	}
	_, err := d.propose(ctx, "pipeline.open-link", func() (ledger.Command, error) {
		return ledger.Command{Open: &ledger.OpenLink{Peer: peer, Incarnation: theirs.Incarnation, Term: theirs.Term, Epoch: theirs.SendEpoch, Life: theirs.Life,
			KnownEpoch: theirs.ReceiveEpoch, Directory: theirs.Directory, Units: theirs.Units, Policy: theirs.Policy, ReceiveNext: theirs.ReceiveNext, Session: s.ID}}, nil
	})
	if err != nil {
		return s, err
	}
	if err := d.Log.Current(ctx); err != nil {
		return s, err
	}
	return s, d.Log.View(func(r ledger.Reader) error {
		self, _, err := ledger.SelfOf(r)
		if err != nil {
			return err
		}
		link, _, err := ledger.LinkOf(r, peer)
		s.SendEpoch = ledger.Numbering(self, link)
		return err
	})
}

// Acknowledged implements delivery.Station.
func (d *Domain) Acknowledged(ctx context.Context, s delivery.Session, class exchange.Class, upTo uint64) error {
	_, err := d.propose(ctx, "pipeline.acknowledged", func() (ledger.Command, error) {
		return ledger.Command{Ack: &ledger.Ack{Peer: s.Peer, Class: class, UpTo: upTo, Epoch: s.SendEpoch}}, nil
	})
	return err
}

// Changed implements delivery.Station.
func (d *Domain) Changed() <-chan struct{} { return d.Log.Changed() }

// Next implements delivery.Station.
func (d *Domain) Next(peer exchange.Domain, class exchange.Class, above uint64, most, maxBytes int) (rows []delivery.Row, err error) {
	size := 0
	viewErr := d.Log.View(func(r ledger.Reader) error {
		link, _, err := ledger.LinkOf(r, peer)
		if err != nil {
			return err
		}
		last := link.MaySend(class) // what is above may still be withdrawn
		return ledger.QueueRows(r, peer, class, above, func(sequence uint64, q ledger.QueueRow) bool {
			if sequence > last {
				return false
			}
			var raw []byte
			if raw, err = message(r, &q); err != nil {
				return false
			}
			if size += len(raw); len(rows) > 0 && size > maxBytes {
				return false
			}
			rows = append(rows, delivery.Row{Class: class, Sequence: sequence, Message: raw})
			return len(rows) < most
		})
	})
	if err == nil {
		err = viewErr
	}
	return rows, err
}

// message builds what a queue row carries.
func message(r ledger.Reader, q *ledger.QueueRow) ([]byte, error) {
	if q.Exchange.IsZero() {
		return append([]byte(nil), q.Message...), nil
	}
	ex, ok, err := ledger.Find(r, q.Exchange)
	if err != nil || !ok {
		return nil, exchange.Errorf(exchange.Internal, "pipeline.next", "queued exchange %s is not stored: %w", q.Exchange, err)
	}
	if q.Back != nil {
		return backMessage(r, q, &ex)
	}
	e := exchange.Envelope{Manifest: ex.Manifest, Deliveries: q.Deliveries, Custody: ex.Custody}
	if len(q.Road) > 0 {
		if e.Custody, err = receiptsAt(r, ex.M.ID, q.Road); err != nil {
			return nil, err
		}
	}
	if ex.Inline {
		for i := range ex.M.Chunks() {
			e.Inline = append(e.Inline, r.Get(ledger.TableInline, ledger.InlineKey(ex.M.ID, uint32(i))))
		}
	}
	return exchange.Encode(exchange.Message{Envelope: &e}), nil
}

// PutChunk implements delivery.Station.
func (d *Domain) PutChunk(ctx context.Context, s delivery.Session, address crypto.Digest, data []byte) error {
	if !d.arrivals.wants(s.Peer, address) {
		if _, err := d.Wanted(s.Peer, math.MaxInt); err != nil { // a new leader has not looked yet
			return err
		}
		if !d.arrivals.wants(s.Peer, address) {
			return exchange.Errorf(exchange.Denied, "pipeline.put-chunk", "nobody waits for this chunk")
		}
	}
	if d.Provider.Sum(data) != address {
		return exchange.Errorf(exchange.Corrupt, "pipeline.put-chunk", "the chunk does not match its address")
	}
	if err := d.Content.Put(ctx, address, data); err != nil {
		return err
	}
	for _, id := range d.arrivals.stored(address) {
		if err := d.complete(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// Chunk implements delivery.Station.
func (d *Domain) Chunk(ctx context.Context, peer exchange.Domain, address crypto.Digest) ([]byte, error) {
	if !d.offers.has(peer, address) {
		if err := d.loadOffers(peer); err != nil {
			return nil, err
		}
		if !d.offers.has(peer, address) {
			return nil, exchange.Errorf(exchange.NotFound, "pipeline.chunk", "no such chunk travels to %s", peer)
		}
	}
	return d.Content.Get(ctx, address)
}
