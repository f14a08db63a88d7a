package ledger_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// world is a small federation of ledgers. It plays the pipeline's part: it
// prepares receipts from what is stored and proposes commands.
type world struct {
	*rapid.T
	at    map[exchange.Domain]*domain
	sent  []exchange.Manifest
	first map[string]ledger.Result    // by key
	twin  map[exchange.Domain]*domain // applies the same log
}

var everyone = []exchange.Domain{province, city, county, sibling}

func newWorld(t *testing.T, rt *rapid.T) *world {
	w := &world{T: rt, at: map[exchange.Domain]*domain{}, twin: map[exchange.Domain]*domain{}, first: map[string]ledger.Result{}}
	for _, d := range everyone {
		w.at[d], w.twin[d] = found(t, d), blank(t, d)
	}
	return w
}

func (w *world) any(label string) *domain { return w.at[rapid.SampledFrom(everyone).Draw(w.T, label)] }

func (w *world) submit() {
	d := w.any("origin")
	n := len(w.sent)
	units := rapid.SliceOfNDistinct(rapid.SampledFrom([]exchange.Unit{"a@320000", "a@320500", "a@320582", "a@320583", "b@320582"}), 1, 4, rapid.ID).Draw(w.T, "to")
	m := manifest(n, exchange.Unit("from@"+d.name), units...)
	s := submission(&m, n)
	if rapid.Bool().Draw(w.T, "large") {
		lease := [16]byte{1, byte(n), byte(n >> 8)}
		d.must(ledger.Command{Lease: &ledger.Lease{ID: lease, Until: d.now + day}})
		s.Inline, s.Lease, s.Stored = nil, lease, []exchange.Stored{{Replica: "a"}}
	}
	w.first[string(d.name)+s.Key] = d.must(ledger.Command{Submit: s})
	w.sent = append(w.sent, m)
}

// again repeats a submission, with the same or with other content.
func (w *world) again() {
	m := w.pick()
	n := w.number(m.ID)
	d := w.at[m.From.Domain()]
	s := submission(m, n)
	if rapid.Bool().Draw(w.T, "other content") {
		s.Content[0] ^= 1
		d.refused(ledger.Command{Submit: s}, exchange.Conflict)
		return
	}
	other := manifest(n+1000000, m.From, "a@320000") // sealed anew: other bytes, same words
	s.Manifest = signedManifest(&other)
	got, want := d.must(ledger.Command{Submit: s}), w.first[string(d.name)+s.Key]
	if !got.Replayed || got.Exchange != want.Exchange || string(got.Receipts[0].Bytes) != string(want.Receipts[0].Bytes) {
		w.Fatalf("a repeated key gives %+v, want the receipt of %s", got, want.Exchange)
	}
}

func (w *world) number(id exchange.ID) (n int) {
	fmt.Sscanf(string(id[:]), "exchange-%d", &n)
	return n
}

func (w *world) pick() *exchange.Manifest {
	if len(w.sent) == 0 {
		w.Skip("nothing was sent")
	}
	return &w.sent[rapid.IntRange(0, len(w.sent)-1).Draw(w.T, "exchange")]
}

// move carries rows over one link, sometimes again from the beginning,
// sometimes with a gap.
func (w *world) move() {
	to := w.any("to")
	peers := ledger.Links(&to.rows)
	from := w.at[rapid.SampledFrom(peers).Draw(w.T, "from")]
	class := rapid.SampledFrom([]exchange.Class{exchange.ClassControl, exchange.ClassOrdinary}).Draw(w.T, "class")
	w.carry(from, to, class, rapid.IntRange(1, 3).Draw(w.T, "rows"), rapid.IntRange(-1, 2).Draw(w.T, "back"))
}

func (w *world) carry(from, to *domain, class exchange.Class, most, back int) (moved int) {
	link, _, _ := ledger.LinkOf(&to.rows, from.name)
	cursor := max(link.ReceiveNext[class], 1)
	c := &ledger.Receive{Peer: from.name, Epoch: link.PeerEpoch, Term: link.Term}
	above := uint64(max(int64(cursor)-1-int64(back), 0))
	_ = ledger.QueueRows(&from.rows, to.name, class, above, func(sequence uint64, q ledger.QueueRow) bool {
		row := ledger.ReceivedRow{Class: class, Sequence: sequence}
		row.Message = w.message(from, &q)
		c.Rows = append(c.Rows, row)
		return len(c.Rows) < most
	})
	if len(c.Rows) == 0 {
		return 0
	}
	if c.Rows[0].Sequence > cursor {
		to.refused(ledger.Command{Receive: c}, exchange.Conflict)
		return 0
	}
	for _, row := range c.Rows { // one by one: receipts are prepared from what is stored
		one := *c
		row.Receipts = w.prepare(to, row.Message)
		one.Rows = []ledger.ReceivedRow{row}
		to.must(ledger.Command{Receive: &one})
		if row.Sequence >= cursor {
			moved++
		}
	}
	last := c.Rows[len(c.Rows)-1].Sequence
	from.must(ledger.Command{Ack: &ledger.Ack{Peer: to.name, Class: class, UpTo: last}})
	return moved
}

func (w *world) message(from *domain, q *ledger.QueueRow) []byte {
	if q.Exchange.IsZero() {
		return q.Message
	}
	ex, _, _ := ledger.Find(&from.rows, q.Exchange)
	e := exchange.Envelope{Manifest: ex.Manifest, Deliveries: q.Deliveries, Custody: ex.Custody}
	if ex.Inline {
		e.Inline = inline(w.number(q.Exchange))
	}
	return exchange.Encode(exchange.Message{Envelope: &e})
}

// prepare signs what the receiving domain would.
func (w *world) prepare(d *domain, raw []byte) []crypto.Signed {
	m, _ := exchange.Decode[exchange.Message](raw)
	switch {
	case m.Envelope != nil && len(m.Envelope.Inline) > 0:
		manifest, _ := ledger.DecodeManifest(m.Envelope.Manifest)
		return w.custody(d, &manifest, m.Envelope.Deliveries, m.Envelope.Custody)
	case m.Notice != nil:
		n, _ := ledger.DecodeNotice(*m.Notice)
		ex, ok, _ := ledger.Find(&d.rows, n.Exchange)
		if ok {
			return w.recalls(d, &ex.M, n.Deliveries)
		}
	}
	return nil
}

func (w *world) custody(d *domain, m *exchange.Manifest, deliveries []uint16, road []crypto.Signed) (out []crypto.Signed) {
	var local, onward, refused []uint16
	for _, i := range deliveries {
		switch {
		case (int(i)+w.number(m.ID))%7 == 6: // by rule
			refused = append(refused, i)
		case m.To[i].Unit.Domain() == d.name:
			local = append(local, i)
		default:
			onward = append(onward, i)
		}
	}
	prev := digest(road[len(road)-1])
	for _, g := range []struct {
		s exchange.State
		i []uint16
	}{{exchange.Arrived, local}, {exchange.Relayed, onward}, {exchange.Refused, refused}} {
		if len(g.i) > 0 {
			out = append(out, receipt(m, g.s, d.name, prev, g.i...))
		}
	}
	return out
}

func (w *world) recalls(d *domain, m *exchange.Manifest, deliveries []uint16) (out []crypto.Signed) {
	for _, i := range deliveries {
		del, ok, _ := ledger.DeliveryOf(&d.rows, m.ID, i)
		if ok && (del.State == exchange.Arriving || m.To[i].Unit.Domain() == d.name && del.State == exchange.Arrived) {
			out = append(out, receipt(m, exchange.Recalled, d.name, del.Last, i))
		}
	}
	return out
}

func (w *world) complete() {
	m := w.pick()
	for _, name := range everyone {
		w.completeAt(w.at[name], m)
	}
}

func (w *world) completeAt(d *domain, m *exchange.Manifest) {
	ex, ok, _ := ledger.Find(&d.rows, m.ID)
	if !ok || !ex.Waiting {
		return
	}
	var open []uint16
	for _, i := range ex.Deliveries {
		if d.stateOf(m.ID, i) == exchange.Arriving {
			open = append(open, i)
		}
	}
	d.must(ledger.Command{Custody: &ledger.Custody{Exchange: m.ID, Receipts: w.custody(d, m, open, ex.Custody), Stored: []exchange.Stored{{Replica: "a"}}}})
}

// act signs or returns at a recipient, whatever the state; the ledger says
// whether it may.
func (w *world) act() {
	m := w.pick()
	i := uint16(rapid.IntRange(0, len(m.To)-1).Draw(w.T, "delivery"))
	d := w.at[m.To[i].Unit.Domain()]
	del, _, _ := ledger.DeliveryOf(&d.rows, m.ID, i)
	s := rapid.SampledFrom([]exchange.State{exchange.SignedFor, exchange.Returned}).Draw(w.T, "act")
	d.do(ledger.Command{Act: &ledger.Act{Receipt: receipt(m, s, d.name, del.Last, i)}})
}

func (w *world) notify() {
	m := w.pick()
	d := w.at[m.From.Domain()]
	kind := rapid.SampledFrom([]exchange.NoticeKind{exchange.Recall, exchange.Urge}).Draw(w.T, "kind")
	deliveries := all(m)[rapid.IntRange(0, len(m.To)-1).Draw(w.T, "first"):]
	d.must(ledger.Command{Notice: &ledger.Notice{Notice: *noticed(m, kind, deliveries...), Receipts: w.recalls(d, m, deliveries)}})
}

func (w *world) expire() {
	d := w.any("origin")
	d.pass(d.now + 20*day)
	d.must(ledger.Command{Lease: &ledger.Lease{ID: [16]byte{2}, Until: d.now}})
	ledger.Due(&d.rows, d.now, func(id exchange.ID) bool {
		ex, _, _ := ledger.Find(&d.rows, id)
		c := &ledger.Deadline{}
		for _, i := range ex.Deliveries {
			del, _, _ := ledger.DeliveryOf(&d.rows, id, i)
			if s := del.State; !s.Final() {
				end := exchange.Bounced
				if s == exchange.Arrived {
					end = exchange.Expired
				}
				c.Receipts = append(c.Receipts, receipt(&ex.M, end, d.name, del.Last, i))
			}
		}
		d.must(ledger.Command{Deadline: c})
		return false // the rows changed
	})
}

// forge sends a receipt that nobody signed for, from a neighbour.
func (w *world) forge() {
	m := w.pick()
	d := w.any("at")
	i := uint16(rapid.IntRange(0, len(m.To)-1).Draw(w.T, "delivery"))
	s := receipt(m, exchange.State(rapid.IntRange(0, 13).Draw(w.T, "state")), w.any("by").name, crypto.Digest{byte(i)}, i)
	peer := rapid.SampledFrom(ledger.Links(&d.rows)).Draw(w.T, "from")
	c := d.carrying(peer, exchange.ClassUrgent, exchange.Message{Receipt: &s})
	if s, _ := ledger.DecodeReceipt(s); s.Domain != d.name && s.State != exchange.SignedFor && s.State != exchange.Returned {
		d.must(c)
	}
}

// settle moves everything until nothing moves.
func (w *world) settle() {
	for range 50 {
		moved := 0
		for _, to := range everyone {
			for _, from := range ledger.Links(&w.at[to].rows) {
				for class := range exchange.Class(exchange.ClassCount) {
					if class != exchange.ClassUrgent { // where forgeries are injected
						moved += w.carry(w.at[from], w.at[to], class, 1000, 0)
					}
				}
			}
			for n := range w.sent {
				w.completeAt(w.at[to], &w.sent[n])
			}
		}
		if moved == 0 {
			return
		}
	}
	w.Fatal("the links do not come to rest")
}

func TestEverySequenceOfCommandsKeepsTheInvariants(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rt)
		forged := rapid.Bool().Draw(rt, "with forgeries")
		actions := map[string]func(*rapid.T){}
		for name, f := range map[string]func(){"submit": w.submit, "again": w.again, "move": w.move, "move more": w.move, "complete": w.complete,
			"act": w.act, "notify": w.notify, "expire": w.expire, "forge": w.forge} {
			if name == "forge" && !forged {
				continue
			}
			actions[name] = func(t *rapid.T) { w.T = t; f() }
		}
		actions[""] = func(t *rapid.T) {
			w.T = t
			for _, d := range w.at {
				w.check(d)
			}
		}
		rt.Repeat(actions)
		w.T = rt
		w.settle()
		for _, d := range everyone {
			w.check(w.at[d])
			w.replay(d)
		}
		if !forged {
			w.agree()
		}
	})
}

// replay applies the same log to an empty ledger: the rows are equal.
func (w *world) replay(name exchange.Domain) {
	d, twin := w.at[name], w.twin[name]
	for n, raw := range d.log {
		_, mutations, err := twin.machine.Apply(&twin.rows, uint64(n+1), raw)
		if err != nil {
			w.Fatal(err)
		}
		twin.rows.Put(mutations...)
	}
	if !same(&d.rows, &twin.rows) {
		w.Fatalf("%s: the same log gives another state", name)
	}
}
