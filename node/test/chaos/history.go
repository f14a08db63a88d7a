package chaos

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/yizhan-exchange/yizhan/crypto"
	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/test/chaos/model"
)

// item is one idempotency key and what its users know.
type item struct {
	key      string
	from, to exchange.Unit
	document bool
	size     int // of its content

	// Guarded by the history.
	id    string
	acked bool
}

// history is what all clients of a run saw. It is safe for concurrent use.
type history struct {
	begin time.Time

	mu         sync.Mutex
	ops        []porcupine.Operation
	items      []*item
	unexpected map[string]int // answers that nobody should get
	counts     map[model.Outcome]int
}

func newHistory() *history {
	return &history{begin: time.Now(), unexpected: map[string]int{}, counts: map[model.Outcome]int{}}
}

func (h *history) now() int64 { return int64(time.Since(h.begin)) }

// record notes one call from its beginning to now.
func (h *history) record(who int, begin int64, it *item, in model.Input, out model.Output) {
	in.Key = it.key
	end := h.now()
	if out.Outcome == model.Unknown {
		end = model.Open
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: who, Input: in, Call: begin, Output: out, Return: end})
	h.counts[out.Outcome]++
	if out.Outcome != model.Done {
		return
	}
	it.acked = it.acked || in.Kind == model.Submit
	if out.ID != "" {
		it.id = out.ID
	}
}

// add makes a key known to all clients.
func (h *history) add(it *item) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.items = append(h.items, it)
}

// recent returns one of the newest items that the choice allows, nil if there
// is none. pick draws below its argument.
func (h *history) recent(pick func(int) int, allowed func(*item) bool) *item {
	h.mu.Lock()
	defer h.mu.Unlock()
	const newest = 60
	var out []*item
	for i := len(h.items) - 1; i >= 0 && len(out) < newest; i-- {
		if allowed(h.items[i]) {
			out = append(out, h.items[i])
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out[pick(len(out))]
}

// all returns the items; they are not to be used while clients run.
func (h *history) all() []*item {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.items
}

// acknowledged counts the keys whose submission was acknowledged until now.
func (h *history) acknowledged() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, it := range h.items {
		if it.acked {
			n++
		}
	}
	return n
}

func (h *history) idOf(it *item) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return it.id
}

// outcome is what an error tells its caller. Unavailable and Exhausted promise
// that nothing was done.
func (h *history) outcome(err error) model.Outcome {
	switch code := exchange.CodeOf(err); {
	case err == nil:
		return model.Done
	case code == exchange.Conflict:
		return model.Conflict
	case code == exchange.NotFound:
		return model.Absent
	case code == exchange.Unavailable, code == exchange.Exhausted:
		return model.Nothing
	case code == exchange.Unknown, errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return model.Unknown
	default:
		h.mu.Lock()
		defer h.mu.Unlock()
		h.unexpected[fmt.Sprintf("%s: %v", code, err)]++
		return model.Unknown
	}
}

func digestOf(s crypto.Signed) string {
	sum := sha256.Sum256(append(append([]byte(nil), s.Bytes...), s.Sig[:]...))
	return hex.EncodeToString(sum[:6])
}
