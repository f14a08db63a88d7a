package calendar

import (
	"fmt"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// beijing is UTC+8 all year since 1992, so no time zone database is needed.
var beijing = time.FixedZone("UTC+8", 8*60*60)

// Date is a day in Beijing (UTC+8), without a time of day. The zero Date is
// unset and not valid.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// NewDate makes a date and reports whether the day exists.
func NewDate(year, month, day int) (Date, bool) {
	d := Date{Year: year, Month: time.Month(month), Day: day}
	return d, d.Valid()
}

// DateOf returns the day in Beijing that contains t.
func DateOf(t exchange.Time) Date {
	y, m, d := t.Std().In(beijing).Date()
	return Date{Year: y, Month: m, Day: d}
}

// ParseDate reads the form 2006-01-02.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("a date has the form 2006-01-02 and must exist")
	}
	return dateOf(t), nil
}

func dateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{Year: y, Month: m, Day: d}
}

func (d Date) std() time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, beijing)
}

// Valid reports whether the day exists, in the years 1 to 9999.
func (d Date) Valid() bool {
	return d.Year >= 1 && d.Year <= 9999 && d == dateOf(d.std())
}

// IsZero reports whether the date was never set.
func (d Date) IsZero() bool { return d == Date{} }

// Start returns the first instant of the day.
func (d Date) Start() exchange.Time { return exchange.TimeOf(d.std()) }

// End returns the first instant after the day (24:00). A limit that ends on d
// is kept before End and missed from End on.
func (d Date) End() exchange.Time { return d.AddDays(1).Start() }

// AddDays returns the date n days later, earlier when n is negative.
func (d Date) AddDays(n int) Date { return dateOf(d.std().AddDate(0, 0, n)) }

// AddMonths returns the same day n months later, or that month's last day when
// it is shorter (民法典 第二百零二条).
func (d Date) AddMonths(n int) Date {
	first := Date{Year: d.Year, Month: d.Month, Day: 1}
	target := dateOf(first.std().AddDate(0, n, 0))
	last := dateOf(target.std().AddDate(0, 1, -1))
	target.Day = min(d.Day, last.Day)
	return target
}

// Before reports whether d is earlier than e.
func (d Date) Before(e Date) bool { return d.std().Before(e.std()) }

// DaysUntil returns the number of calendar days from d to e.
func (d Date) DaysUntil(e Date) int { return int(e.std().Sub(d.std()).Hours() / 24) }

// Weekday returns the day of the week.
func (d Date) Weekday() time.Weekday { return d.std().Weekday() }

// String returns the form 2006-01-02.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// Chinese returns the form of documents, 2026年3月9日: Arabic numerals without
// zero padding (GB/T 9704-2012 §7.3.5.4).
func (d Date) Chinese() string { return fmt.Sprintf("%d年%d月%d日", d.Year, d.Month, d.Day) }

// MarshalText implements encoding.TextMarshaler.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Date) UnmarshalText(b []byte) (err error) { *d, err = ParseDate(string(b)); return err }
