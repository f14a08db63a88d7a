package sim

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// watch sees everything that is committed and sent, and remembers the orders
// that must hold. It keeps books of its own.
type watch struct {
	w       *world
	clock   int
	stored  map[exchange.Domain]map[exchange.ID]int // when an exchange was first stored
	custody map[exchange.Domain]map[exchange.ID]int // when custody was taken of it
	rows    map[string][32]byte                     // what each sequence carried
	intent  map[exchange.ID]*intent                 // what an exchange was meant to be
	crossed map[string]bool                         // exchanges that went over a link
}

func newWatch(w *world) *watch {
	return &watch{w: w, stored: map[exchange.Domain]map[exchange.ID]int{}, custody: map[exchange.Domain]map[exchange.ID]int{}, rows: map[string][32]byte{}, intent: map[exchange.ID]*intent{}, crossed: map[string]bool{}}
}

// applied sees the mutations of an entry that a domain applies for the first
// time.
func (x *watch) applied(g *group, mutations []ledger.Mutation) {
	d := g.info.Domain
	if x.stored[d] == nil {
		x.stored[d], x.custody[d] = map[exchange.ID]int{}, map[exchange.ID]int{}
	}
	for _, m := range mutations {
		x.meant(g, m)
		if m.Table != ledger.TableExchange || m.Value == nil {
			continue
		}
		x.clock++
		id := exchange.ID(m.Key)
		if _, known := x.stored[d][id]; !known {
			x.stored[d][id] = x.clock
		}
		row, err := exchange.Decode[ledger.Exchange](m.Value)
		if err != nil {
			x.w.failf("an exchange of %s cannot be read: %v", d, err)
		}
		if _, known := x.custody[d][id]; !known && !row.Waiting {
			x.custody[d][id] = x.clock
		}
	}
}

// meant sees which key an exchange was stored under.
func (x *watch) meant(g *group, m ledger.Mutation) {
	if m.Table != ledger.TableKey || m.Value == nil {
		return
	}
	row, err := exchange.Decode[ledger.KeyRow](m.Value)
	for _, i := range x.w.intents {
		if err == nil && i.client.group == g && bytes.Equal(m.Key, ledger.UnitKey(i.client.unit, []byte(i.key))) {
			x.intent[row.Exchange] = i
		}
	}
}

// sent sees each row that leaves. A sequence always carries the same, and an
// exchange crosses a link under one sequence only: for each of its recipients,
// for an origin that forgot to have withdrawn one sends it to that one later.
func (x *watch) sent(e *end, row delivery.Row) {
	key := rowKey(e.numbering(), e.p.r.g.info.Domain, e.peer, row.Class, row.Sequence)
	sum := sha256.Sum256(row.Message)
	was, known := x.rows[key]
	if known && was != sum {
		x.w.failf("sequence %s carries another message than before", key)
	}
	if !known {
		x.rows[key] = sum
		x.crosses(e, row)
	}
}

func (x *watch) crosses(e *end, row delivery.Row) {
	msg, err := exchange.DecodeStored[exchange.Message](row.Message)
	if err != nil || msg.Envelope == nil {
		return
	}
	m, err := ledger.DecodeManifest(msg.Envelope.Manifest)
	numbering := e.numbering()
	for _, i := range msg.Envelope.Deliveries {
		key := fmt.Sprintf("%x %s>%s/%s/%d", numbering[:4], e.p.r.g.info.Domain, e.peer, m.ID, i)
		if err != nil || x.crossed[key] {
			x.w.failf("exchange %s is sent twice (%v)", key, err)
		}
		x.crossed[key] = true
	}
}

// numbering is that of the rows which were just read. The session may be of an
// earlier one: its peer is gone, a new life of it has greeted and is not there
// yet, and what is sent reaches nobody.
func (e *end) numbering() (epoch [16]byte) {
	_ = e.p.View(func(r ledger.Reader) error {
		self, _, _ := ledger.SelfOf(r)
		link, _, err := ledger.LinkOf(r, e.peer)
		epoch = ledger.Numbering(self, link)
		return err
	})
	return epoch
}

func rowKey(epoch [16]byte, from, to exchange.Domain, c exchange.Class, sequence uint64) string {
	return fmt.Sprintf("%x %s>%s/%d/%d", epoch[:4], from, to, c, sequence)
}
