package pipeline_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// closed is a policy of the city that lets its counties submit and refuses
// cases when they come by: for itself, or on their way to the province.
const closed = `package yizhan.layer

allow if input.kind == "case"

allow if input.kind == "document"

deny contains {
	"code": "city.closed",
	"zh": "本市暂停接收办件",
	"en": "the city takes no cases for the time being",
	"clause": "《苏州市交换规则（示例）》第九条",
	"remedy": "改日再报",
} if {
	input.kind == "case"
	input.point == "%s"
}
`

func TestAStationOnTheWayRefusesByItsOwnPolicyAndSignsForIt(t *testing.T) {
	for _, c := range []struct {
		point, to, want string
	}{
		{"receive", "wjw@320500", "wjw@320500=refused [accepted@320582 refused@320500]"},
		{"relay", "wjw@320000", "wjw@320000=refused [accepted@320582 refused@320500]"},
	} {
		t.Run(c.point, func(t *testing.T) {
			f := newFederation(t)
			officer := exchange.WithCaller(context.Background(), exchange.Caller{Unit: "bgs@320500", Person: "an.quan", Duties: []exchange.Duty{exchange.SecurityOfficer}})
			rule := exchange.PolicyFile{Path: "closed.rego", Data: []byte(fmt.Sprintf(closed, c.point))}
			if _, err := f.at[city].PublishPolicy(officer, []exchange.PolicyFile{rule}, 0); err != nil {
				t.Fatal(err)
			}
			f.settle()
			sender := exchange.Unit("wjw@320582")
			s, open := filing("k1", "内容")
			s.To = []string{c.to}
			done, err := f.of(sender).Submit(as(sender), s, open)
			if err != nil {
				t.Fatal(err)
			}
			f.settle()
			if got := states(t, f, sender, done.ID); got != c.want {
				t.Fatalf("got  %s\nwant %s", got, c.want)
			}
			tracking := must(f.of(sender).Track(as(sender), done.ID.String()))
			receipts := tracking.Deliveries[0].Receipts
			if reasons := receipts[len(receipts)-1].Reasons; len(reasons) != 1 || reasons[0] != "city.closed" {
				t.Errorf("the receipt gives the reasons %v", reasons)
			}
			records := must(f.at[city].ExplainPolicy(officer, done.ID.String()))
			if last := records[len(records)-1]; last.Allow || string(last.Point) != c.point || last.Reasons[0].Clause == "" {
				t.Errorf("the city explains %+v", last)
			}
			prove(t, f, sender, done.ID)
		})
	}
}
