package pipeline_test

import (
	"context"
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/delivery"
)

// TestChunksAreTakenFromWhoeverGaveTheExchangeBack: the city waits for chunks
// that the county lost, and has looked for them there; then the province, which
// has them, gives the exchange back.
func TestChunksAreTakenFromWhoeverGaveTheExchangeBack(t *testing.T) {
	f := newFederation(t)
	s, open := filing("k1", strings.Repeat("长", 1_000_000))
	s.To = []string{"wjw@320000"}
	id := must(f.of(filer).Submit(as(filer), s, open)).ID
	ex, _ := f.find(county, id)
	f.inject(county, city, exchange.ClassOf(ex.M.Urgency), exchange.Message{Envelope: &exchange.Envelope{Manifest: ex.Manifest, Deliveries: []uint16{0}, Custody: ex.Custody}})
	wanted := must(f.at[city].Wanted(county, 100))
	if len(wanted) == 0 {
		t.Fatal("the city lacks nothing")
	}

	say := func(state exchange.State, by exchange.Domain, after crypto.Signed) crypto.Signed {
		return f.signAs(by, crypto.ContextReceipt, exchange.Receipt{State: state, Exchange: id, Manifest: ex.Digest, Domain: by, Deliveries: []uint16{0}, At: f.clock.read(), Prev: f.p.Sum(after.Bytes)})
	}
	relayed := say(exchange.Relayed, city, ex.Custody[0])
	b := exchange.Back{Manifest: ex.Manifest, Deliveries: []uint16{0}, Receipts: []crypto.Signed{ex.Custody[0], relayed, say(exchange.Arrived, province, relayed)}}
	f.inject(province, city, exchange.ClassControl, exchange.Message{Back: &b})

	ctx := context.Background()
	for _, address := range must(f.at[city].Wanted(province, 100)) {
		data := must(f.at[county].chunks.Get(ctx, address))
		if err := f.at[city].PutChunk(ctx, delivery.Session{Peer: province}, address, data); err != nil {
			t.Fatalf("a chunk of the province is not taken: %v", err)
		}
	}
	if ex, _ := f.find(city, id); ex.Waiting {
		t.Fatal("it still waits for its chunks")
	}
}
