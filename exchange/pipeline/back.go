package pipeline

import (
	"context"
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/route"
)

// prepareBack verifies what a neighbour gives back: the manifest by its origin,
// every receipt by whoever signed it, this domain's own by its own key, and the
// road by which the exchange came here. Deliveries about which nothing that
// this domain said is known are judged, as when they came for the first time.
func (d *Domain) prepareBack(ctx context.Context, f *federation, peer exchange.Domain, b *exchange.Back, row *ledger.ReceivedRow) error {
	if b.Done != [16]byte{} || !b.Have.IsZero() {
		return nil
	}
	m, err := d.verifyBack(f, peer, b)
	if err != nil {
		return err
	}
	ex, known, err := d.find1(m.ID)
	if err != nil {
		return err
	}
	if known && ex.Digest != d.digest(b.Manifest) {
		return nil // the ledger sets it aside
	}
	road := ledger.Road(d.Provider.Sum, b.Receipts, d.Domain, m.From.Domain(), d.via(f, &m))
	if len(road) == 0 {
		return corrupt("nothing that was given back says how %s came here", m.ID)
	}
	if !known && len(b.Inline) == 0 || known && ex.Waiting {
		return nil // it waits for its chunks first
	}
	if !known {
		ex = ledger.Stored{Exchange: ledger.Exchange{Manifest: b.Manifest, Digest: d.digest(b.Manifest), Custody: road}, M: m}
	}
	if known && !ledger.HasContent(&ex.Exchange, d.kept(m.ID), d.Domain) {
		return nil // what was recalled left nothing: it is fetched first
	}
	row.Receipts, err = d.wordsFor(ctx, f, &ex, d.silent(&ex, known, b), b.Receipts)
	return err
}

// via is the neighbour that an exchange comes from, "" at its origin.
func (d *Domain) via(f *federation, m *exchange.Manifest) exchange.Domain {
	next, _ := route.Next(d.Domain, m.From.Domain(), f.parents)
	return next
}

// find1 loads an exchange that may not be here.
func (d *Domain) find1(id exchange.ID) (ex ledger.Stored, known bool, err error) {
	err = d.Log.View(func(r ledger.Reader) (err error) {
		ex, known, err = ledger.Find(r, id)
		return err
	})
	return ex, known, err
}

// verifyBack checks everything that was signed, and that the neighbour stands
// on the road of what it gives: before this domain, or after it for each of
// the deliveries.
func (d *Domain) verifyBack(f *federation, peer exchange.Domain, b *exchange.Back) (exchange.Manifest, error) {
	m, err := ledger.DecodeManifest(b.Manifest)
	if err != nil {
		return m, corrupt("manifest: %w", err)
	}
	if err := checkManifest(&m, b.Deliveries); err != nil {
		return m, err
	}
	origin := m.From.Domain()
	if _, err := f.book.Verify(origin, crypto.ContextManifest, b.Manifest, m.Created); err != nil {
		return m, corrupt("manifest of %s: %w", origin, err)
	}
	before := origin != d.Domain && d.via(f, &m) == peer
	for _, i := range b.Deliveries {
		dest := m.To[i].Unit.Domain()
		next, ok := route.Next(d.Domain, dest, f.parents)
		if before == (ok && next == peer) || !slices.Contains(route.Road(origin, dest, f.parents), d.Domain) {
			return m, exchange.Errorf(exchange.Denied, opReceive, "%s gives back %s, whose road to %s does not lead over both of us", peer, m.ID, m.To[i].Unit)
		}
	}
	manifest := d.digest(b.Manifest)
	for _, s := range b.Receipts {
		r, err := ledger.DecodeReceipt(s)
		if err != nil || r.Exchange != m.ID || r.Manifest != manifest {
			return m, corrupt("a receipt that was given back is not about %s", m.ID)
		}
		if err := d.receiptInPlace(f, &m, &r); err != nil {
			return m, err
		}
		if _, err := f.book.Verify(r.Domain, crypto.ContextReceipt, s, r.At); err != nil {
			return m, corrupt("receipt of %s: %w", r.Domain, err)
		}
	}
	return m, d.verifyInline(&m, b.Inline)
}

// silent lists the deliveries about which this domain has said nothing yet, as
// far as is known here and from what is given back. At the origin those are of
// its own units: it accepted all, and has to say that they arrived.
func (d *Domain) silent(ex *ledger.Stored, known bool, b *exchange.Back) (out []uint16) {
	said := map[uint16]bool{}
	origin := ex.M.From.Domain() == d.Domain
	for _, s := range slices.Concat(b.Receipts, d.kept(ex.M.ID)) {
		if r, err := ledger.DecodeReceipt(s); err == nil && r.Domain == d.Domain && r.State != exchange.Accepted {
			for _, i := range r.Deliveries {
				said[i] = true
			}
		}
	}
	deliveries := b.Deliveries
	if origin {
		deliveries = nil
		for i, to := range ex.M.To {
			if to.Unit.Domain() == d.Domain {
				deliveries = append(deliveries, uint16(i))
			}
		}
	}
	for _, i := range deliveries {
		if said[i] || known && !d.unsaid(ex.M.ID, i, origin) {
			continue
		}
		out = append(out, i)
	}
	return out
}

func (d *Domain) kept(id exchange.ID) (out []crypto.Signed) {
	_ = d.Log.View(func(r ledger.Reader) (err error) {
		out, err = ledger.Receipts(r, id)
		return err
	})
	return out
}

// unsaid reports whether a stored delivery waits for this domain's first word.
func (d *Domain) unsaid(id exchange.ID, i uint16, origin bool) (open bool) {
	_ = d.Log.View(func(r ledger.Reader) error {
		del, ok, err := ledger.DeliveryOf(r, id, i)
		open = err == nil && (!ok || del.State == exchange.Arriving || origin && del.State == exchange.Accepted)
		return err
	})
	return open
}

// firstWords signs what this domain states when the chunks of an exchange are
// here: about deliveries that still arrive, and at the origin of an exchange
// that was given back, that it arrived for its own units.
func (d *Domain) firstWords(ctx context.Context, f *federation, ex *ledger.Stored) ([]crypto.Signed, error) {
	origin := ex.Via == ""
	var open []uint16
	for _, i := range ex.Deliveries {
		if (!origin || ex.M.To[i].Unit.Domain() == d.Domain) && d.unsaid(ex.M.ID, i, origin) {
			open = append(open, i)
		}
	}
	return d.wordsFor(ctx, f, ex, open, nil)
}

// wordsFor signs the first words about deliveries, those that came by the same
// custody together. given are receipts that are not stored yet.
func (d *Domain) wordsFor(ctx context.Context, f *federation, ex *ledger.Stored, open []uint16, given []crypto.Signed) (out []crypto.Signed, err error) {
	if len(open) == 0 {
		return nil, nil
	}
	origin := ex.M.From.Domain()
	if len(given) == 0 && !ex.Mixed() {
		return d.wordsAfter(ctx, f, ex, open, ledger.RoadFor(d.Provider.Sum, &ex.Exchange, nil, d.Domain, origin, open[0]))
	}
	known := slices.Concat(d.kept(ex.M.ID), given)
	for len(open) > 0 {
		var group, rest []uint16
		road := ledger.RoadFor(d.Provider.Sum, &ex.Exchange, known, d.Domain, origin, open[0])
		for _, i := range open {
			if other := ledger.RoadFor(d.Provider.Sum, &ex.Exchange, known, d.Domain, origin, i); d.digest(other[len(other)-1]) == d.digest(road[len(road)-1]) {
				group = append(group, i)
			} else {
				rest = append(rest, i)
			}
		}
		words, err := d.wordsAfter(ctx, f, ex, group, road)
		if err != nil {
			return nil, err
		}
		out, open = append(out, words...), rest
	}
	return out, nil
}

func (d *Domain) wordsAfter(ctx context.Context, f *federation, ex *ledger.Stored, open []uint16, road []crypto.Signed) ([]crypto.Signed, error) {
	v := verdict{local: open}
	if origin := ex.M.From.Domain() == d.Domain; !origin {
		var err error
		if v, err = d.judge(ctx, f, d.via(f, &ex.M), &ex.M, open); err != nil {
			return nil, &unjudged{ex.M.ID, err}
		}
	}
	return d.custodyReceipts(&ex.M, ex.Digest, road, v)
}

func covered(part, whole []uint16) bool {
	return !slices.ContainsFunc(part, func(i uint16) bool { return !slices.Contains(whole, i) })
}

// backMessage builds what a row that gives an exchange back carries.
func backMessage(r ledger.Reader, q *ledger.QueueRow, ex *ledger.Stored) ([]byte, error) {
	b := exchange.Back{Manifest: ex.Manifest, Deliveries: q.Deliveries, Lacks: q.Lacks}
	var err error
	if b.Receipts, err = receiptsAt(r, ex.M.ID, q.Back); err != nil {
		return nil, err
	}
	if ex.Inline {
		for i := range ex.M.Chunks() {
			b.Inline = append(b.Inline, r.Get(ledger.TableInline, ledger.InlineKey(ex.M.ID, uint32(i))))
		}
	}
	return exchange.Encode(exchange.Message{Back: &b}), nil
}

// receiptsAt reads receipts by their numbers of arrival.
func receiptsAt(r ledger.Reader, id exchange.ID, numbers []uint32) (out []crypto.Signed, err error) {
	for _, n := range numbers {
		s, ok, err := ledger.ReceiptAt(r, id, n)
		if err != nil || !ok {
			return nil, exchange.Errorf(exchange.Internal, "pipeline.next", "receipt %d of %s is not stored: %w", n, id, err)
		}
		out = append(out, s)
	}
	return out, nil
}

// mostOwed is how many rows may wait for a peer before a walk pauses for its
// acknowledgements.
const mostOwed = 2048

// Resync goes on with what is owed to neighbours that began a new life, a step
// for each. The leader calls it from time to time, and soon again while more is
// true; where it was is in the ledger, so a new leader goes on from there.
func (d *Domain) Resync(ctx context.Context) (more bool, err error) {
	var list []ledger.Walk
	err = d.Log.View(func(r ledger.Reader) (err error) {
		list, err = ledger.Owed(r, mostOwed)
		return err
	})
	for _, w := range list {
		if err != nil {
			break
		}
		_, err = d.propose(ctx, "pipeline.resync", func() (ledger.Command, error) { return ledger.Command{Walk: &w}, nil })
	}
	return len(list) > 0, err
}
