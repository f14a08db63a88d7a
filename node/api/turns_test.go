package api

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheNewestHandshakeGoesFirstAndTheOldestGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := &turns{free: 1}
		if !turns.take(time.Second) {
			t.Fatal("the only one has no turn")
		}
		var order []string
		var mu sync.Mutex
		ended := func(how string) { mu.Lock(); order = append(order, how); mu.Unlock() }
		for _, name := range []string{"oldest", "newest"} {
			go func() {
				if turns.take(3 * time.Second) {
					ended(name)
					time.Sleep(10 * time.Second)
					turns.give()
				} else {
					ended(name + " gave up")
				}
			}()
			synctest.Wait()
		}
		turns.give()
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if len(order) != 2 || order[0] != "newest" || order[1] != "oldest gave up" {
			t.Errorf("got %v", order)
		}
		if turns.free != 1 || len(turns.waiting) != 0 {
			t.Errorf("%d are free, %d wait", turns.free, len(turns.waiting))
		}
	})
}
