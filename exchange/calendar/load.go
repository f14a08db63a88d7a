package calendar

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed data/*.yaml
var builtinData embed.FS

// Calendar knows the working days of the years it has data for. It is not
// changed after it is loaded and may be shared.
type Calendar struct {
	years map[int]year
}

// year maps the days that differ from the week to whether they are worked.
type year map[Date]bool

// Builtin returns the calendar of the years that come with the program.
func Builtin() (*Calendar, error) { return builtin() }

var builtin = sync.OnceValues(func() (*Calendar, error) {
	names, err := fs.Glob(builtinData, "data/*.yaml")
	if err != nil {
		return nil, err
	}
	var notices [][]byte
	for _, name := range names {
		b, err := fs.ReadFile(builtinData, name)
		if err != nil {
			return nil, err
		}
		notices = append(notices, b)
	}
	return Load(notices...)
})

// notice is one year's arrangement as the State Council's office publishes it.
type notice struct {
	Year   int
	Source string
	Off    []struct {
		Name     string
		From, To Date
	}
	Worked []Date
}

// Load reads one notice a year, in the form of data/2026.yaml. A year given
// twice, a day outside its year, a holiday that is also worked and a make-up
// day that is no weekend are errors.
func Load(notices ...[]byte) (*Calendar, error) {
	c := &Calendar{years: map[int]year{}}
	for _, data := range notices {
		if err := c.add(data); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// With returns a calendar that also knows further years. A year that is
// already known is replaced, as when a notice is amended.
func (c *Calendar) With(notices ...[]byte) (*Calendar, error) {
	added, err := Load(notices...)
	if err != nil {
		return nil, err
	}
	for y, days := range c.years {
		if _, replaced := added.years[y]; !replaced {
			added.years[y] = days
		}
	}
	return added, nil
}

func (c *Calendar) add(data []byte) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	var n notice
	if err := dec.Decode(&n); err != nil {
		return fmt.Errorf("reading a year of working days: %w", err)
	}
	if _, twice := c.years[n.Year]; twice || n.Year < 1949 || n.Year > 9998 {
		return fmt.Errorf("working days: year %d is given twice or out of range", n.Year)
	}
	days := year{}
	for _, h := range n.Off {
		if h.To.Before(h.From) || h.From.DaysUntil(h.To) > 31 {
			return fmt.Errorf("working days of %d: the holiday from %s does not end in order", n.Year, h.From)
		}
		for d := h.From; !h.To.Before(d); d = d.AddDays(1) {
			if err := days.set(n.Year, d, false); err != nil {
				return err
			}
		}
	}
	for _, d := range n.Worked {
		if !weekend(d) {
			return fmt.Errorf("working days of %d: the make-up day %s is no weekend", n.Year, d)
		}
		if err := days.set(n.Year, d, true); err != nil {
			return err
		}
	}
	c.years[n.Year] = days
	return nil
}

func (y year) set(number int, d Date, worked bool) error {
	if _, twice := y[d]; twice || d.Year != number {
		return fmt.Errorf("working days of %d: %s is listed twice or outside the year", number, d)
	}
	y[d] = worked
	return nil
}

func weekend(d Date) bool {
	return d.Weekday() == time.Saturday || d.Weekday() == time.Sunday
}

// Years lists the years there is data for, in order.
func (c *Calendar) Years() []int {
	out := make([]int, 0, len(c.years))
	for y := range c.years {
		out = append(out, y)
	}
	slices.Sort(out)
	return out
}
