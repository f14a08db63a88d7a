package powercut

import (
	"flag"
	"math/rand/v2"
	"testing"
)

var (
	seedFlag = flag.Uint64("seed", 0, "the seed of the first run; 0: 1")
	runsFlag = flag.Int("runs", 0, "how many seeds; 0: as many as is usual")
)

// seeds lists the seeds of this run of the tests, each of which is played
// again by -seed N -runs 1.
func seeds(usual int) (out []uint64) {
	first, n := uint64(1), usual
	if *seedFlag != 0 {
		first = *seedFlag
	}
	if *runsFlag != 0 {
		n = *runsFlag
	}
	for i := range n {
		out = append(out, first+uint64(i))
	}
	return out
}

func TestPowerIsCut(t *testing.T) {
	if testing.Short() {
		t.Skip("three processes; left out of short runs")
	}
	for _, seed := range seeds(1) {
		cutRun(t, seed)
	}
}

// cutRun cuts power at moments that the seed and the machine choose: one
// replica while the others go on, all at once, and all again before they have
// settled.
func cutRun(t *testing.T, seed uint64) {
	t.Logf("seed %d: go test ./node/test/powercut -run TestPowerIsCut -seed %d -runs 1 -v", seed, seed)
	r := rand.New(rand.NewPCG(seed, 1))
	c := newCounty(t)
	c.StartAll()
	c.traffic(8)
	c.until(10 + r.IntN(60))
	one := c.names[r.IntN(len(c.names))]
	c.cut(r, one)
	c.until(r.IntN(20))
	c.Start(one)
	for range 2 {
		c.until(r.IntN(30))
		c.cut(r, c.names...)
		for _, name := range c.names {
			c.Start(name)
		}
	}
	c.until(10)
	c.settle()
	c.sound()
}
