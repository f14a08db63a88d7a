package model

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// op is one call of key "k" from begin to end.
func op(begin, end int64, in Input, out Output) porcupine.Operation {
	in.Key = "k"
	return porcupine.Operation{Input: in, Call: begin, Output: out, Return: end}
}

func submit(begin, end int64, content string, out Output) porcupine.Operation {
	return op(begin, end, Input{Kind: Submit, Content: content}, out)
}

func call(begin, end int64, k Kind, out Output) porcupine.Operation {
	return op(begin, end, Input{Kind: k}, out)
}

var (
	first   = Output{Outcome: Done, ID: "1", Receipt: "r"}
	again   = Output{Outcome: Done, ID: "1", Receipt: "r", Replayed: true}
	unknown = Output{Outcome: Unknown}
	absent  = Output{Outcome: Absent}
	refused = Output{Outcome: Conflict}
	done    = Output{Outcome: Done}
)

func told(state string) Output { return Output{Outcome: Done, ID: "1", State: state} }

func settled(state string) Output {
	return Output{Outcome: Done, ID: "1", State: state, Settled: true}
}

func acted(receipt string, replayed bool) Output {
	return Output{Outcome: Done, Receipt: receipt, Replayed: replayed}
}

type histories map[string][]porcupine.Operation

func TestWhatMayHappenIsAccepted(t *testing.T) {
	for name, h := range (histories{
		"a repetition returns the original":              {submit(0, 1, "a", first), submit(2, 3, "a", again)},
		"the key was used for something else":            {submit(0, 1, "a", first), submit(2, 3, "b", refused)},
		"an unknown outcome that was done":               {submit(0, Open, "a", unknown), call(5, 6, Read, told(Accepted)), submit(7, 8, "a", again)},
		"an unknown outcome that was not done":           {submit(0, Open, "a", unknown), submit(7, 8, "a", first)},
		"an unknown outcome that is done much later":     {submit(0, Open, "a", unknown), call(5, 6, Read, absent), submit(7, 8, "a", again)},
		"a library that asks again by itself":            {op(0, 1, Input{Kind: Submit, Content: "a", Twice: true}, again)},
		"a read that overlaps the submission":            {submit(0, 9, "a", first), call(1, 2, Read, absent)},
		"two with other content at once, one wins":       {submit(0, 9, "a", refused), submit(0, 9, "b", first)},
		"a read lags behind":                             {submit(0, 1, "a", first), call(2, 3, Sign, acted("s", false)), call(4, 5, Read, told(Arrived))},
		"signed for, twice, with one receipt":            {submit(0, 1, "a", first), call(2, 3, Sign, acted("s", false)), call(4, 5, Sign, acted("s", true))},
		"a recall that comes too late":                   {submit(0, 1, "a", first), call(2, 9, Sign, acted("s", false)), call(3, 4, Recall, done), call(10, 11, Read, settled(Signed))},
		"a recall in time":                               {submit(0, 1, "a", first), call(3, 4, Recall, done), call(5, 6, Sign, refused), call(10, 11, Read, settled(Recalled))},
		"an unknown recall takes effect":                 {submit(0, 1, "a", first), call(3, Open, Recall, unknown), call(5, 6, Read, settled(Recalled))},
		"an unknown signature takes effect":              {submit(0, 1, "a", first), call(3, Open, Sign, unknown), call(5, 6, Return, refused), call(7, 8, Read, settled(Signed))},
		"nothing was done, as was said":                  {submit(0, 1, "a", Output{Outcome: Nothing}), call(2, 3, Read, absent)},
		"it has not arrived when somebody tries to sign": {submit(0, 1, "a", first), call(2, 3, Sign, absent), call(4, 5, Read, told(Arrived))},
	}) {
		if found := Check(h, time.Minute); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// Every history here is what a defect would show.
func TestWhatMustNotHappenIsRejected(t *testing.T) {
	for name, h := range (histories{
		"an acknowledged submission is lost":                  {submit(0, 1, "a", first), call(2, 3, Read, absent)},
		"an acknowledged submission is done again":            {submit(0, 1, "a", first), submit(2, 3, "a", Output{Outcome: Done, ID: "2", Receipt: "r2"})},
		"a repetition is told another id":                     {submit(0, 1, "a", first), submit(2, 3, "a", Output{Outcome: Done, ID: "2", Receipt: "r", Replayed: true})},
		"a repetition is told another receipt":                {submit(0, 1, "a", first), submit(2, 3, "a", Output{Outcome: Done, ID: "1", Receipt: "r2", Replayed: true})},
		"a repetition is told to be the original":             {submit(0, 1, "a", first), submit(2, 3, "a", first)},
		"other content is taken under a used key":             {submit(0, 1, "a", first), submit(2, 3, "b", again)},
		"a conflict with nothing":                             {submit(0, 1, "a", refused)},
		"a conflict with the same content":                    {submit(0, 1, "a", first), submit(2, 3, "a", refused)},
		"what was not done is known when asked again":         {submit(0, 1, "a", Output{Outcome: Nothing}), submit(2, 3, "a", again)},
		"what was not done is there":                          {submit(0, 1, "a", Output{Outcome: Nothing}), call(2, 3, Read, told(Accepted))},
		"a stale read after the acknowledgement":              {submit(0, 1, "a", first), submit(0, 1, "a", again), call(2, 3, Recall, absent)},
		"signed for twice":                                    {submit(0, 1, "a", first), call(2, 3, Sign, acted("s", false)), call(4, 5, Sign, acted("s2", false))},
		"signed for once, with two receipts":                  {submit(0, 1, "a", first), call(2, 3, Sign, acted("s", false)), call(4, 5, Sign, acted("s2", true))},
		"signed for and returned":                             {submit(0, 1, "a", first), call(2, 3, Sign, acted("s", false)), call(4, 5, Return, acted("t", false))},
		"a recall undoes a signature":                         {submit(0, 1, "a", first), call(2, 3, Sign, acted("s", false)), call(4, 5, Recall, done), call(6, 7, Read, settled(Recalled))},
		"signed for after it was seen to be recalled":         {submit(0, 1, "a", first), call(2, 3, Recall, done), call(4, 5, Read, told(Recalled)), call(6, 7, Sign, acted("s", false))},
		"recalled, and nobody asked":                          {submit(0, 1, "a", first), call(2, 3, Read, told(Recalled))},
		"signed for, and nobody did":                          {submit(0, 1, "a", first), call(2, 3, Read, told(Signed))},
		"a signature is forgotten":                            {submit(0, 1, "a", first), call(2, 3, Sign, acted("s", false)), call(4, 5, Read, settled(Arrived))},
		"it arrived, and then is not there":                   {submit(0, 1, "a", first), call(2, 3, Read, told(Arrived)), call(4, 5, Sign, absent)},
		"it was seen at the recipient, and then is not there": {submit(0, 1, "a", first), call(2, 3, Look, told(Arrived)), call(4, 5, Look, absent)},
		"the recipient sees what was never sent":              {call(2, 3, Look, told(Arrived))},
		"it never arrives":                                    {submit(0, 1, "a", first), call(2, 3, Read, settled(Relayed))},
		"a delivery bounces":                                  {submit(0, 1, "a", first), call(2, 3, Read, told("bounced"))},
		"an unknown outcome is done with two ids":             {submit(0, Open, "a", unknown), call(1, 2, Read, told(Accepted)), submit(3, 4, "a", Output{Outcome: Done, ID: "2", Receipt: "r", Replayed: true})},
	}) {
		if found := Check(h, time.Minute); len(found) == 0 {
			t.Errorf("%s: nobody noticed", name)
		}
	}
}

func TestKeysAreJudgedByThemselves(t *testing.T) {
	history := []porcupine.Operation{submit(0, 1, "a", first), call(2, 3, Read, absent)}
	for i := range 20 { // all at once, unknown: hard for a checker that does not separate them
		in := Input{Kind: Submit, Key: string(rune('A' + i)), Content: "c"}
		history = append(history, porcupine.Operation{Input: in, Call: 0, Output: unknown, Return: Open})
	}
	if found := Check(history, time.Minute); len(found) != 1 {
		t.Errorf("%d violations: %v", len(found), found)
	}
}
