package calendar

import (
	"fmt"
	"slices"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// Unit is a unit of legal time.
type Unit uint8

// Units of terms.
const (
	WorkingDay  Unit = iota + 1 // 工作日
	CalendarDay                 // 自然日
	Hour                        // 小时
	Minute                      // 分钟
	Month                       // 月
)

var (
	unitNames   = [...]string{"", "working_day", "day", "hour", "minute", "month"}
	unitChinese = [...]string{"", "个工作日", "日", "小时", "分钟", "个月"}
)

// String returns the English name used in data files.
func (u Unit) String() string {
	if int(u) < len(unitNames) {
		return unitNames[u]
	}
	return ""
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (u *Unit) UnmarshalText(b []byte) error {
	i := slices.Index(unitNames[1:], string(b))
	if i < 0 {
		return fmt.Errorf("unknown unit of time %q", b)
	}
	*u = Unit(i + 1)
	return nil
}

// Term is a length of legal time, such as 20 working days. The zero Term is
// unset.
type Term struct {
	Count int  `yaml:"count"`
	Unit  Unit `yaml:"unit"`
}

// maxCount keeps a term within a lifetime; it is about error, not policy.
const maxCount = 1 << 20

// Valid reports whether the term can be counted.
func (t Term) Valid() bool {
	return t.Count > 0 && t.Count <= maxCount && t.Unit.String() != ""
}

// IsZero reports whether the term is unset.
func (t Term) IsZero() bool { return t == Term{} }

// Chinese returns the words of a clerk: 20个工作日.
func (t Term) Chinese() string {
	if int(t.Unit) >= len(unitChinese) {
		return ""
	}
	return fmt.Sprintf("%d%s", t.Count, unitChinese[t.Unit])
}

// String returns "20 working_day".
func (t Term) String() string { return fmt.Sprintf("%d %s", t.Count, t.Unit) }

// Deadline returns the first instant at which a term that began at start is
// missed: the end of its last day for days and months, which are rolled over
// holidays; the exact time for hours and minutes, which are not.
func (c *Calendar) Deadline(start exchange.Time, term Term) (exchange.Time, error) {
	if !term.Valid() {
		return 0, fmt.Errorf("a term of %s cannot be counted", term)
	}
	var last Date
	var err error
	switch day := DateOf(start); term.Unit {
	case Hour:
		return start.Add(time.Duration(term.Count) * time.Hour), nil
	case Minute:
		return start.Add(time.Duration(term.Count) * time.Minute), nil
	case WorkingDay:
		last, err = c.AddWorkingDays(day, term.Count)
	case CalendarDay:
		last, err = c.AddCalendarDays(day, term.Count)
	case Month:
		last, err = c.AddMonths(day, term.Count)
	}
	if err != nil {
		return 0, err
	}
	return last.End(), nil
}
