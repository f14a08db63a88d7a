package member

import (
	"fmt"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
)

const op = "node.membership"

// MayRemove refuses a removal that the domain could not bear: without r a
// majority of the voters that are left must answer, and a majority of them must
// hold the content of the first events of the audit log, unless force says that
// what only r holds may be lost. members include r; seen are all members but r,
// the leader included. pending tells that looking again later may help.
func MayRemove(events uint64, members []exchange.Member, r exchange.Replica, seen map[exchange.Replica]Seen, force bool) (pending bool, err error) {
	gone, ok := exchange.MemberOf(members, r)
	if !ok {
		return false, exchange.Errorf(exchange.NotFound, op, "%s is not a replica of this domain", r)
	}
	if !gone.Voter {
		return false, nil
	}
	var voters, live, complete int
	var lacking []string
	for _, m := range members {
		if !m.Voter || m.Replica == r {
			continue
		}
		voters++
		s, ok := seen[m.Replica]
		switch {
		case !ok || s.Err != nil || s.Stopped != "":
			lacking = append(lacking, string(m.Replica)+" does not answer")
			continue
		case Complete(events, s):
			complete++
		default:
			lacking = append(lacking, lacks(events, s))
		}
		live++
	}
	need := voters/2 + 1
	switch {
	case voters == 0:
		return false, exchange.Errorf(exchange.Conflict, op, "%s is the last voter of the domain; join another first", r)
	case live < need:
		return false, exchange.Errorf(exchange.Conflict, op, "without %s only %d of %d voters would be alive, and %d are needed (%s); bring one back or join a new replica first", r, live, voters, need, strings.Join(lacking, "; "))
	case complete < need && !force:
		return true, exchange.Errorf(exchange.Conflict, op, "content that %s holds may not be on a majority of the others yet (%s); wait until \"cluster status\" shows nothing missing, or use --force when %s is lost for good", r, strings.Join(lacking, "; "), r)
	}
	return false, nil
}

func lacks(events uint64, s Seen) string {
	if s.Missing > 0 {
		return fmt.Sprintf("%s lacks %d chunks", s.Replica, s.Missing)
	}
	return fmt.Sprintf("%s has looked for the content of %d of %d events", s.Replica, s.Looked, events)
}
