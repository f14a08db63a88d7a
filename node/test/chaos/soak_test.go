//go:build soak

package chaos

import (
	"flag"
	"fmt"
	"testing"
	"time"
)

var (
	seed   = flag.Uint64("seed", 1, "the first seed")
	runs   = flag.Int("runs", 1, "how many seeds, from that on")
	kind   = flag.String("kind", "", "the kind of fault; empty is that of the seed")
	faults = flag.Duration("faults", 11*time.Second, "how long things are broken in each run")
	stop   = flag.Bool("first", false, "end with the first seed that fails")
	wide   = flag.Int("province", 1, "replicas of the province")
)

func TestSeeds(t *testing.T) {
	w := NewWorld(t, Shape{County: 3, City: 3, Province: *wide, Clocks: true})
	var results []Result
	for i := range *runs {
		if *stop && t.Failed() {
			break
		}
		p := Plan{Seed: *seed + uint64(i), Kind: Fault(*kind), Faults: *faults}
		t.Run(fmt.Sprint(p.Seed), func(t *testing.T) { results = append(results, w.Run(t, p)) })
	}
	t.Logf("\n%s", Table(results))
}
