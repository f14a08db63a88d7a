package casework

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/calendar"
)

func rules(t testing.TB) Rules {
	t.Helper()
	tab, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	cal, err := calendar.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return Rules{Tables: tab, Calendar: cal}
}

// noon is twelve o'clock in Beijing on a day of 2026: "03-09".
func noon(t testing.TB, day string) exchange.Time {
	t.Helper()
	d, err := calendar.ParseDate("2026-" + day)
	if err != nil {
		t.Fatal(err)
	}
	return d.Start() + 12*3_600_000
}

func begin(t testing.TB, kind, day string) Case {
	t.Helper()
	k, ok := ParseKind(kind)
	if !ok {
		t.Fatalf("no kind %s", kind)
	}
	return Begin(k, noon(t, day), calendar.Term{})
}

// play takes steps written "03-10 notify: reason", with a code in brackets
// after the action.
func play(t testing.TB, c Case, steps ...string) (Case, error) {
	t.Helper()
	var err error
	for _, text := range steps {
		day, rest, _ := strings.Cut(text, " ")
		rest, reason, _ := strings.Cut(rest, ": ")
		name, code, _ := strings.Cut(strings.TrimSuffix(rest, ")"), "(")
		a, ok := ParseAction(name)
		if !ok {
			t.Fatalf("no action %s", name)
		}
		if c, err = Next(c, Step{Action: a, At: noon(t, day), Reason: reason, Code: code}, rules(t)); err != nil {
			return c, err
		}
	}
	return c, nil
}

func codeOf(err error) string {
	var e *exchange.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Problems[0].Field + " " + e.Problems[0].Code + " " + string(e.Code)
}

func TestTheLifeOfACase(t *testing.T) {
	for _, k := range []struct {
		name  string
		kind  string
		steps []string
		stage Stage
		err   string
	}{
		{"the whole road", "承诺", []string{"03-10 accept", "03-11 handle", "03-12 suspend(2): 听证", "03-16 resume", "03-20 conclude(0)", "03-23 deliver"}, Delivered, ""},
		{"supplemented", "承诺", []string{"03-10 notify: 缺申请表", "03-12 supplement", "03-13 accept"}, Accepted, ""},
		{"refused and told so", "承诺", []string{"03-10 refuse: 不属本机关职权", "03-11 deliver"}, Delivered, ""},
		{"supplemented and refused", "承诺", []string{"03-10 notify: 缺申请表", "03-12 supplement", "03-13 refuse: 仍不齐全"}, Refused, ""},
		{"never supplemented", "承诺", []string{"03-10 notify: 缺申请表", "04-20 conclude(5): 逾期未补正"}, Concluded, ""},
		{"told twice", "承诺", []string{"03-10 notify: 缺申请表", "03-12 supplement", "03-13 notify: 缺证明"}, Supplemented, "action case.step.once conflict"},
		{"told too late", "承诺", []string{"03-17 notify: 缺申请表"}, Received, "action case.step.late conflict"},
		{"told on the last day", "承诺", []string{"03-16 notify: 缺申请表"}, Notified, ""},
		{"refused too late", "承诺", []string{"03-17 refuse: 不受理"}, Received, "action case.step.late conflict"},
		{"for the record there is no such time", "备案", []string{"03-27 notify: 缺附件"}, Notified, ""},
		{"told without saying what", "承诺", []string{"03-10 notify"}, Received, "reason case.step.reason invalid"},
		{"refused without a reason", "承诺", []string{"03-10 refuse"}, Received, "reason case.step.reason invalid"},
		{"suspended without a reason", "承诺", []string{"03-10 accept", "03-10 handle", "03-11 suspend(2)"}, Handling, "reason case.step.reason invalid"},
		{"suspended by an unknown procedure", "承诺", []string{"03-10 accept", "03-10 handle", "03-11 suspend(9): x"}, Handling, "code case.step.table invalid"},
		{"handled before acceptance", "承诺", []string{"03-10 handle"}, Received, "action case.step.stage conflict"},
		{"concluded while suspended", "承诺", []string{"03-10 accept", "03-10 handle", "03-11 suspend(2): x", "03-12 conclude(0)"}, Special, "action case.step.stage conflict"},
		{"delivered before conclusion", "承诺", []string{"03-10 accept", "03-10 deliver"}, Accepted, "action case.step.stage conflict"},
		{"decided before acceptance", "承诺", []string{"03-10 conclude(0)"}, Received, "code case.step.decision invalid"},
		{"at once", "即办", []string{"03-09 accept", "03-09 conclude(0)"}, Concluded, ""},
		{"returned without a reason", "承诺", []string{"03-10 accept", "03-11 conclude(1)"}, Accepted, "reason case.step.reason invalid"},
		{"an unknown conclusion", "承诺", []string{"03-10 accept", "03-11 conclude(8): x"}, Accepted, "code case.step.table invalid"},
		{"backwards in time", "承诺", []string{"03-10 accept", "03-09 handle", "03-08 conclude(0)"}, Accepted, "action case.step.order conflict"},
		{"extended once", "承诺", []string{"03-10 accept", "03-10 handle", "03-11 extend: 案情复杂"}, Handling, ""},
		{"extended twice", "承诺", []string{"03-10 accept", "03-10 handle", "03-11 extend: x", "03-12 extend: x"}, Handling, "action case.step.extend invalid"},
		{"a kind without extension", "上报件", []string{"03-10 accept", "03-10 handle", "03-11 extend: x"}, Handling, "action case.step.extend invalid"},
	} {
		c, err := play(t, begin(t, k.kind, "03-09"), k.steps...)
		if c.Stage != k.stage || codeOf(err) != k.err {
			t.Errorf("%s: %s, %v; want %s %s", k.name, c.Stage, err, k.stage, k.err)
		}
	}
}

func TestADisagreementNeedsAReason(t *testing.T) {
	c, _ := play(t, begin(t, "承诺", "03-09"), "03-10 accept", "03-10 handle")
	step := Step{Action: Conclude, At: noon(t, "03-11"), Code: "6", Result: "0"}
	if _, err := Next(c, step, rules(t)); codeOf(err) != "reason case.step.reason invalid" {
		t.Error(err)
	}
	step.Reason = "不符合规划"
	if got, err := Next(c, step, rules(t)); err != nil || got.Conclusion != "6" {
		t.Error(err)
	}
	step.Result = "42"
	if _, err := Next(c, step, rules(t)); codeOf(err) != "result case.step.table invalid" {
		t.Error(err)
	}
}

func TestSilenceIsAcceptance(t *testing.T) {
	c, r := begin(t, "承诺", "03-09"), rules(t)
	if _, ok, err := Deemed(c, noon(t, "03-16"), r); ok || err != nil {
		t.Error("deemed accepted on the last day", err)
	}
	at, ok, err := Deemed(c, noon(t, "03-17"), r)
	if !ok || err != nil || at != c.Received {
		t.Errorf("%v %v %v", at, ok, err)
	}
	c, err = play(t, c, "03-20 accept")
	if err != nil || !c.Deemed || c.Accepted != c.Received {
		t.Errorf("%+v, %v", c, err)
	}
	clocks, err := Clocks(c, noon(t, "03-20"), r)
	if err != nil || clocks[0].Card != Red || clocks[1].Name != "statutory" || clocks[1].Started != c.Received {
		t.Errorf("%+v, %v", clocks, err)
	}
}

func clock(t testing.TB, c Case, day, name string) Clock {
	t.Helper()
	clocks, err := Clocks(c, noon(t, day), rules(t))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(clocks, func(k Clock) bool { return k.Name == name })
	if i < 0 {
		t.Fatalf("no clock %s in %+v", name, clocks)
	}
	return clocks[i]
}

func TestClocksEndOnTheirDays(t *testing.T) {
	for _, k := range []struct {
		name, kind, clock, now string
		steps                  []string
		last                   string
		card                   Card
		remaining              int
	}{
		{"notice", "承诺", "notice", "03-10", nil, "03-16", NoCard, 4},
		{"notice near its end", "承诺", "notice", "03-13", nil, "03-16", Yellow, 1},
		{"notice overdue", "承诺", "notice", "03-17", nil, "03-16", Red, -1},
		{"notice given", "承诺", "notice", "03-30", []string{"03-16 notify: x"}, "03-16", NoCard, 0},
		{"twenty days", "承诺", "statutory", "03-11", []string{"03-10 accept"}, "04-08", NoCard, 19},
		{"near its end", "承诺", "statutory", "04-07", []string{"03-10 accept"}, "04-08", Yellow, 1},
		{"on its last day", "承诺", "statutory", "04-08", []string{"03-10 accept"}, "04-08", Yellow, 0},
		{"overdue", "承诺", "statutory", "04-09", []string{"03-10 accept"}, "04-08", Red, -1},
		{"concluded in time", "承诺", "statutory", "05-20", []string{"03-10 accept", "03-10 handle", "04-08 conclude(0)"}, "04-08", NoCard, 0},
		{"concluded late", "承诺", "statutory", "05-20", []string{"03-10 accept", "03-10 handle", "04-09 conclude(0)"}, "04-08", Red, -1},
		{"extended", "承诺", "statutory", "03-12", []string{"03-10 accept", "03-10 handle", "03-11 extend: x"}, "04-22", NoCard, 28},
		{"a hearing of three days", "承诺", "statutory", "03-18", []string{"03-10 accept", "03-10 handle", "03-12 suspend(2): x", "03-17 resume"}, "04-13", NoCard, 17},
		{"joint", "联办", "statutory", "03-11", []string{"03-10 accept"}, "05-15", NoCard, 44},
		{"delivery", "承诺", "delivery", "03-24", []string{"03-10 accept", "03-23 conclude(0)"}, "04-07", NoCard, 9},
		{"delivery of a refusal", "承诺", "delivery", "03-11", []string{"03-10 refuse: x"}, "03-24", NoCard, 9},
	} {
		c, err := play(t, begin(t, k.kind, "03-09"), k.steps...)
		if err != nil {
			t.Errorf("%s: %v", k.name, err)
			continue
		}
		got := clock(t, c, k.now, k.clock)
		if last := calendar.DateOf(got.Due - 1).String()[5:]; last != k.last || got.Card != k.card || got.Remaining != k.remaining {
			t.Errorf("%s: until %s, card %q, %d left; want %s %q %d", k.name, last, got.Card, got.Remaining, k.last, k.card, k.remaining)
		}
	}
}

func TestAPausedClockHasNoEnd(t *testing.T) {
	c, err := play(t, begin(t, "承诺", "03-09"), "03-10 accept", "03-10 handle", "03-12 suspend(2): 听证")
	if err != nil {
		t.Fatal(err)
	}
	if got := clock(t, c, "06-01", "statutory"); !got.Paused || got.Due != 0 || got.Card != NoCard {
		t.Errorf("%+v", got)
	}
}

func TestPromisedAndStatutoryAreTwoClocks(t *testing.T) {
	kind, _ := ParseKind("承诺")
	c := Begin(kind, noon(t, "03-09"), calendar.Term{Count: 5, Unit: calendar.WorkingDay})
	c, err := play(t, c, "03-09 accept")
	if err != nil {
		t.Fatal(err)
	}
	if got := clock(t, c, "03-17", "promised"); got.Card != Red {
		t.Errorf("promised: %+v", got)
	}
	if got := clock(t, c, "03-17", "statutory"); got.Card != NoCard {
		t.Errorf("statutory: %+v", got)
	}
	for unit, want := range map[calendar.Unit]string{calendar.CalendarDay: "03-16", calendar.Month: "04-09"} {
		c.Promised = calendar.Term{Count: map[calendar.Unit]int{calendar.CalendarDay: 5, calendar.Month: 1}[unit], Unit: unit}
		if got := clock(t, c, "03-10", "promised"); calendar.DateOf(got.Due - 1).String()[5:] != want {
			t.Errorf("%s: %s", c.Promised, calendar.DateOf(got.Due-1))
		}
	}
	c.Promised = calendar.Term{Count: 2, Unit: calendar.Hour}
	c.Pauses = []Pause{{From: c.Accepted, To: c.Accepted + 1000}}
	if got := clock(t, c, "03-09", "promised"); got.Due != c.Accepted+7_201_000 {
		t.Errorf("two hours and a pause: %d", got.Due-c.Accepted)
	}
}

func TestWithoutTheYearThereIsNoClock(t *testing.T) {
	c, err := play(t, begin(t, "承诺", "12-08"), "12-10 accept")
	if err != nil {
		t.Fatal(err)
	}
	var missing *calendar.MissingYearError
	if _, err = Clocks(c, noon(t, "12-20"), rules(t)); !errors.As(err, &missing) || missing.Year != 2027 {
		t.Error(err)
	}
	if _, err = play(t, begin(t, "承诺", "12-31"), "12-31 accept"); !errors.As(err, &missing) {
		t.Error(err)
	}
}

func TestNextLeavesTheOldCaseAsItWas(t *testing.T) {
	c, _ := play(t, begin(t, "承诺", "03-09"), "03-10 accept", "03-10 handle", "03-12 suspend(2): x")
	before := c.Pauses[0]
	if _, err := play(t, c, "03-13 resume"); err != nil || c.Pauses[0] != before || !c.Pauses[0].Open() {
		t.Errorf("%+v, %v", c.Pauses, err)
	}
}

// Whatever is tried, in whatever order, a case keeps the promises of the law.
func TestNoSequenceOfStepsBreaksTheRules(t *testing.T) {
	r := rules(t)
	rapid.Check(t, func(rt *rapid.T) {
		kind, _ := ParseKind(rapid.SampledFrom([]string{"即办", "承诺", "联办", "上报件", "备案"}).Draw(rt, "kind"))
		c, now := Begin(kind, noon(t, "01-05"), calendar.Term{}), noon(t, "01-05")
		notices := 0
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			now += exchange.Time(rapid.IntRange(0, 5).Draw(rt, "days")) * 86_400_000
			s := Step{
				Action: Action(rapid.IntRange(0, 11).Draw(rt, "action")), At: now,
				Reason: rapid.SampledFrom([]string{"", "理由"}).Draw(rt, "reason"),
				Code:   rapid.StringMatching(`[0-7]`).Draw(rt, "code"),
			}
			next, err := Next(c, s, r)
			if err != nil {
				continue
			}
			if !slices.Contains(Actions(c.Stage), s.Action) {
				rt.Fatalf("%s in %s", s.Action, c.Stage)
			}
			if s.Action == Notify {
				notices++
			}
			if (s.Action == Refuse || s.Action == Notify) && s.Reason == "" {
				rt.Fatalf("%s without a reason", s.Action)
			}
			c = next
		}
		if notices > 1 || (c.Stage == Handling || c.Stage == Special) && c.Accepted == 0 {
			rt.Fatalf("%d notices, %+v", notices, c)
		}
		for i, p := range c.Pauses {
			if p.Open() != (c.Stage == Special && i == len(c.Pauses)-1) {
				rt.Fatalf("%+v", c)
			}
		}
		if _, err := Clocks(c, now, r); err != nil {
			rt.Fatal(err)
		}
	})
}
