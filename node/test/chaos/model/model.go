// Package model says what clients of an exchange may observe, in a hundred
// lines that share nothing with the product. A history of calls and answers is
// right when porcupine finds an order of the calls, each somewhere between its
// beginning and its end, in which the model gives the same answers.
package model

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// Kind is what was asked for.
type Kind string

// Kinds of calls.
const (
	Submit Kind = "submit"
	Read   Kind = "read" // by the sender
	Look   Kind = "look" // by the recipient
	Sign   Kind = "sign"
	Return Kind = "return"
	Recall Kind = "recall"
)

// Outcome is what came of a call, as its caller was told.
type Outcome string

// Outcomes.
const (
	Done     Outcome = "done"
	Conflict Outcome = "conflict" // refused because of what happened before
	Absent   Outcome = "absent"   // no such exchange
	Nothing  Outcome = "nothing"  // refused for another reason; the caller is told that nothing was done
	Unknown  Outcome = "unknown"  // done, or not done, or done later
)

// States of a delivery that a read may tell. Every other word is a violation.
const (
	Accepted = "accepted"
	Relayed  = "relayed"
	Arrived  = "arrived"
	Signed   = "signed"
	Returned = "returned"
	Recalled = "recalled"
)

// Input is a call about one idempotency key: the unit of everything here,
// because a key stands for one exchange with one recipient.
type Input struct {
	Kind    Kind
	Key     string
	Content string // of a submission
	// Twice is set when the client library sent it more than once on its own:
	// then even the first answer may be told to be a repetition.
	Twice bool
}

// Output is the answer.
type Output struct {
	Outcome  Outcome
	ID       string // of the exchange
	Receipt  string // digest of what was signed: ACCEPTED for a submission, the act's own for an act
	Replayed bool   // told to be a repetition
	State    string // of the delivery, told by a read or a recall
	// Settled is set on a read after everything came to rest: then what is told
	// must be how it is, and not how it was a moment ago.
	Settled bool
}

// state is one key. It is comparable, and the zero value is a key that nobody
// used.
type state struct {
	stored               bool
	content, id, receipt string // "" while no answer has told it
	arrived              bool   // somebody has seen it at the recipient
	asked                bool   // a recall is under way
	end                  string // "", Signed, Returned or Recalled
	act                  string // receipt of the end
}

// Model is what porcupine checks against.
var Model = porcupine.Model{
	Partition: partition,
	Init:      func() any { return state{} },
	Step: func(s, in, out any) (bool, any) {
		next := s.(state)
		ok := next.step(in.(Input), out.(Output))
		return ok, next
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
}

// Open is when a call ends whose outcome is unknown: it may take effect at any
// time, also never.
const Open = math.MaxInt64

// Check holds a history against the model and returns one line for each key
// whose history cannot be explained.
func Check(history []porcupine.Operation, patience time.Duration) (violations []string) {
	deadline := time.Now().Add(patience)
	for _, one := range partition(history) {
		switch porcupine.CheckOperationsTimeout(Model, one, max(time.Until(deadline), time.Millisecond)) {
		case porcupine.Illegal:
			violations = append(violations, explain(one))
		case porcupine.Unknown:
			violations = append(violations, "no verdict in time: "+explain(one))
		}
	}
	return violations
}

func explain(one []porcupine.Operation) string {
	text := "key " + one[0].Input.(Input).Key + " cannot be explained:"
	sorted := slices.Clone(one)
	slices.SortFunc(sorted, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	for _, o := range sorted {
		end := "open"
		if o.Return != Open {
			end = time.Duration(o.Return).Round(time.Microsecond).String()
		}
		text += fmt.Sprintf("\n    client %2d %12v..%-12s %+v -> %+v", o.ClientId, time.Duration(o.Call).Round(time.Microsecond), end, o.Input, o.Output)
	}
	return text
}

func partition(history []porcupine.Operation) [][]porcupine.Operation {
	at := map[string]int{}
	var out [][]porcupine.Operation
	for _, o := range history {
		key := o.Input.(Input).Key
		i, known := at[key]
		if !known {
			i, at[key] = len(out), len(out)
			out = append(out, nil)
		}
		out[i] = append(out[i], o)
	}
	return out
}

func (s *state) step(in Input, out Output) bool {
	if out.Outcome == Nothing {
		return true
	}
	switch in.Kind {
	case Submit:
		return s.submit(in, out)
	case Read:
		return s.read(out)
	case Look:
		return s.look(out)
	case Sign:
		return s.finish(Signed, out)
	case Return:
		return s.finish(Returned, out)
	case Recall:
		return s.recall(out)
	}
	return false
}

func (s *state) submit(in Input, out Output) bool {
	content := in.Content
	switch {
	case out.Outcome == Conflict:
		return s.stored && s.content != content
	case out.Outcome == Unknown && s.stored:
		return true
	case s.stored && (s.content != content || !out.Replayed):
		return false
	case out.Outcome != Done && out.Outcome != Unknown, !s.stored && out.Replayed && !in.Twice:
		return false
	}
	s.stored, s.content = true, content
	return bind(&s.id, out.ID) && bind(&s.receipt, out.Receipt)
}

func (s *state) read(out Output) bool {
	switch out.Outcome {
	case Unknown:
		return true
	case Absent:
		return !s.stored
	case Done:
		return s.stored && bind(&s.id, out.ID) && s.saw(out)
	}
	return false
}

// look is a read at the recipient, where nothing is before it arrived.
func (s *state) look(out Output) bool {
	switch out.Outcome {
	case Unknown:
		return true
	case Absent:
		return !s.arrived
	case Done:
		s.arrived = true
		return s.stored && bind(&s.id, out.ID) && out.State != Accepted && out.State != Relayed && s.saw(out)
	}
	return false
}

// saw judges a state that was told. A read may lag, so that an earlier state is
// right as well, until all has settled; one that was never reached is not.
func (s *state) saw(out Output) bool {
	switch out.State {
	case Accepted, Relayed:
		return !out.Settled
	case Arrived:
		s.arrived = true
		return !out.Settled || s.end == ""
	case Recalled:
		s.withdraw()
		return s.end == Recalled
	case Signed, Returned:
		return s.end == out.State
	}
	return false
}

// withdraw lets a recall that was asked for take effect, if nothing ended the
// delivery before.
func (s *state) withdraw() {
	if s.asked && s.end == "" {
		s.end = Recalled
	}
}

func (s *state) finish(end string, out Output) bool {
	switch out.Outcome {
	case Absent:
		return !s.arrived
	case Conflict:
		s.withdraw()
		return s.end != "" && s.end != end
	case Unknown:
		if s.stored && s.end == "" {
			s.end, s.arrived = end, true
		}
		return true
	case Done:
		if !s.stored || s.end != "" && (s.end != end || !out.Replayed) {
			return false
		}
		s.end, s.arrived = end, true
		return bind(&s.act, out.Receipt)
	}
	return false
}

func (s *state) recall(out Output) bool {
	switch out.Outcome {
	case Absent:
		return !s.stored
	case Conflict:
		s.withdraw()
		return s.end != ""
	case Unknown:
		s.asked = s.asked || s.stored
		return true
	case Done:
		s.asked = true
		return s.stored && (out.State == "" || s.saw(out))
	}
	return false
}

// bind takes over what an answer tells, or compares it with what an earlier one
// told.
func bind(known *string, told string) bool {
	if *known == "" {
		*known = told
	}
	return told == "" || *known == told
}
