package member

import (
	"fmt"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Health says what a domain can bear, from what its members say. A voter counts
// while it answers and has not stopped; the domain is healthy when all do, and
// all have kept up.
func Health(leader exchange.Replica, members []exchange.MemberStatus) exchange.Health {
	h := exchange.Health{}
	voters, live, most := 0, 0, uint64(0)
	for _, m := range members {
		most = max(most, m.Commit)
	}
	for _, m := range members {
		why := ailing(m, most)
		if m.Voter {
			voters++
			if m.Reached && m.Stopped == "" {
				live++
			}
		}
		if why != "" {
			h.Reasons = append(h.Reasons, string(m.Replica)+" "+why)
		}
	}
	need := voters/2 + 1
	h.CanLose = max(live-need, 0)
	if leader == "" {
		h.Reasons = append(h.Reasons, "nobody leads")
	}
	switch {
	case voters == 0 || live < need:
		h.State, h.CanLose = "no_majority", 0
	case leader == "" || len(h.Reasons) > 0 && h.CanLose == 0:
		h.State = "at_risk"
	case len(h.Reasons) > 0:
		h.State = "degraded"
	default:
		h.State = "healthy"
	}
	return h
}

// ailing tells what is wrong with a member.
func ailing(m exchange.MemberStatus, commit uint64) string {
	switch {
	case !m.Reached:
		return "does not answer"
	case m.Stopped != "":
		return "has stopped: " + m.Stopped
	case !m.Voter:
		return "" // on its way; see what it waits for
	case m.Applied+MaxLag < commit:
		return fmt.Sprintf("is behind: applied %d of %d", m.Applied, commit)
	case m.Missing > 0:
		return fmt.Sprintf("lacks %d chunks", m.Missing)
	case abs(m.SkewMs) > MaxSkew.Milliseconds():
		return fmt.Sprintf("has a clock that is off by %d ms", m.SkewMs)
	}
	return ""
}

func abs(n int64) int64 { return max(n, -n) }
