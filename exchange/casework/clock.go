package casework

import (
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/calendar"
)

// Card is the mark of electronic supervision (电子监察) on a clock.
type Card uint8

// Cards.
const (
	NoCard Card = iota
	Yellow      // 黄牌: the end is near
	Red         // 红牌: overdue
)

var cardNames = [...]string{"", "yellow", "red"}

// String returns the English word, "" for none.
func (c Card) String() string { return word(cardNames[:], uint8(c)) }

// Clock is one limit of a case. The promised and the statutory limit are two
// clocks; neither replaces the other.
type Clock struct {
	Name      string        // "notice", "statutory", "promised" or "delivery"
	Chinese   string        // 一次性告知期限, 法定期限, 承诺期限, 送达期限
	Clause    string        // "行政许可法 第四十二条第一款"
	Term      calendar.Term // with an extension included
	Started   exchange.Time
	Stopped   exchange.Time // 0 while it runs
	Due       exchange.Time // the first instant that is late; 0 while paused
	Paused    bool          // a special procedure is running, its end unknown
	Remaining int           // working days left, the last day included; negative when overdue
	Card      Card
}

// Deemed reports when a case is accepted by lapse of time: nothing was told or
// decided within the time for notice, so that it counts as accepted from the
// day it arrived (行政许可法 第三十二条第一款第四项). It has not lapsed when ok is
// false.
func Deemed(c Case, now exchange.Time, r Rules) (accepted exchange.Time, ok bool, err error) {
	late, err := r.lapsed(c, Step{At: now})
	if err != nil || !late {
		return 0, false, err
	}
	return c.Received, true, nil
}

// Clocks returns the clocks that have begun, in the order notice, statutory,
// promised, delivery, as they stand at now. The error is a
// *calendar.MissingYearError when a limit runs into a year without data.
func Clocks(c Case, now exchange.Time, r Rules) ([]Clock, error) {
	var out []Clock
	for _, k := range r.begun(c, now) {
		k, err := r.read(k, c, now)
		if err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, nil
}

// begun lists the clocks that have started, without their ends.
func (r Rules) begun(c Case, now exchange.Time) []Clock {
	kind, _ := r.Tables.ParseKind(c.Kind)
	var out []Clock
	if !kind.Record {
		out = append(out, Clock{
			Name: "notice", Chinese: "一次性告知期限", Clause: "行政许可法 第三十二条第一款第四项",
			Term: r.Tables.Notice, Started: c.Received, Stopped: told(c),
		})
	}
	start := c.Accepted
	if at, ok, err := Deemed(c, now, r); err == nil && ok {
		start = at
	}
	if start != 0 && !kind.Limit.IsZero() {
		limit := kind.Limit
		if c.Extended {
			limit.Count += kind.Extend.Count
		}
		out = append(out, Clock{Name: "statutory", Chinese: "法定期限", Clause: kind.Clause, Term: limit, Started: start, Stopped: c.Concluded})
	}
	if start != 0 && !c.Promised.IsZero() {
		out = append(out, Clock{Name: "promised", Chinese: "承诺期限", Term: c.Promised, Started: start, Stopped: c.Concluded})
	}
	if decided := max(c.Concluded, c.Refused); decided != 0 {
		out = append(out, Clock{
			Name: "delivery", Chinese: "送达期限", Clause: "行政许可法 第四十四条",
			Term: r.Tables.Delivery, Started: decided, Stopped: c.Delivered,
		})
	}
	return out
}

// told returns when the notice clock stopped: at the first answer.
func told(c Case) exchange.Time {
	for _, t := range []exchange.Time{c.Notified, c.Refused, c.Accepted, c.Concluded} {
		if t != 0 {
			return t
		}
	}
	return 0
}

// read computes the end of a clock and its card.
func (r Rules) read(k Clock, c Case, now exchange.Time) (Clock, error) {
	counted := k.Name == "statutory" || k.Name == "promised"
	if counted && len(c.Pauses) > 0 && c.Pauses[len(c.Pauses)-1].Open() {
		k.Paused = true
		return k, nil
	}
	var pauses []Pause
	if counted {
		pauses = c.Pauses
	}
	var err error
	if k.Due, err = r.due(k.Started, k.Term, pauses); err != nil {
		return k, err
	}
	end := now
	if k.Stopped != 0 {
		end = k.Stopped
	}
	last := calendar.DateOf(k.Due - 1)
	if k.Remaining, err = r.Calendar.Between(calendar.DateOf(end), last); err != nil {
		return k, err
	}
	k.Card = r.card(k, end)
	if k.Name == "notice" && c.Deemed {
		k.Card = Red
	}
	return k, nil
}

func (r Rules) card(k Clock, end exchange.Time) Card {
	days := k.Term.Unit != calendar.Hour && k.Term.Unit != calendar.Minute
	switch {
	case end >= k.Due:
		return Red
	case k.Stopped == 0 && days && k.Remaining <= r.Tables.Cards.Yellow:
		return Yellow
	}
	return NoCard
}

// due is the end of a term of which the pauses do not count.
func (r Rules) due(start exchange.Time, term calendar.Term, pauses []Pause) (exchange.Time, error) {
	switch term.Unit {
	case calendar.Hour, calendar.Minute:
		end, err := r.Calendar.Deadline(start, term)
		for _, p := range pauses {
			end += p.To - p.From
		}
		return end, err
	case calendar.WorkingDay:
		for _, p := range pauses {
			n, err := r.Calendar.Between(calendar.DateOf(p.From), calendar.DateOf(p.To))
			if err != nil {
				return 0, err
			}
			term.Count += n
		}
		return r.Calendar.Deadline(start, term)
	}
	last := calendar.DateOf(start).AddDays(term.Count)
	if term.Unit == calendar.Month {
		last = calendar.DateOf(start).AddMonths(term.Count)
	}
	for _, p := range pauses {
		last = last.AddDays(calendar.DateOf(p.From).DaysUntil(calendar.DateOf(p.To)))
	}
	last, err := r.Calendar.Roll(last)
	return last.End(), err
}
