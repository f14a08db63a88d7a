package pipeline

import (
	"context"
	"slices"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/exchange/route"
	"github.com/yizhan-exchange/yizhan/policy"
)

// prepareEnvelope verifies and judges an exchange that arrives over a link.
// When its chunks are here, or nobody may have it, custody or refusal is
// signed at once; else the envelope waits for its chunks.
func (d *Domain) prepareEnvelope(ctx context.Context, f *federation, peer exchange.Domain, e *exchange.Envelope, row *ledger.ReceivedRow) error {
	m, err := d.verifyEnvelope(f, peer, e)
	if err != nil {
		return err
	}
	if known, err := d.stored(m.ID); err == nil && known.Digest == d.digest(e.Manifest) {
		if !covered(e.Deliveries, known.Deliveries) { // somebody on the road forgot a part of it
			return d.prepareBack(ctx, f, peer, &exchange.Back{Manifest: e.Manifest, Deliveries: e.Deliveries, Receipts: e.Custody, Inline: e.Inline}, row)
		}
		return nil // a repetition: the ledger answers with the receipts it has
	}
	if d.wasHere(m.ID) {
		return nil // the ledger knows whether it is the same
	}
	rest, err := d.recalledBefore(&m, e, row)
	if err != nil || len(rest) == 0 {
		return err
	}
	v, err := d.judge(ctx, f, peer, &m, rest)
	if err != nil {
		return &unjudged{m.ID, err}
	}
	row.Decision = &v.decision
	if len(e.Inline) == 0 && len(v.local)+len(v.onward) > 0 {
		return nil
	}
	row.Receipts, err = d.custodyReceipts(&m, d.digest(e.Manifest), e.Custody, v)
	return err
}

// recalledBefore states RECALLED for what was recalled before it came, and
// returns the other deliveries. What an officer refused before it came is
// answered by the ledger: none is left.
func (d *Domain) recalledBefore(m *exchange.Manifest, e *exchange.Envelope, row *ledger.ReceivedRow) (rest []uint16, err error) {
	var tomb ledger.Tomb
	var known bool
	manifest := d.digest(e.Manifest)
	err = d.Log.View(func(r ledger.Reader) (err error) {
		tomb, known, err = ledger.TombOf(r, m.ID, manifest)
		return err
	})
	if err != nil || !known {
		return e.Deliveries, err
	}
	if len(tomb.Refused) > 0 {
		return nil, nil
	}
	gone, rest := tomb.Covered(e.Deliveries)
	if len(gone) == 0 {
		return rest, nil
	}
	n, err := ledger.DecodeNotice(tomb.Notice)
	if err != nil {
		return nil, err
	}
	s, err := d.sign(crypto.ContextReceipt, exchange.Receipt{State: exchange.Recalled, Exchange: m.ID, Manifest: manifest, Domain: d.Domain,
		Deliveries: gone, At: d.Clock(), Prev: d.digest(e.Custody[len(e.Custody)-1]), Reasons: n.Reasons})
	row.Recalled = []crypto.Signed{s}
	return rest, err
}

// verifyEnvelope checks everything that was signed: the manifest by its
// origin, each custody receipt by a domain on the road, the road itself, and
// the chunks that came along.
func (d *Domain) verifyEnvelope(f *federation, peer exchange.Domain, e *exchange.Envelope) (exchange.Manifest, error) {
	m, road, err := d.verifyManifest(f, peer, e)
	if err != nil {
		return m, err
	}
	if err := d.verifyCustody(f, &m, e, road); err != nil {
		return m, err
	}
	return m, d.verifyInline(&m, e.Inline)
}

// verifyManifest checks that the origin sent it, and that it comes this way.
func (d *Domain) verifyManifest(f *federation, peer exchange.Domain, e *exchange.Envelope) (m exchange.Manifest, road []exchange.Domain, err error) {
	m, err = ledger.DecodeManifest(e.Manifest)
	if err != nil {
		return m, nil, corrupt("manifest: %w", err)
	}
	if len(e.Manifest.Bytes) > exchange.MaxManifestSize {
		return m, nil, corrupt("the manifest has %d bytes, at most %d are possible", len(e.Manifest.Bytes), exchange.MaxManifestSize)
	}
	if err := checkManifest(&m, e.Deliveries); err != nil {
		return m, nil, err
	}
	origin := m.From.Domain()
	if _, err := f.book.Verify(origin, crypto.ContextManifest, e.Manifest, m.Created); err != nil {
		return m, nil, corrupt("manifest of %s: %w", origin, err)
	}
	road = route.Road(origin, d.Domain, f.parents)
	if len(road) < 2 || road[len(road)-2] != peer {
		return m, nil, exchange.Errorf(exchange.Denied, opReceive, "%s is not on the road from %s to %s", peer, origin, d.Domain)
	}
	for _, i := range e.Deliveries {
		if next, ok := route.Next(d.Domain, m.To[i].Unit.Domain(), f.parents); ok && next == peer {
			return m, nil, exchange.Errorf(exchange.Denied, opReceive, "the road to %s leads back to %s", m.To[i].Unit, peer)
		}
	}
	return m, road, nil
}

// verifyCustody checks the chain of custody from ACCEPTED to the neighbour.
func (d *Domain) verifyCustody(f *federation, m *exchange.Manifest, e *exchange.Envelope, road []exchange.Domain) error {
	if len(e.Custody) != len(road)-1 {
		return corrupt("%d custody receipts came along, the road here has %d stations", len(e.Custody), len(road)-1)
	}
	manifest, prev := d.digest(e.Manifest), crypto.Digest{}
	for n, s := range e.Custody {
		r, err := ledger.DecodeReceipt(s)
		if err != nil {
			return corrupt("custody receipt: %w", err)
		}
		want := exchange.Relayed
		if n == 0 {
			want = exchange.Accepted
		}
		if r.State != want || r.Domain != road[n] || r.Exchange != m.ID || r.Manifest != manifest || r.Prev != prev || !coversAll(&r, e.Deliveries) {
			return corrupt("the custody receipt of %s does not continue the chain", road[n])
		}
		if _, err := f.book.Verify(r.Domain, crypto.ContextReceipt, s, r.At); err != nil {
			return corrupt("custody receipt of %s: %w", r.Domain, err)
		}
		prev = d.digest(s)
	}
	return nil
}

func coversAll(r *exchange.Receipt, deliveries []uint16) bool {
	return !slices.ContainsFunc(deliveries, func(i uint16) bool { return !r.Covers(i) })
}

func (d *Domain) verifyInline(m *exchange.Manifest, inline [][]byte) error {
	if len(inline) == 0 {
		return nil
	}
	addresses := m.Chunks()
	if len(inline) != len(addresses) {
		return corrupt("%d chunks came along, the manifest lists %d", len(inline), len(addresses))
	}
	for i, data := range inline {
		if d.Provider.Sum(data) != addresses[i] {
			return corrupt("chunk %d does not match its address in the manifest", i)
		}
	}
	return nil
}

// verdict is what becomes of each delivery at this domain.
type verdict struct {
	local, onward []uint16 // allowed: for units here, for domains further on
	refused       []uint16
	reasons       []string
	decision      exchange.Decision
}

// judge decides at receive for local recipients and at relay for the others.
// When the decision over all is a denial, each delivery is judged by itself,
// so that one recipient's denial does not refuse the rest.
func (d *Domain) judge(ctx context.Context, f *federation, peer exchange.Domain, m *exchange.Manifest, deliveries []uint16) (v verdict, err error) {
	hops, local, lost := route.Fan(d.Domain, m.To, deliveries, f.parents)
	if len(lost) > 0 {
		v.refused, v.reasons = lost, []string{"route.none"}
	}
	neighbour, _ := f.book.Domain(peer)
	if v.local, err = d.judgeGroup(ctx, f, exchange.PointReceive, neighbour, m, local, &v); err != nil {
		return v, err
	}
	for _, h := range hops {
		next, _ := f.book.Domain(h.Peer)
		allowed, err := d.judgeGroup(ctx, f, exchange.PointRelay, next, m, h.Deliveries, &v)
		if err != nil {
			return v, err
		}
		v.onward = append(v.onward, allowed...)
	}
	slices.Sort(v.onward)
	slices.Sort(v.refused)
	return v, nil
}

func (d *Domain) judgeGroup(ctx context.Context, f *federation, point exchange.Point, peer exchange.DomainInfo, m *exchange.Manifest, group []uint16, v *verdict) ([]uint16, error) {
	if len(group) == 0 {
		return nil, nil
	}
	q := d.question(f, point, m)
	q.Peer = peer
	decision, err := d.judgeOnly(ctx, f, q, group)
	if err != nil {
		return nil, err
	}
	if len(v.decision.Reasons) == 0 {
		v.decision = decision
	}
	if decision.Allow && !decision.Hold {
		return group, nil
	}
	if len(group) > 1 {
		return d.judgeEach(ctx, f, q, group, v)
	}
	v.refused = append(v.refused, group...)
	v.reasons = append(v.reasons, codes(decision.Reasons)...)
	return nil, nil
}

func (d *Domain) judgeEach(ctx context.Context, f *federation, q policy.Question, group []uint16, v *verdict) (allowed []uint16, err error) {
	for _, i := range group {
		decision, err := d.judgeOnly(ctx, f, q, []uint16{i})
		if err != nil {
			return nil, err
		}
		if decision.Allow && !decision.Hold {
			allowed = append(allowed, i)
			continue
		}
		v.refused = append(v.refused, i)
		v.reasons = append(v.reasons, codes(decision.Reasons)...)
	}
	return allowed, nil
}

func (d *Domain) judgeOnly(ctx context.Context, f *federation, q policy.Question, group []uint16) (exchange.Decision, error) {
	q.To = slices.Clone(q.To)
	only(&q, group)
	return d.Engine.DecideWith(ctx, f.policy, q)
}

// custodyReceipts signs ARRIVED, RELAYED and REFUSED as judged, each bound to
// the receipt before it on the road. A local recipient's content must be one
// that this domain can open as committed.
func (d *Domain) custodyReceipts(m *exchange.Manifest, manifest crypto.Digest, custody []crypto.Signed, v verdict) ([]crypto.Signed, error) {
	if len(v.local) > 0 {
		if _, err := d.unwrap(m); err != nil {
			if exchange.CodeOf(err) == exchange.Unavailable {
				return nil, err
			}
			v.refused, v.local = append(v.refused, v.local...), nil
			v.reasons = append(v.reasons, "seal.commitment")
			slices.Sort(v.refused)
		}
	}
	prev, now := d.digest(custody[len(custody)-1]), d.Clock()
	var out []crypto.Signed
	for _, g := range []struct {
		state      exchange.State
		deliveries []uint16
		reasons    []string
	}{{exchange.Arrived, v.local, nil}, {exchange.Relayed, v.onward, nil}, {exchange.Refused, v.refused, slices.Compact(v.reasons)}} {
		if len(g.deliveries) == 0 {
			continue
		}
		s, err := d.sign(crypto.ContextReceipt, exchange.Receipt{State: g.state, Exchange: m.ID, Manifest: manifest, Domain: d.Domain,
			Deliveries: g.deliveries, At: now, Prev: prev, Reasons: g.reasons})
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// receiptInPlace checks that a receipt's domain stands on the road of every
// delivery it covers, and says only what it can know there.
func (d *Domain) receiptInPlace(f *federation, m *exchange.Manifest, r *exchange.Receipt) error {
	if !ascending(r.Deliveries, len(m.To)) {
		return corrupt("the receipt of %s covers no such deliveries", r.Domain)
	}
	acted := r.State == exchange.SignedFor || r.State == exchange.Returned
	checked := map[exchange.Domain]bool{}
	for _, i := range r.Deliveries {
		to := m.To[i].Unit
		dest := to.Domain()
		if !ledger.MayState(r.State, r.Domain, m.From.Domain(), dest) || r.Unit != to && (acted || r.Unit != "") {
			return corrupt("%s cannot state %s for %s", r.Domain, r.State, to)
		}
		if checked[dest] {
			continue
		}
		checked[dest] = true
		if !slices.Contains(route.Road(m.From.Domain(), dest, f.parents), r.Domain) {
			return corrupt("%s is not on the road to %s", r.Domain, to)
		}
	}
	return nil
}
