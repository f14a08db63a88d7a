package member

import (
	"fmt"

	"github.com/yizhan-exchange/yizhan/exchange"
)

const op = "node.membership"

// MayRemove refuses a removal that the domain could not bear: without r a
// majority of the voters that are left must answer, and a majority of them must
// hold all content, unless force says that what only r holds may be lost.
// members include r; seen are all members but r, the leader included.
func MayRemove(leader exchange.Standing, members []exchange.Member, r exchange.Replica, seen map[exchange.Replica]Seen, force bool) error {
	gone, ok := exchange.MemberOf(members, r)
	if !ok {
		return exchange.Errorf(exchange.NotFound, op, "%s is not a replica of this domain", r)
	}
	if !gone.Voter {
		return nil
	}
	var voters, live, complete int
	var lacking []string
	for _, m := range members {
		if !m.Voter || m.Replica == r {
			continue
		}
		voters++
		s, ok := seen[m.Replica]
		if !ok || s.Err != nil || s.Stopped != "" {
			lacking = append(lacking, string(m.Replica)+" does not answer")
			continue
		}
		live++
		if Complete(leader, s) {
			complete++
		} else {
			lacking = append(lacking, fmt.Sprintf("%s lacks %d chunks and %d entries", m.Replica, s.Missing, leader.Commit-min(leader.Commit, s.Applied)))
		}
	}
	need := voters/2 + 1
	switch {
	case voters == 0:
		return exchange.Errorf(exchange.Conflict, op, "%s is the last voter of the domain; join another first", r)
	case live < need:
		return exchange.Errorf(exchange.Conflict, op, "without %s only %d of %d voters would be alive, and %d are needed (%s); bring one back or join a new replica first", r, live, voters, need, list(lacking))
	case complete < need && !force:
		return exchange.Errorf(exchange.Conflict, op, "content that %s holds may not be on a majority of the others yet (%s); wait until \"cluster status\" shows nothing missing, or use --force when %s is lost for good", r, list(lacking), r)
	}
	return nil
}

func list(s []string) string {
	out := ""
	for i, v := range s {
		if i > 0 {
			out += "; "
		}
		out += v
	}
	return out
}
