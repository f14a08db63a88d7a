package member

import (
	"fmt"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Over tells that a replica is of a life that is over: another replica of its
// domain speaks for a newer membership of which it is no part. The answer is ""
// when that does not follow. Whoever was never a member waits to be joined; one
// that lags behind is a member all the same.
func Over(self, other exchange.Standing) string {
	if _, member := exchange.MemberOf(self.Members, self.Replica); !member && !self.TookPart {
		return ""
	}
	if other.Configuration == 0 {
		return "" // not decided yet
	}
	if _, still := exchange.MemberOf(other.Members, self.Replica); still || len(other.Members) == 0 {
		return ""
	}
	if _, speaks := exchange.MemberOf(other.Members, other.Replica); !speaks {
		return "" // it was removed itself, or is not joined
	}
	switch {
	case other.Incarnation > self.Incarnation:
		return fmt.Sprintf("the domain began a new life (incarnation %d) without this replica, which is of incarnation %d: as %s says; what it holds is of no use to the domain any more. Keep its folder until nobody misses anything, and join a new replica under a fresh name (yizhan cluster prepare)",
			other.Incarnation, self.Incarnation, other.Replica)
	case other.Incarnation == self.Incarnation && other.Configuration > self.Configuration:
		return fmt.Sprintf("this replica was removed from the domain (membership of log index %d, as %s says); to take part again, join a new replica under a fresh name (yizhan cluster prepare)", other.Configuration, other.Replica)
	}
	return ""
}

// Foreign reports whether Raft traffic from a replica must be refused: it is not
// a member, and of an earlier life than this one. A follower that lags may not
// know a new member yet, which is of the same life.
func Foreign(self exchange.Standing, who exchange.Replica, incarnation uint64) bool {
	if _, member := exchange.MemberOf(self.Members, self.Replica); !member {
		return false
	}
	_, known := exchange.MemberOf(self.Members, who)
	return !known && incarnation < self.Incarnation
}
