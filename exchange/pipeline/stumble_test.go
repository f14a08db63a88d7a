package pipeline_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/policy"
)

// TestWhatCannotBeJudgedIsSetAsideAfterLongPatience: it is unavailable first,
// quarantined at last, and never refused.
func TestWhatCannotBeJudgedIsSetAsideAfterLongPatience(t *testing.T) {
	f := newFederation(t)
	b := f.at[city]
	engine := b.Engine
	b.Engine = must(policy.NewEngine(policy.Options{Deadline: time.Nanosecond}))
	id := f.file("k1", "内容")
	ctx := context.Background()
	s := must(b.Open(ctx, county, must(f.at[county].Greet(ctx, city))))
	rows := must(f.at[county].Next(city, exchange.ClassOrdinary, 0, 10, 1<<20))
	tries := 1
	for ; ; tries++ {
		err := b.Receive(ctx, s, rows)
		if err == nil {
			break
		}
		if exchange.CodeOf(err) != exchange.Unavailable || tries > 100 {
			t.Fatalf("try %d: %v", tries, err)
		}
	}
	if held := f.held(city, county); tries != 20 || len(held) != 1 || !strings.Contains(held[0], "could not be judged in 20 attempts") {
		t.Fatalf("after %d tries: held %q", tries, held)
	}
	b.Engine = engine
	f.file("k2", "下一件")
	f.settle()
	if got := states(t, f, filer, id); got != "wjw@320500=accepted [accepted@320582]" {
		t.Fatalf("the first: %s", got)
	}
	if list := must(b.Inbox(as(clerk), exchange.ListQuery{})); len(list.Items) != 1 {
		t.Fatalf("%d arrived after it", len(list.Items))
	}
}
