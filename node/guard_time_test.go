package node

import (
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/member"
)

// Found by node/test/chaos, seed 307: the only replica of a domain had its clock
// an hour ahead for three seconds, and refused everything for an hour after it
// was set right.
func TestADomainWhoseTimeIsAheadOfItsClockGoesOn(t *testing.T) {
	clock := exchange.TimeOf(time.Now())
	h := &hosted{node: &Node{options: Options{Clock: func() exchange.Time { return clock }}}}
	admits := func(at exchange.Time) bool {
		return h.admitTime(exchange.Encode(ledger.Command{Time: at, Lease: &ledger.Lease{ID: [16]byte{1}}})) == nil
	}
	ahead := clock.Add(time.Hour)
	if !admits(clock) || !admits(clock.Add(member.MaxSkew)) || admits(clock.Add(member.MaxSkew+time.Second)) || admits(ahead) {
		t.Error("the limit is not where it is said to be")
	}
	h.guard.time.Store(int64(ahead))
	if !admits(ahead) || !admits(h.signing()) || admits(ahead+1) {
		t.Error("what does not move the ledger's time is refused, or what moves it is not")
	}
}
