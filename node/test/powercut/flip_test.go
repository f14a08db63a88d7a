//go:build soak

package powercut

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/node/check"
)

// TestBitsAreFlipped flips bits on one replica after the other.
func TestBitsAreFlipped(t *testing.T) {
	for _, seed := range seeds(3) {
		flipRun(t, seed)
	}
}

// flipRun stops a replica, flips bits in one kind of its files, and starts it
// again under traffic. The others go on, nothing acknowledged is lost, and what
// the replica serves, if it serves, is right: at the end it is checked like the
// others, or it has refused to start, or has stopped by itself.
func flipRun(t *testing.T, seed uint64) {
	t.Logf("seed %d: go test -tags soak ./node/test/powercut -run TestBitsAreFlipped -seed %d -runs 1 -v", seed, seed)
	r := rand.New(rand.NewPCG(seed, 3))
	parts := []string{"/log/", "/state/state.db", "/chunks/"}
	part := parts[seed%3]
	c := newCounty(t)
	c.StartAll()
	c.traffic(4)
	c.until(40)
	victim := c.names[r.IntN(len(c.names))]
	c.Kill(victim)
	for range 3 {
		where, ok := c.places[victim].Disk.Flip(r, part)
		if !ok {
			t.Fatalf("nothing to flip in %s", part)
		}
		t.Logf("%s: %s", victim, where)
	}
	c.places[victim].Put(c.places[victim].Disk) // nothing of it is cached
	c.Start(victim)
	c.until(20)
	time.Sleep(time.Second) // it may take a moment to find out; that it does not is no failure
	refused := !c.Running(victim)
	c.settle()
	if part == "/chunks/" && refused {
		t.Error("a damaged chunk is no reason not to start")
	}
	if part != "/chunks/" {
		t.Logf("%s refused to start: %v\n%s", victim, refused, c.Words(victim))
		c.names = without(c.names, victim) // it is replaced; the others have to be sound without it
	}
	c.sound(func(r *check.Report, found check.Finding) bool {
		return string(r.Replica) == victim && found.Code == check.ContentDamaged // noticed, and mended when it is scrubbed
	})
}

func without(names []string, name string) (out []string) {
	for _, n := range names {
		if n != name {
			out = append(out, n)
		}
	}
	return out
}
