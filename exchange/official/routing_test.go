package official

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/form"
)

func TestRelationsFollowTheStatedParents(t *testing.T) {
	for _, k := range []struct {
		from, to exchange.Domain
		want     Kinship
		steps    int
		skipped  []exchange.Domain
	}{
		{"320582", "320582", Same, 0, nil},
		{"320582", "320500", Superior, 1, nil},
		{"320582", "320000", Superior, 2, []exchange.Domain{"320500"}},
		{"320000", "320500", Subordinate, 1, nil},
		{"320000", "320582", Subordinate, 2, []exchange.Domain{"320500"}},
		{"320582", "320583", Peer, 0, nil},
		{"320582", "320100", Unrelated, 0, nil},
	} {
		got := Relate(federation[k.from], federation[k.to], find)
		if got.Kind != k.want || got.Steps != k.steps || !slices.Equal(got.Skipped, k.skipped) {
			t.Errorf("%s to %s: %+v", k.from, k.to, got)
		}
	}
}

func TestAnIncompleteDirectoryLeavesTheRelationUnknown(t *testing.T) {
	if got := Relate(federation["320582"], federation["320000"], nil); got.Kind != KinshipUnknown {
		t.Errorf("without a directory: %s", got.Kind)
	}
	if got := Relate(federation["320582"], federation["320500"], nil); got.Kind != Superior {
		t.Errorf("a parent needs no directory: %s", got.Kind)
	}
	circle := func(d exchange.Domain) (exchange.DomainInfo, bool) {
		return exchange.DomainInfo{Domain: d, Level: exchange.City, Parent: d}, true
	}
	a := exchange.DomainInfo{Domain: "320582", Level: exchange.County, Parent: "320500"}
	b := exchange.DomainInfo{Domain: "320000", Level: exchange.Province, Parent: "320100"}
	if got := Relate(a, b, circle); got.Kind != KinshipUnknown {
		t.Errorf("in a circle: %s", got.Kind)
	}
}

// A chain of any depth: what is above from one end is below from the other,
// over the same bodies in the opposite order.
func TestRelationsAreMirrored(t *testing.T) {
	mirror := map[Kinship]Kinship{Same: Same, Superior: Subordinate, Subordinate: Superior, Peer: Peer, Unrelated: Unrelated}
	all := []exchange.Domain{"320000", "320500", "320582", "320583", "320100"}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.SampledFrom(all).Draw(t, "a"), rapid.SampledFrom(all).Draw(t, "b")
		there, back := Relate(federation[a], federation[b], find), Relate(federation[b], federation[a], find)
		slices.Reverse(back.Skipped)
		if mirror[there.Kind] != back.Kind || there.Steps != back.Steps || !slices.Equal(there.Skipped, back.Skipped) {
			t.Fatalf("%s to %s: %+v and %+v", a, b, there, back)
		}
	})
}

func TestDirectionsDependOnBodiesAndNotOnlyOnLevels(t *testing.T) {
	for _, k := range []struct {
		from, to exchange.Unit
		want     Direction
	}{
		{"bgs@320582", "bgs@320500", Up},
		{"wjw@320582", "wjw@320500", Up},
		{"wjw@320582", "bgs@320500", Up},
		{"bgs@320582", "wjw@320500", Parallel}, // a department is not a government's superior
		{"wjw@320582", "jyj@320500", Parallel}, // nor another line's
		{"zf@320582", "jyj@320500", Up},        // a line that is not stated is not held against it
		{"wjw@320500", "wjw@320582", Down},
		{"wjw@320500", "bgs@320582", Parallel},
		{"bgs@320500", "wjw@320582", Down},
		{"wjw@320582", "bgs@320582", Up},
		{"bgs@320582", "wjw@320582", Down},
		{"wjw@320582", "jyj@320582", Parallel},
		{"wjw@320582", "wjw@320583", Parallel},
		{"wjw@320582", "bgs@320100", Parallel},
	} {
		from, to := party(k.from), party(k.to)
		if got := DirectionOf(from, to, Relate(from.Domain, to.Domain, find)); got != k.want {
			t.Errorf("%s to %s goes %s", k.from, k.to, got)
		}
	}
}

func kindOf(t testing.TB, name string) Type {
	t.Helper()
	got, ok := ParseType(name)
	if !ok {
		t.Fatalf("no type %s", name)
	}
	return got
}

func TestRoutingRules(t *testing.T) {
	for _, k := range []struct {
		name, kind string
		from       exchange.Unit
		to         []form.Addressee
		want       []string // field code severity
	}{
		{"up one level", "请示", "bgs@320582", mains("bgs@320500"), nil},
		{"R1: past the city", "请示", "bgs@320582", mains("bgs@320000"), []string{"to[0] R1 refuse"}},
		{"R1: past the city in a copy", "报告", "bgs@320582", slices.Concat(mains("bgs@320582"), copies("bgs@320000")), []string{"to[1] R1 refuse"}},
		{"R1: with a copy to the city", "请示", "bgs@320582", slices.Concat(mains("bgs@320000"), copies("bgs@320500")), nil},
		{"R1: a letter skips nobody", "函", "bgs@320582", mains("bgs@320000"), nil},
		{"R1: downward over levels", "通知", "bgs@320000", mains("bgs@320582", "bgs@320583"), nil},
		{"R2: two superiors", "请示", "bgs@320582", mains("bgs@320500", "wjw@320500"), []string{"to R2 refuse", "to[1] R13 refuse"}},
		{"R2: a report to two", "报告", "bgs@320582", mains("bgs@320500", "zf@320500"), []string{"to R2.principle warn"}},
		{"R2: copied down", "请示", "bgs@320500", slices.Concat(mains("bgs@320000"), copies("bgs@320582")), []string{"to[1] R2.copy refuse"}},
		{"R2: copied to a peer", "请示", "bgs@320582", slices.Concat(mains("bgs@320500"), copies("bgs@320583")), nil},
		{"R7: up its line", "请示", "wjw@320582", mains("wjw@320500"), []string{"to[0] R7 warn"}},
		{"R7: with a copy to its government", "请示", "wjw@320582", slices.Concat(mains("wjw@320500"), copies("bgs@320582")), nil},
		{"R7: down its line", "通知", "wjw@320500", mains("wjw@320582", "wjw@320583"), []string{"to[0] R7.down warn"}},
		{"R8: a decision", "决定", "bgs@320500", mains("bgs@320582"), []string{"to R8 warn"}},
		{"R8: copied up", "决定", "bgs@320500", slices.Concat(mains("bgs@320582"), copies("bgs@320000")), nil},
		{"R8: at the top", "决定", "bgs@320000", mains("bgs@320500"), nil},
		{"R9: a department commands a government", "通知", "wjw@320500", mains("bgs@320582"), []string{"to[0] R9 refuse"}},
		{"R9: a department writes to it", "函", "wjw@320500", mains("bgs@320582"), nil},
		{"R9: an office commands it", "通知", "bgs@320500", mains("bgs@320582"), nil},
		{"R10: another line", "通知", "wjw@320500", mains("jyj@320582"), []string{"to[0] R10 warn"}},
		{"R13: to a peer", "请示", "bgs@320582", mains("bgs@320583"), []string{"to[0] R13 refuse"}},
		{"R13: to a department above", "请示", "bgs@320582", mains("wjw@320500"), []string{"to[0] R13 refuse"}},
		{"R13: by letter", "函", "bgs@320582", mains("wjw@320500"), nil},
		{"R13: within the domain", "请示", "wjw@320582", mains("bgs@320582"), nil},
	} {
		f := RoutingFacts{Kind: exchange.Document, Type: kindOf(t, k.kind), From: party(k.from), To: k.to, Find: find}
		if got := brief(CheckRouting(f)); !slices.Equal(got, k.want) {
			t.Errorf("%s: %q, want %q", k.name, got, k.want)
		}
	}
}

func brief(findings []Finding) (out []string) {
	for _, f := range findings {
		out = append(out, f.Field+" "+f.Code+" "+string(f.Severity))
	}
	return out
}

func TestCasesHaveNoRoutingRules(t *testing.T) {
	f := RoutingFacts{Kind: exchange.Case, Type: kindOf(t, "请示"), From: party("bgs@320582"), To: mains("bgs@320000"), Find: find}
	if got := CheckRouting(f); len(got) > 0 {
		t.Errorf("%+v", got)
	}
}

func TestASkippedBodyIsNamedInTheRefusal(t *testing.T) {
	f := RoutingFacts{Kind: exchange.Document, Type: kindOf(t, "报告"), From: party("bgs@320582"), To: mains("bgs@320000"), Find: find}
	got := CheckRouting(f)
	want := "越级行文未抄送被越过的机关(苏州市 320500)"
	if len(got) != 1 || got[0].Chinese != want || got[0].Article != "条例 第十四条" || !Refused(got) {
		t.Fatalf("%+v", got)
	}
	if r := got[0].Reason("kernel"); r.Code != "R1" || r.Layer != "kernel" || r.Clause != "条例 第十四条" || r.Remedy == "" {
		t.Errorf("%+v", r)
	}
}

func TestWithoutADirectoryAnUpwardDocumentIsRefused(t *testing.T) {
	f := RoutingFacts{Kind: exchange.Document, Type: kindOf(t, "意见"), From: party("bgs@320582"), To: mains("bgs@320000", "bgs@320583")}
	if got := brief(CheckRouting(f)); !slices.Equal(got, []string{"to[0] R1.unknown refuse"}) {
		t.Errorf("%q", got)
	}
}

func TestAReportThatAsksIsWarnedAbout(t *testing.T) {
	f := RoutingFacts{Kind: exchange.Document, Type: kindOf(t, "报告"), From: party("bgs@320582"), To: mains("bgs@320500"), Find: find, Title: "关于情况的报告暨请示"}
	if got := brief(CheckRouting(f)); !slices.Equal(got, []string{"title R5 warn"}) {
		t.Errorf("%q", got)
	}
}

func TestEveryRuleIsInTheTable(t *testing.T) {
	rules, err := Rules()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range rules {
		if seen[r.ID] {
			t.Errorf("%s is listed twice", r.ID)
		}
		seen[r.ID] = true
	}
	for _, id := range []string{"R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11", "R12", "R13", "R14"} {
		if !seen[id] {
			t.Errorf("%s is missing", id)
		}
	}
	for _, id := range quoted(t, `finding\("(R[0-9a-z.]+)"`, "routing.go") {
		if !seen[id] {
			t.Errorf("%s is judged and not worded", id)
		}
	}
}

// Adding a copy to every body between never turns a passing document into one
// refused under R1, and always satisfies it.
func TestCopyingTheSkippedBodiesSatisfiesR1(t *testing.T) {
	units := []exchange.Unit{"bgs@320000", "bgs@320500", "bgs@320583", "wjw@320500", "jyj@320000", "bgs@320100"}
	rapid.Check(t, func(t *rapid.T) {
		to := mains(rapid.SliceOfNDistinct(rapid.SampledFrom(units), 1, 4, rapid.ID[exchange.Unit]).Draw(t, "to")...)
		to = append(to, copies("zf@320500", "zf@320000")...)
		kind, _ := ParseType(rapid.SampledFrom([]string{"请示", "报告", "意见", "函"}).Draw(t, "type"))
		f := RoutingFacts{Kind: exchange.Document, Type: kind, From: party("zf@320582"), To: to, Find: find}
		for _, got := range CheckRouting(f) {
			if got.Rule == "R1" {
				t.Fatalf("%+v", got)
			}
		}
	})
}
