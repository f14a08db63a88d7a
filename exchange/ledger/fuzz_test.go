package ledger_test

import (
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
)

// FuzzApply: whatever the bytes of a command are, the answer is a result or an
// error, twice the same, and a refusal changes nothing.
func FuzzApply(f *testing.F) {
	for _, c := range seeds() {
		f.Add(exchange.Encode(c))
	}
	f.Add([]byte{})
	f.Add([]byte{0xa0})
	d, m := atOrigin(f)
	large := manifest(2, "bgt@320000", "wjw@320000", "wjw@320582")
	d.must(ledger.Command{Submit: submission(&large, 2)})
	d.hear(m, says{exchange.Relayed, city})
	empty := blank(f, city)
	f.Fuzz(func(t *testing.T, command []byte) {
		for _, d := range []*domain{d, empty} {
			out, mutations, err := d.machine.Apply(&d.rows, d.index+1, command)
			again, repeated, _ := d.machine.Apply(&d.rows, d.index+1, command)
			if string(out) != string(again) || len(mutations) != len(repeated) {
				t.Fatal("two answers to one command")
			}
			if err != nil {
				if out != nil || mutations != nil {
					t.Fatal("an error with an effect")
				}
				continue
			}
			res, err := exchange.Decode[ledger.Result](out)
			if err != nil || res.Code != "" && len(mutations) > 0 {
				t.Fatalf("%d mutations with %+v, %v", len(mutations), res, err)
			}
			for _, m := range mutations {
				if m.Table == 0 || m.Table >= ledger.TableEnd || len(m.Key) == 0 {
					t.Fatalf("a row without a place: %+v", m)
				}
			}
		}
	})
}

// seeds is one command of each kind.
func seeds() (out []ledger.Command) {
	m := manifest(3, "bgt@320000", "wjw@320000", "wjw@320582")
	s := submission(&m, 3)
	level, clock := uint32(1), begin+day
	up := manifest(4, "wjw@320582", "bgt@320000")
	accepted := receipt(&up, exchange.Accepted, county, crypto.Digest{}, 0)
	relayed := receipt(&up, exchange.Relayed, city, digest(accepted), 0)
	e := exchange.Envelope{Manifest: signedManifest(&up), Deliveries: []uint16{0}, Custody: []crypto.Signed{accepted, relayed}, Inline: inline(4)}
	arrived := receipt(&m, exchange.Arrived, county, digest(s.Receipts[0]), 1)
	two := directoryOf(city, 2, county)
	receive := func(message exchange.Message, prepared ...crypto.Signed) *ledger.Receive {
		return &ledger.Receive{Peer: city, Epoch: epochOf(city), Term: 1, Rows: []ledger.ReceivedRow{
			{Class: exchange.ClassControl, Sequence: 1, Message: exchange.Encode(message), Receipts: prepared}}}
	}
	for _, c := range []ledger.Command{
		{Bootstrap: bootstrap(city)}, {Submit: s},
		{Receive: receive(exchange.Message{Envelope: &e}, receipt(&up, exchange.Arrived, province, digest(relayed), 0))},
		{Receive: receive(exchange.Message{Receipt: &arrived})}, {Receive: receive(exchange.Message{Notice: recall(&m, 0, 1)})},
		{Receive: receive(exchange.Message{Directory: &two})},
		{Custody: &ledger.Custody{Exchange: up.ID, Stored: []exchange.Stored{{Replica: "a"}}}},
		{Act: &ledger.Act{Receipt: receipt(&m, exchange.SignedFor, province, digest(s.Receipts[1]), 0)}},
		{Notice: &ledger.Notice{Notice: *recall(&m, 0, 1)}}, {Ack: &ledger.Ack{Peer: city, Class: exchange.ClassOrdinary, UpTo: 1}},
		{Open: &ledger.OpenLink{Peer: city, Incarnation: 1, Term: 2, Epoch: [16]byte{9}}},
		{Statement: &ledger.Statement{Directory: &two}}, {Judge: &ledger.Judge{Exchange: m.ID, Unit: "bgt@320000"}},
		{Lease: &ledger.Lease{ID: [16]byte{1}}}, {Level: &level}, {Clock: &clock},
		{Deadline: &ledger.Deadline{Receipts: []crypto.Signed{receipt(&m, exchange.Bounced, province, digest(s.Receipts[0]), 1)}}},
		{Person: &ledger.PersonRow{Person: "li.si", Unit: "bgt@320000"}},
	} {
		c.Time = begin + 1000
		out = append(out, c)
	}
	return out
}
