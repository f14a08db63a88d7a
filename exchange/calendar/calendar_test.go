package calendar

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/yizhan-exchange/yizhan/exchange"
)

func load(t testing.TB) *Calendar {
	t.Helper()
	c, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func date(t testing.TB, s string) Date {
	t.Helper()
	d, err := ParseDate(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return d
}

func TestTheYear2026IsWorkedAsPublished(t *testing.T) {
	c := load(t)
	off := "01-01 01-02 01-03 02-15 02-16 02-17 02-18 02-19 02-20 02-21 02-22 02-23 04-04 04-05 04-06 " +
		"05-01 05-02 05-03 05-04 05-05 06-19 06-20 06-21 09-25 09-26 09-27 10-01 10-02 10-03 10-04 10-05 10-06 10-07"
	worked := "01-04 02-14 02-28 05-09 09-20 10-10"
	n := 0
	for d := date(t, "2026-01-01"); d.Year == 2026; d = d.AddDays(1) {
		got, err := c.Working(d)
		if err != nil {
			t.Fatal(err)
		}
		day := d.String()[5:]
		weekday := d.Weekday() != time.Saturday && d.Weekday() != time.Sunday
		want := strings.Contains(worked, day) || weekday && !strings.Contains(off, day)
		if got != want {
			t.Errorf("%s: working %v", d, got)
		}
		if got {
			n++
		}
	}
	if n != 248 {
		t.Errorf("2026 has %d working days", n)
	}
}

func TestLimitsAreCountedFromTheDayAfter(t *testing.T) {
	c := load(t)
	for _, k := range []struct {
		start string
		n     int
		want  string
	}{
		{"2026-03-09", 1, "2026-03-10"},
		{"2026-03-09", 5, "2026-03-16"},
		{"2026-03-06", 1, "2026-03-09"}, // a Friday
		{"2026-02-13", 1, "2026-02-14"}, // a worked Saturday
		{"2026-02-14", 1, "2026-02-24"}, // over the Spring Festival
		{"2026-02-16", 1, "2026-02-24"}, // begun on a holiday
		{"2026-09-30", 3, "2026-10-10"},
		{"2026-03-07", 0, "2026-03-09"}, // rolled, not counted
		{"2026-03-09", 0, "2026-03-09"},
		{"2026-04-20", 20, "2026-05-20"},
	} {
		got, err := c.AddWorkingDays(date(t, k.start), k.n)
		if err != nil || got.String() != k.want {
			t.Errorf("%s + %d working days: %s, %v; want %s", k.start, k.n, got, err, k.want)
		}
	}
}

func TestTheLastDayRollsForward(t *testing.T) {
	c := load(t)
	for _, k := range []struct {
		start string
		term  Term
		last  string
	}{
		{"2026-02-10", Term{5, CalendarDay}, "2026-02-24"},
		{"2026-03-02", Term{15, CalendarDay}, "2026-03-17"},
		{"2026-01-31", Term{1, Month}, "2026-02-28"}, // shorter month, worked Saturday
		{"2026-09-02", Term{1, Month}, "2026-10-08"},
		{"2026-03-09", Term{20, WorkingDay}, "2026-04-07"},
	} {
		got, err := c.Deadline(date(t, k.start).Start(), k.term)
		if err != nil || got != date(t, k.last).End() {
			t.Errorf("%s + %s: %s, %v; want the end of %s", k.start, k.term, DateOf(got-1), err, k.last)
		}
	}
}

func TestHoursAndMinutesRunThroughTheNight(t *testing.T) {
	c, start := load(t), date(t, "2026-02-13").End()-1
	for term, want := range map[Term]exchange.Time{{2, Hour}: 7_200_000, {30, Minute}: 1_800_000} {
		if got, err := c.Deadline(start, term); err != nil || got-start != want {
			t.Errorf("%s: %d ms, %v", term, got-start, err)
		}
	}
	for _, term := range []Term{{}, {-1, Hour}, {1, 0}, {1, 9}, {maxCount + 1, WorkingDay}} {
		if _, err := c.Deadline(start, term); err == nil {
			t.Errorf("the term %v was counted", term)
		}
	}
}

func TestWithoutTheYearNothingIsComputed(t *testing.T) {
	c := load(t)
	calls := map[string]func() error{
		"working days":  func() error { _, err := c.AddWorkingDays(date(t, "2026-12-31"), 1); return err },
		"calendar days": func() error { _, err := c.AddCalendarDays(date(t, "2026-12-31"), 1); return err },
		"months":        func() error { _, err := c.AddMonths(date(t, "2026-12-31"), 1); return err },
		"between":       func() error { _, err := c.Between(date(t, "2026-12-31"), date(t, "2027-01-02")); return err },
		"deadline":      func() error { _, err := c.Deadline(date(t, "2026-12-31").Start(), Term{1, Month}); return err },
	}
	for name, call := range calls {
		var missing *MissingYearError
		if err := call(); !errors.As(err, &missing) || missing.Year != 2027 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestADayBeginsAtMidnightInBeijing(t *testing.T) {
	at := exchange.TimeOf(time.Date(2026, 3, 8, 16, 0, 0, 0, time.UTC))
	if got := DateOf(at).String(); got != "2026-03-09" {
		t.Errorf("16:00 UTC is on %s", got)
	}
	if got := DateOf(at - 1).String(); got != "2026-03-08" {
		t.Errorf("a millisecond earlier is on %s", got)
	}
	if d := date(t, "2026-03-09"); d.Start() != at || d.Chinese() != "2026年3月9日" {
		t.Errorf("%s starts at %d", d.Chinese(), d.Start())
	}
}

func TestBetweenUndoesAddWorkingDays(t *testing.T) {
	c := load(t)
	rapid.Check(t, func(t *rapid.T) {
		start := Date{2026, 1, 1}.AddDays(rapid.IntRange(0, 250).Draw(t, "start"))
		n := rapid.IntRange(1, 60).Draw(t, "n")
		end, err := c.AddWorkingDays(start, n)
		if err != nil {
			t.Skip("beyond the year")
		}
		if worked, _ := c.Working(end); !worked {
			t.Fatalf("%s is no working day", end)
		}
		if got, err := c.Between(start, end); err != nil || got != n {
			t.Fatalf("between %s and %s: %d, %v; want %d", start, end, got, err, n)
		}
		if got, _ := c.Between(end, start); got != -n {
			t.Fatalf("backwards: %d", got)
		}
	})
}

func TestDatesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := Date{2000, 1, 1}.AddDays(rapid.IntRange(-200_000, 200_000).Draw(t, "d"))
		got, err := ParseDate(d.String())
		if err != nil || got != d || !d.Valid() || DateOf(d.Start()) != d || DateOf(d.End()-1) != d {
			t.Fatalf("%v became %v, %v", d, got, err)
		}
	})
}

func TestANoticeThatContradictsItselfIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no weekend":     "year: 2026\nworked: [2026-01-05]",
		"another year":   "year: 2026\noff: [{name: x, from: 2025-12-31, to: 2026-01-01}]",
		"twice":          "year: 2026\noff: [{name: x, from: 2026-01-03, to: 2026-01-04}]\nworked: [2026-01-04]",
		"backwards":      "year: 2026\noff: [{name: x, from: 2026-01-03, to: 2026-01-01}]",
		"too long":       "year: 2026\noff: [{name: x, from: 2026-01-01, to: 2026-12-31}]",
		"unknown key":    "year: 2026\nholidays: []",
		"no such day":    "year: 2026\nworked: [2026-02-30]",
		"no year":        "worked: []",
		"not even YAML":  "\x00",
		"empty document": "",
	} {
		if _, err := Load([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAFurtherYearCanBeLoaded(t *testing.T) {
	c, err := load(t).With([]byte("year: 2027\nsource: x\noff: [{name: 元旦, from: 2027-01-01, to: 2027-01-03}]"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.AddWorkingDays(date(t, "2026-12-31"), 1)
	if err != nil || got.String() != "2027-01-04" || len(c.Years()) != 2 {
		t.Errorf("%s, %v, %v", got, err, c.Years())
	}
	if _, err := Load([]byte("year: 2027"), []byte("year: 2027")); err == nil {
		t.Error("a year given twice was accepted")
	}
}

func FuzzParseDate(f *testing.F) {
	f.Add("2026-03-09")
	f.Add("2026-02-30")
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := ParseDate(s); err == nil && d.String() != s {
			t.Errorf("%q was read as %s", s, d)
		}
	})
}
