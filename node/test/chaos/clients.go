package chaos

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/test/chaos/model"
)

// patience is how long a client waits for an answer before it gives up and
// does something else.
const patience = 2500 * time.Millisecond

// road is a direction of traffic.
type road struct {
	from, to exchange.Unit
	document bool
}

// roads lead up and down, over one step and over two.
var roads = []road{
	{"wjw@320582", "wjw@320500", false},
	{"wjw@320582", "wjw@320000", false},
	{"wjw@320500", "wjw@320000", false},
	{"wjw@320000", "wjw@320582", true},
	{"wjw@320500", "wjw@320582", true},
	{"wjw@320000", "wjw@320500", true},
}

// worker is one client program. It speaks for every unit, so that two workers
// may use one key at once.
type worker struct {
	number int
	h      *history
	rng    *rand.Rand
	units  map[exchange.Unit]*client.Client
	serial int
}

// run does one thing after another until the context ends.
func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		w.act()
		pause(ctx, time.Duration(5+w.rng.IntN(30))*time.Millisecond)
	}
}

// pause spreads the load; nothing depends on it.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (w *worker) act() {
	known := func(it *item) bool { return it.id != "" }
	any := func(*item) bool { return true }
	switch p := w.rng.IntN(100); {
	case p < 45:
		w.submit(w.fresh(), 0)
	case p < 60:
		w.each(any, func(it *item) { w.submit(it, 0) }) // again, or for the first time at once with another
	case p < 63:
		w.each(any, func(it *item) { w.submit(it, 1) })
	case p < 76:
		w.each(known, w.sign)
	case p < 80:
		w.each(known, w.giveBack)
	case p < 85:
		w.each(known, w.recall)
	case p < 93:
		w.each(known, func(it *item) { w.read(it, false) })
	default:
		w.each(known, func(it *item) { w.look(it, false) })
	}
}

func (w *worker) each(allowed func(*item) bool, do func(*item)) {
	if it := w.h.recent(w.rng.IntN, allowed); it != nil {
		do(it)
	}
}

// fresh makes a key that nobody has used.
func (w *worker) fresh() *item {
	w.serial++
	r := roads[w.rng.IntN(len(roads))]
	it := &item{key: fmt.Sprintf("w%d-%d", w.number, w.serial), from: r.from, to: r.to, document: r.document, size: 20 + w.rng.IntN(4000)}
	if w.rng.IntN(20) == 0 {
		it.size = 40<<10 + w.rng.IntN(200<<10) // does not ride in a command
	}
	w.h.add(it)
	return it
}

func title(it *item) string { return "事项 " + it.key }

// submission is what an item says; variant 1 says something else under the
// same key.
func submission(it *item, variant int) (exchange.Submission, []byte) {
	text := fmt.Sprintf("%s/%d ", it.key, variant)
	content := []byte(strings.Repeat(text, 1+it.size/len(text)))
	s := exchange.Submission{Key: it.key, Kind: "case", To: []string{string(it.to)}, Type: "上报件", Title: title(it),
		Files: []exchange.File{{Name: "材料.txt", Size: int64(len(content))}}}
	if it.document {
		s.Kind, s.Type, s.Date = "document", "通知", time.Now().Format("2006年1月2日")
		s.Number = fmt.Sprintf("苏卫发〔%d〕%d号", time.Now().Year(), 1+len(it.key))
		s.Files[0].Main = true
	}
	return s, content
}

func (w *worker) submit(it *item, variant int) { w.submitWithin(it, variant, patience) }

func (w *worker) submitWithin(it *item, variant int, wait time.Duration) exchange.Submitted {
	s, content := submission(it, variant)
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	begin := w.h.now()
	tries := 0
	got, err := w.units[it.from].Submit(ctx, s, func(int) (io.Reader, error) { tries++; return bytes.NewReader(content), nil })
	out := model.Output{Outcome: w.h.outcome(err)}
	if err == nil {
		out.ID, out.Receipt, out.Replayed = got.ID.String(), digestOf(got.Receipt.Signed), got.Replayed
	}
	w.h.record(w.number, begin, it, model.Input{Kind: model.Submit, Content: fmt.Sprint(variant), Twice: tries > 1}, out)
	return got
}

func (w *worker) call(it *item, kind model.Kind, settled bool, do func(ctx context.Context, id string) (model.Output, error)) model.Output {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	begin := w.h.now()
	out, err := do(ctx, w.h.idOf(it))
	out.Outcome, out.Settled = w.h.outcome(err), settled
	if (kind == model.Read || kind == model.Look) && out.Outcome == model.Unknown {
		out.Outcome = model.Nothing // reads leave nothing behind
	}
	w.h.record(w.number, begin, it, model.Input{Kind: kind}, out)
	return out
}

func acted(o exchange.Outcome) model.Output {
	out := model.Output{Replayed: o.Replayed}
	if o.Receipt != nil {
		out.Receipt = digestOf(o.Receipt.Signed)
	}
	return out
}

func (w *worker) sign(it *item) {
	w.call(it, model.Sign, false, func(ctx context.Context, id string) (model.Output, error) {
		o, err := w.units[it.to].Sign(ctx, id)
		return acted(o), err
	})
}

func (w *worker) giveBack(it *item) {
	w.call(it, model.Return, false, func(ctx context.Context, id string) (model.Output, error) {
		o, err := w.units[it.to].Return(ctx, id, "form", "")
		return acted(o), err
	})
}

func (w *worker) recall(it *item) {
	w.call(it, model.Recall, false, func(ctx context.Context, id string) (model.Output, error) {
		o, err := w.units[it.from].Recall(ctx, id, nil, "content")
		return model.Output{State: o.State}, err
	})
}

// read is the sender's.
func (w *worker) read(it *item, settled bool) model.Output {
	return w.track(it, model.Read, it.from, settled)
}

// look is the recipient's.
func (w *worker) look(it *item, settled bool) model.Output {
	return w.track(it, model.Look, it.to, settled)
}

func (w *worker) track(it *item, kind model.Kind, as exchange.Unit, settled bool) model.Output {
	return w.call(it, kind, settled, func(ctx context.Context, id string) (model.Output, error) {
		t, err := w.units[as].Track(ctx, id)
		if err != nil || len(t.Deliveries) == 0 {
			return model.Output{}, err
		}
		return model.Output{ID: t.ID.String(), State: t.Deliveries[0].State}, nil
	})
}
