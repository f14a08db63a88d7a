package pipeline_test

import (
	"strings"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// TestADeliveryThatIsSentAfterTheOthersArrivesToo: an origin that forgot to have
// withdrawn a delivery sends it when the exchange went its way for the other.
// Both ends take it in, and both recipients have evidence.
func TestADeliveryThatIsSentAfterTheOthersArrivesToo(t *testing.T) {
	f := newFederation(t)
	s, open := filing("k1", "内容")
	s.To, s.Cc = []string{"wjw@320000"}, []string{"bgs@320000"}
	id := must(f.of(filer).Submit(as(filer), s, open)).ID
	f.alter = func(from, _ exchange.Domain, m *exchange.Message) {
		if from == county && m.Envelope != nil {
			m.Envelope.Deliveries = []uint16{0}
		}
	}
	f.settle()
	f.alter = nil
	if _, ok := f.find(province, id); !ok {
		t.Fatal("the first delivery did not come")
	}

	ex, _ := f.find(county, id)
	f.inject(county, city, exchange.ClassOf(ex.M.Urgency), exchange.Message{Envelope: &exchange.Envelope{Manifest: ex.Manifest, Deliveries: []uint16{1}, Custody: ex.Custody, Inline: f.inlineOf(county, &ex)}})
	f.pump(city, province)
	f.pump(province, city)
	for at, from := range map[exchange.Domain]exchange.Domain{city: county, province: city} {
		if held := f.held(at, from); len(held) > 0 {
			t.Fatalf("%s set aside %v", at, held)
		}
	}
	for _, u := range []exchange.Unit{"wjw@320000", "bgs@320000"} {
		if got, want := states(t, f, u, id), string(u)+"=arrived [accepted@320582 relayed@320500 arrived@320000]"; !strings.Contains(got, want) {
			t.Fatalf("got %s, want %s", got, want)
		}
		prove(t, f, u, id)
	}
}
