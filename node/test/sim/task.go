package sim

import (
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// task is a call into the product that other things happen during. It is a
// coroutine: it runs until it pauses, and nothing else runs meanwhile.
type task struct {
	w      *world
	name   string
	next   func() (time.Duration, bool)
	stop   func()
	yield  func(time.Duration) bool
	random *rand.ChaCha8 // what the product draws during this call
}

const parked = time.Duration(-1)

// spawn begins a task at the next opportunity.
func (w *world) spawn(name string, do func()) {
	w.order++
	t := &task{w: w, name: name, random: w.stream(name + "#" + strconv.FormatUint(w.order, 10))}
	t.next, t.stop = iter.Pull(func(yield func(time.Duration) bool) {
		t.yield = yield
		do()
	})
	w.tasks = append(w.tasks, t)
	w.after(0, t.step)
}

// step runs the task up to its next pause.
func (t *task) step() {
	outer := t.w.current
	t.w.current = t
	d, more := t.next()
	t.w.current = outer
	switch {
	case !more:
		i := slices.Index(t.w.tasks, t)
		t.w.tasks = slices.Delete(t.w.tasks, i, i+1)
	case d != parked:
		t.w.after(d, t.step)
	}
}

// pause lets other things happen for a while.
func (w *world) pause(least, most time.Duration) {
	if t := w.current; t != nil && !w.over {
		t.yield(w.between(least, most))
	}
}

// park waits for wake.
func (w *world) park() {
	if t := w.current; t != nil && !w.over {
		t.yield(parked)
	}
}

// wake resumes a parked task after a delay.
func (w *world) wake(t *task, d time.Duration) { w.after(d, t.step) }

// dice is the randomness handed to the product: each task has its own, so that
// what one call draws does not depend on how far another got.
type dice struct{ w *world }

// Read implements io.Reader.
func (d dice) Read(b []byte) (int, error) { return d.w.current.random.Read(b) }
