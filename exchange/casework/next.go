package casework

import (
	"slices"
	"strings"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/form"
)

const opNext = "casework.next"

// transitions maps an action and the stage it is taken in to the stage after.
var transitions = map[Action]map[Stage]Stage{
	Accept:     {Received: Accepted, Supplemented: Accepted},
	Notify:     {Received: Notified},
	Supplement: {Notified: Supplemented},
	Refuse:     {Received: Refused, Supplemented: Refused},
	Handle:     {Accepted: Handling},
	Suspend:    {Handling: Special},
	Resume:     {Special: Handling},
	Extend:     {Handling: Handling},
	Conclude:   {Received: Concluded, Notified: Concluded, Supplemented: Concluded, Accepted: Concluded, Handling: Concluded},
	Deliver:    {Refused: Delivered, Concluded: Delivered},
}

// Actions lists what may be done in a stage, in the order of the constants.
func Actions(s Stage) []Action {
	var out []Action
	for a := Accept; a <= Deliver; a++ {
		if _, ok := transitions[a][s]; ok {
			out = append(out, a)
		}
	}
	return out
}

// Next returns the case after a step. A step that the stage does not allow is
// an *exchange.Error with code Conflict, one that lacks a reason or names an
// unknown code has code Invalid; both list their problems. A limit that runs
// into a year without data is a *calendar.MissingYearError.
//
// A case about which nothing was told within the time for notice counts as
// accepted from the day it arrived (行政许可法 第三十二条): it can then no longer be
// refused or sent back, and accepting it only puts that on record.
func Next(c Case, s Step, r Rules) (Case, error) {
	to, ok := transitions[s.Action][c.Stage]
	if !ok {
		return c, conflict(wrongStage(c, s))
	}
	if s.At < c.Last {
		return c, conflict(fault("case.step.order"))
	}
	report := form.Report{}
	r.checkStep(&report, c, s)
	if err := report.Problems.Err(opNext); err != nil {
		return c, err
	}
	late, err := r.lapsed(c, s)
	if err != nil {
		return c, err
	}
	if late && s.Action != Accept && s.Action != Conclude {
		return c, conflict(fault("case.step.late"))
	}
	c.Stage, c.Last = to, s.At
	return apply(c, s, late), nil
}

func conflict(f *form.Fault) error {
	p := f.Problem
	p.Field = "action"
	return &exchange.Error{Code: exchange.Conflict, Op: opNext, Message: p.Message, Problems: exchange.Problems{p}}
}

func wrongStage(c Case, s Step) *form.Fault {
	if s.Action == Notify && c.Notified != 0 {
		return fault("case.step.once")
	}
	return fault("case.step.stage", s.Action.Chinese(), c.Stage.Chinese())
}

// needReason are the actions that do not stand without a reason, whatever the
// tables say.
var needReason = []Action{Notify, Refuse, Suspend, Extend}

func (r Rules) checkStep(report *form.Report, c Case, s Step) {
	reasoned := strings.TrimSpace(s.Reason) != ""
	if slices.Contains(needReason, s.Action) && !reasoned {
		report.AddFaults("reason", fault("case.step.reason", s.Action.Chinese()))
	}
	form.CheckNote(report, "reason", s.Reason, form.MaxRemarks)
	switch s.Action {
	case Suspend:
		if _, ok := Lookup(r.Tables.Procedures, s.Code); !ok {
			report.AddFaults("code", fault("case.step.table", "特别程序"))
		}
	case Extend:
		if k, _ := r.Tables.ParseKind(c.Kind); c.Extended || k.Extend.IsZero() {
			report.AddFaults("action", fault("case.step.extend"))
		}
	case Conclude:
		r.checkConclusion(report, c, s, reasoned)
	}
}

func (r Rules) checkConclusion(report *form.Report, c Case, s Step, reasoned bool) {
	end, ok := Lookup(r.Tables.Conclusions, s.Code)
	if !ok {
		report.AddFaults("code", fault("case.step.table", "办结结果"))
	}
	if ok && c.Accepted == 0 && !end.Early {
		report.AddFaults("code", fault("case.step.decision"))
	}
	result, known := Lookup(r.Tables.Results, s.Result)
	if s.Result != "" && !known {
		report.AddFaults("result", fault("case.step.table", "环节结果"))
	}
	switch {
	case reasoned:
	case end.Reason:
		report.AddFaults("reason", fault("case.step.reason", end.Name))
	case result.Reason:
		report.AddFaults("reason", fault("case.step.reason", result.Name))
	}
}

// lapsed reports whether the time for notice had run out when the step was
// taken, with nothing told before. Filings for the record await no decision,
// so the law sets them no such time.
func (r Rules) lapsed(c Case, s Step) (bool, error) {
	if kind, _ := r.Tables.ParseKind(c.Kind); c.Stage != Received || kind.Record {
		return false, nil
	}
	due, err := r.Calendar.Deadline(c.Received, r.Tables.Notice)
	return err == nil && s.At >= due, err
}

// apply writes down what an allowed step changes besides the stage.
func apply(c Case, s Step, late bool) Case {
	c.Pauses = slices.Clone(c.Pauses)
	switch s.Action {
	case Accept:
		c.Accepted = s.At
		if late {
			c.Accepted, c.Deemed = c.Received, true
		}
	case Notify:
		c.Notified = s.At
	case Supplement:
		c.Supplemented = s.At
	case Refuse:
		c.Refused = s.At
	case Suspend:
		c.Pauses = append(c.Pauses, Pause{Procedure: s.Code, From: s.At})
	case Resume:
		c.Pauses[len(c.Pauses)-1].To = s.At
	case Extend:
		c.Extended = true
	case Conclude:
		c.Concluded, c.Conclusion = s.At, s.Code
	case Deliver:
		c.Delivered = s.At
	}
	return c
}
