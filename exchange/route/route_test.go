package route_test

import (
	"reflect"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/route"
)

var tree = map[exchange.Domain]exchange.Domain{
	"320000": "", "320500": "320000", "320582": "320500", "320583": "320500",
	"320100": "320000", "320102": "320100", "110000": "",
}

func parents(d exchange.Domain) (exchange.Domain, bool) { p, ok := tree[d]; return p, ok }

func TestRoadGoesUpToTheCommonAncestorAndDown(t *testing.T) {
	for _, c := range []struct {
		from, to exchange.Domain
		want     []exchange.Domain
	}{
		{"320582", "320500", []exchange.Domain{"320582", "320500"}},
		{"320582", "320000", []exchange.Domain{"320582", "320500", "320000"}},
		{"320582", "320583", []exchange.Domain{"320582", "320500", "320583"}},
		{"320582", "320102", []exchange.Domain{"320582", "320500", "320000", "320100", "320102"}},
		{"320000", "320582", []exchange.Domain{"320000", "320500", "320582"}},
		{"320582", "320582", []exchange.Domain{"320582"}},
		{"320582", "110000", nil},
		{"320582", "999999", nil},
	} {
		if got := route.Road(c.from, c.to, parents); !reflect.DeepEqual(got, c.want) {
			t.Errorf("Road(%s, %s) = %v, want %v", c.from, c.to, got, c.want)
		}
	}
}

func TestFanCrossesEachLinkOnce(t *testing.T) {
	to := []exchange.Recipient{{Unit: "wjw@320500"}, {Unit: "wjw@320582"}, {Unit: "bgs@320000"}, {Unit: "wjw@320583"}, {Unit: "wjw@320102"}, {Unit: "x@440000"}}
	hops, local, lost := route.Fan("320000", to, []uint16{0, 1, 2, 3, 4, 5}, parents)
	want := []route.Hop{{Peer: "320500", Deliveries: []uint16{0, 1, 3}}, {Peer: "320100", Deliveries: []uint16{4}}}
	if !reflect.DeepEqual(hops, want) || !reflect.DeepEqual(local, []uint16{2}) || !reflect.DeepEqual(lost, []uint16{5}) {
		t.Fatalf("Fan = %v, local %v, lost %v", hops, local, lost)
	}
}
