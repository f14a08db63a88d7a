package calendar

import "fmt"

// MissingYearError reports that a count ran into a year without data. The
// answer is to load that year's notice, not to guess.
type MissingYearError struct{ Year int }

// Error implements error.
func (e *MissingYearError) Error() string {
	return fmt.Sprintf("the working days of %d are not loaded", e.Year)
}

// Working reports whether d is a working day (工作日).
func (c *Calendar) Working(d Date) (bool, error) {
	days, ok := c.years[d.Year]
	if !ok {
		return false, &MissingYearError{Year: d.Year}
	}
	if worked, special := days[d]; special {
		return worked, nil
	}
	return !weekend(d), nil
}

// Roll returns d, or the first working day after it (民法典 第二百零三条: a limit
// whose last day is a holiday ends on the day after).
func (c *Calendar) Roll(d Date) (Date, error) {
	for {
		worked, err := c.Working(d)
		if err != nil || worked {
			return d, err
		}
		d = d.AddDays(1)
	}
}

// AddWorkingDays returns the n-th working day after start. The start day does
// not count (民法典 第二百零一条). For n = 0 it returns Roll(start); a negative n
// is an error.
func (c *Calendar) AddWorkingDays(start Date, n int) (Date, error) {
	if n < 0 {
		return Date{}, fmt.Errorf("a limit of %d working days", n)
	}
	if n == 0 {
		return c.Roll(start)
	}
	for d := start; ; {
		d = d.AddDays(1)
		worked, err := c.Working(d)
		if err != nil {
			return Date{}, err
		}
		if worked {
			n--
		}
		if n == 0 {
			return d, nil
		}
	}
}

// AddCalendarDays returns the n-th day after start, rolled forward when it is
// no working day. The start day does not count.
func (c *Calendar) AddCalendarDays(start Date, n int) (Date, error) {
	if n < 0 {
		return Date{}, fmt.Errorf("a limit of %d days", n)
	}
	return c.Roll(start.AddDays(n))
}

// AddMonths returns the same day n months later, or the last day of a shorter
// month, rolled forward when it is no working day.
func (c *Calendar) AddMonths(start Date, n int) (Date, error) {
	if n < 0 {
		return Date{}, fmt.Errorf("a limit of %d months", n)
	}
	return c.Roll(start.AddMonths(n))
}

// Between returns the number of working days after from up to and including
// to; negative when to is the earlier. AddWorkingDays(from, Between(from, to))
// is to whenever to is a working day after from.
func (c *Calendar) Between(from, to Date) (int, error) {
	if to.Before(from) {
		n, err := c.Between(to, from)
		return -n, err
	}
	n := 0
	for d := from; d.Before(to); {
		d = d.AddDays(1)
		worked, err := c.Working(d)
		if err != nil {
			return 0, err
		}
		if worked {
			n++
		}
	}
	return n, nil
}
