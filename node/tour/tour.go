// Package tour plays what the exchange is for on a running federation, over the
// API that everybody uses, and holds every step to what it must show: a filing
// up, a document down, refusals, a relay that cannot read, a recall, a retry,
// and evidence that a separate process verifies offline. It is demo --once.
package tour

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/yizhan-exchange/yizhan/exchange/client"
)

// stepLimit bounds one step; whatever takes longer did not happen.
const stepLimit = time.Minute

// Options of a tour.
type Options struct {
	// Client connects as UNIT@DOMAIN of the sample federation.
	Client func(as string) (*client.Client, error)
	// Anchor is the file of the trust anchor.
	Anchor string
	// Verifier is the program that verifies evidence: it is run with
	// "evidence verify --anchor ANCHOR FILE" and exits 0 only if it holds.
	Verifier string
	// Dir is an empty directory for what the tour saves.
	Dir string
	Out io.Writer
}

// scene is one story. When a step of it fails the rest of it is left out.
type scene struct {
	chinese, english string
	steps            []step
}

// step does something and holds it to what must come of it.
type step struct {
	chinese, english string
	play             func(context.Context, *player) error
}

// Result counts what was played.
type Result struct {
	Held    int           `json:"held"`
	Failed  int           `json:"failed"`
	Skipped int           `json:"skipped"`
	Took    time.Duration `json:"took_ns"`
}

// Play plays all scenes and prints each step with ✓ or ✗ and how long it took.
// A step that does not hold is counted, not returned: the error is of a tour
// that could not be played.
func Play(ctx context.Context, o Options) (Result, error) {
	p, err := newPlayer(o)
	if err != nil {
		return Result{}, err
	}
	defer p.close()
	var r Result
	began := time.Now()
	for i, s := range scenes() {
		p.printf("%d  %s  %s\n", i+1, s.chinese, s.english)
		p.playScene(ctx, s, &r)
	}
	r.Took = time.Since(began)
	p.printf("\n%s\n", r)
	return r, ctx.Err()
}

func scenes() []scene {
	return []scene{filing(), document(), refusal(), relay(), recall(), retry(), mistakes(), proof()}
}

func (p *player) playScene(ctx context.Context, s scene, r *Result) {
	for i, st := range s.steps {
		if ctx.Err() != nil || !p.playStep(ctx, st) {
			r.Failed++
			r.Skipped += len(s.steps) - i - 1
			return
		}
		r.Held++
	}
}

func (p *player) playStep(ctx context.Context, s step) bool {
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	began := time.Now()
	err := s.play(ctx, p)
	mark := "✓"
	if err != nil {
		mark = "✗"
	}
	p.printf("   %s %s  %s\n", mark, pad(s.chinese+"  "+s.english, 108), time.Since(began).Round(time.Millisecond))
	if err != nil {
		p.printf("       %s\n", strings.ReplaceAll(err.Error(), "\n", "\n       "))
	}
	return err == nil
}

// String is the summary line.
func (r Result) String() string {
	all := r.Held + r.Failed + r.Skipped
	if r.OK() {
		return fmt.Sprintf("%d 项全部成立，用时 %s  all %d steps held", all, r.Took.Round(time.Millisecond), all)
	}
	return fmt.Sprintf("%d 项中 %d 项不成立，%d 项未进行，用时 %s  %d of %d steps failed, %d left out",
		all, r.Failed, r.Skipped, r.Took.Round(time.Millisecond), r.Failed, all, r.Skipped)
}

// OK reports whether every step held.
func (r Result) OK() bool { return r.Failed+r.Skipped == 0 }

// pad fills with spaces by the width of characters on a terminal.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-runewidth.StringWidth(s), 0))
}
