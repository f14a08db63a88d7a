package member_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/member"
)

var (
	three = []exchange.Member{{Replica: "a", Voter: true}, {Replica: "b", Voter: true}, {Replica: "c", Voter: true}}
	lead  = exchange.Standing{Replica: "a", Commit: 1000, Applied: 1000, Level: 2, Supports: 2}
)

func good(r exchange.Replica) member.Seen {
	return member.Seen{Standing: exchange.Standing{Replica: r, Commit: 1000, Applied: 1000, Level: 2, Supports: 2, TookPart: true, Looked: 500}}
}

func TestANonVoterIsPromotedOnlyAfterKeepingUpWithStateAndContent(t *testing.T) {
	var c member.Candidates
	at := time.Unix(0, 0)
	step := func(d time.Duration, s member.Seen, want string) {
		t.Helper()
		at = at.Add(d)
		got := c.Waits(at, lead, "d", s)
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("at %v it waits for %q, want %q", at.Sub(time.Unix(0, 0)), got, want)
		}
	}
	with := func(change func(*member.Seen)) member.Seen { s := good("d"); change(&s); return s }
	for want, s := range map[string]member.Seen{
		"cannot be reached":       {Err: errors.New("down")},
		"has stopped":             with(func(s *member.Seen) { s.Stopped = "why" }),
		"feature level 1":         with(func(s *member.Seen) { s.Supports = 1 }),
		"applied 700 of 1000":     with(func(s *member.Seen) { s.Applied = 700 }),
		"3 chunks missing":        with(func(s *member.Seen) { s.Missing = 3 }),
		"5000 events still":       with(func(s *member.Seen) { s.Unchecked = 5000 }),
		"noted yet":               with(func(s *member.Seen) { s.TookPart = false }),
		"clock is off by -1m0s":   with(func(s *member.Seen) { s.Skew = -time.Minute }),
		"keeping up for another ": good("d"),
	} {
		c = member.Candidates{}
		step(0, s, want)
	}
	c = member.Candidates{}
	step(0, good("d"), "another 10s")
	step(9*time.Second, good("d"), "another 1s")
	step(500*time.Millisecond, with(func(s *member.Seen) { s.Missing = 1 }), "1 chunks missing")
	step(time.Second, good("d"), "another 10s") // from the beginning
	step(10*time.Second, good("d"), "")
	c.Keep(three) // d is no member any more
	step(0, good("d"), "another 10s")
}

func TestARemovalThatTheDomainCouldNotBearIsRefused(t *testing.T) {
	lacking, young := good("b"), good("b")
	lacking.Missing, young.Looked = 2, 499
	for _, x := range []struct {
		name    string
		gone    exchange.Replica
		seen    map[exchange.Replica]member.Seen
		force   bool
		code    exchange.Code
		pending bool
	}{
		{"all are well", "c", map[exchange.Replica]member.Seen{"a": good("a"), "b": good("b")}, false, "", false},
		{"a stranger", "x", nil, false, exchange.NotFound, false},
		{"no majority would be alive", "c", map[exchange.Replica]member.Seen{"a": good("a"), "b": {Err: errors.New("down")}}, false, exchange.Conflict, false},
		{"force does not make a majority", "c", map[exchange.Replica]member.Seen{"a": good("a"), "b": {Err: errors.New("down")}}, true, exchange.Conflict, false},
		{"content is on it alone", "c", map[exchange.Replica]member.Seen{"a": good("a"), "b": lacking}, false, exchange.Conflict, true},
		{"the newest content was not looked for yet", "c", map[exchange.Replica]member.Seen{"a": good("a"), "b": young}, false, exchange.Conflict, true},
		{"content is on it alone, and it is lost", "c", map[exchange.Replica]member.Seen{"a": good("a"), "b": lacking}, true, "", false},
	} {
		if pending, err := member.MayRemove(500, three, x.gone, x.seen, x.force); exchange.CodeOf(err) != x.code || pending != x.pending {
			t.Errorf("%s: %v, %v, want %q", x.name, err, pending, x.code)
		}
	}
	alone := []exchange.Member{{Replica: "a", Voter: true}, {Replica: "d"}}
	if _, err := member.MayRemove(500, alone, "a", map[exchange.Replica]member.Seen{"d": good("d")}, true); exchange.CodeOf(err) != exchange.Conflict {
		t.Errorf("the last voter: %v", err)
	}
	if _, err := member.MayRemove(500, alone, "d", nil, false); err != nil {
		t.Errorf("a non-voter may always go: %v", err)
	}
}

func TestALifeIsOverOnlyWhenANewerMembershipSaysSo(t *testing.T) {
	self := exchange.Standing{Replica: "c", Incarnation: 1, Configuration: 10, Members: three, TookPart: true}
	others := []exchange.Member{{Replica: "a", Voter: true}, {Replica: "b", Voter: true}, {Replica: "d", Voter: true}}
	other := exchange.Standing{Replica: "a", Incarnation: 1, Configuration: 20, Members: others}
	change := func(self, other exchange.Standing, f func(self, other *exchange.Standing)) string {
		f(&self, &other)
		return member.Over(self, other)
	}
	for _, x := range []struct {
		name string
		over bool
		f    func(self, other *exchange.Standing)
	}{
		{"removed", true, func(_, _ *exchange.Standing) {}},
		{"removed, and it heard so itself", true, func(self, _ *exchange.Standing) { self.Members = others }},
		{"a new life without it", true, func(_, other *exchange.Standing) { other.Incarnation, other.Configuration = 7, 5 }},
		{"it lags in the new life", false, func(_, other *exchange.Standing) { other.Incarnation, other.Members = 7, three }},
		{"the other lags", false, func(_, other *exchange.Standing) { other.Configuration = 9 }},
		{"the other is of the old life", false, func(self, _ *exchange.Standing) { self.Incarnation = 7 }},
		{"not decided yet", false, func(_, other *exchange.Standing) { other.Configuration = 0 }},
		{"the other has nothing yet", false, func(_, other *exchange.Standing) { other.Members = nil }},
		{"the other was removed itself", false, func(_, other *exchange.Standing) { other.Replica = "z" }},
		{"it waits to be joined, and replays its own removal", false, func(self, _ *exchange.Standing) { self.Members, self.TookPart = others, false }},
	} {
		if why := change(self, other, x.f); (why != "") != x.over {
			t.Errorf("%s: %q", x.name, why)
		}
	}
}

func TestRaftTrafficOfAnEarlierLifeIsForeign(t *testing.T) {
	self := exchange.Standing{Replica: "c", Incarnation: 7, Members: three[2:]}
	for _, x := range []struct {
		who         exchange.Replica
		incarnation uint64
		foreign     bool
	}{{"a", 1, true}, {"d", 7, false}, {"d", 9, false}, {"c", 1, false}} {
		if got := member.Foreign(self, x.who, x.incarnation); got != x.foreign {
			t.Errorf("%+v: %v", x, got)
		}
	}
	if member.Foreign(exchange.Standing{Replica: "d"}, "a", 0) {
		t.Error("whoever is not joined yet knows nobody, and takes what it is sent")
	}
}

func TestHealthCountsWhatMayStillFail(t *testing.T) {
	m := func(r exchange.Replica, change ...func(*exchange.MemberStatus)) exchange.MemberStatus {
		s := exchange.MemberStatus{Replica: r, Voter: true, Reached: true, Applied: 1000, Commit: 1000}
		for _, c := range change {
			c(&s)
		}
		return s
	}
	dead := func(s *exchange.MemberStatus) { s.Reached = false }
	for _, x := range []struct {
		name    string
		leader  exchange.Replica
		members []exchange.MemberStatus
		state   string
		lose    int
	}{
		{"three of three", "a", []exchange.MemberStatus{m("a"), m("b"), m("c")}, "healthy", 1},
		{"one is dead", "a", []exchange.MemberStatus{m("a"), m("b"), m("c", dead)}, "at_risk", 0},
		{"two are dead", "", []exchange.MemberStatus{m("a"), m("b", dead), m("c", dead)}, "no_majority", 0},
		{"one of five is dead", "a", []exchange.MemberStatus{m("a"), m("b"), m("c"), m("d"), m("e", dead)}, "degraded", 1},
		{"one has stopped", "a", []exchange.MemberStatus{m("a"), m("b"), m("c", func(s *exchange.MemberStatus) { s.Stopped = "why" })}, "at_risk", 0},
		{"one lacks content", "a", []exchange.MemberStatus{m("a"), m("b"), m("c", func(s *exchange.MemberStatus) { s.Missing = 1 })}, "degraded", 1},
		{"one is behind", "a", []exchange.MemberStatus{m("a"), m("b"), m("c", func(s *exchange.MemberStatus) { s.Applied = 1 })}, "degraded", 1},
		{"one's clock is wrong", "a", []exchange.MemberStatus{m("a"), m("b"), m("c", func(s *exchange.MemberStatus) { s.SkewMs = -60000 })}, "degraded", 1},
		{"nobody leads", "", []exchange.MemberStatus{m("a"), m("b"), m("c")}, "at_risk", 1},
		{"one joins", "a", []exchange.MemberStatus{m("a"), m("b"), m("c"), m("d", func(s *exchange.MemberStatus) { s.Voter, s.Applied = false, 0 })}, "healthy", 1},
	} {
		if h := member.Health(x.leader, x.members); h.State != x.state || h.CanLose != x.lose || (h.State == "healthy") != (len(h.Reasons) == 0) {
			t.Errorf("%s: %+v", x.name, h)
		}
	}
}
