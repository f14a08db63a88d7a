package sim_test

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/node/test/sim"
)

var (
	seed  = flag.Uint64("seed", 0, "replay this seed and print what happens")
	seeds = flag.Uint64("seeds", 200, "how many seeds TestSeeds plays")
	from  = flag.Uint64("from", 1, "the first of them")
	often []sim.Fault
)

func init() {
	flag.Func("often", "a KIND of fault that every run has, three times as often; may be given again", func(name string) error {
		f, ok := sim.ParseFault(name)
		if !ok {
			return fmt.Errorf("there is no fault %q; there are %v", name, sim.Faults())
		}
		often = append(often, f)
		return nil
	})
}

// TestMain lets garbage wait: a run is short, and everything of it goes at once.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}

func kit(t testing.TB, provider string) sim.Kit {
	t.Helper()
	k, err := sim.NewKit(provider)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// play runs seeds on all cores and returns those that failed, as long as more
// says so.
func play(k sim.Kit, first, count uint64, o sim.Options, each func(sim.Result) (more bool)) {
	var next atomic.Uint64
	var mu sync.Mutex
	var crew sync.WaitGroup
	stop := false
	for range runtime.GOMAXPROCS(0) {
		crew.Go(func() {
			for n := next.Add(1) - 1; n < count; n = next.Add(1) - 1 {
				own := o
				own.Seed = first + n
				r := sim.Run(k, own)
				mu.Lock()
				stop = stop || !each(r)
				over := stop
				mu.Unlock()
				if over {
					return
				}
			}
		})
	}
	crew.Wait()
}

// TestSeeds plays many seeds, or replays one and prints what happens.
func TestSeeds(t *testing.T) {
	k := kit(t, "")
	if *seed != 0 {
		replay(t, k)
		return
	}
	begin, total, failed := time.Now(), sim.Stats{}, 0
	play(k, *from, *seeds, sim.Options{Often: often}, func(r sim.Result) bool {
		total = total.Plus(r.Stats)
		if r.Failure != "" {
			failed++
			needed, _ := sim.Shrink(k, sim.Options{Seed: r.Seed, Often: often})
			t.Errorf("seed %d: %s\n\tit needs %v\n\t%s", r.Seed, r.Failure, needed, r.Command())
		}
		return failed < 5
	})
	t.Logf("%.0f seeds a minute; %+v", float64(*seeds)/time.Since(begin).Minutes(), total)
}

func replay(t *testing.T, k sim.Kit) {
	r := sim.Run(k, sim.Options{Seed: *seed, Often: often, Trace: os.Stderr})
	t.Logf("faults %v; %+v", r.Faults, r.Stats)
	if r.Failure != "" {
		t.Fatal(r.Failure)
	}
}

// TestEveryPlantedBugIsFound plants one bug after the other and plays seeds
// until one of them notices.
func TestEveryPlantedBugIsFound(t *testing.T) {
	k := kit(t, "")
	const most = 100
	for _, bug := range sim.Plants() {
		t.Run(bug.String(), func(t *testing.T) {
			for n := uint64(1); n <= most; n++ {
				if r := sim.Run(k, sim.Options{Seed: n, Plant: bug}); r.Failure != "" {
					t.Logf("seed %d: %s", n, r.Failure)
					return
				}
			}
			t.Errorf("not found in %d seeds", most)
		})
	}
}

// TestASeedIsTheSameEveryTime plays seeds twice and compares all that happened.
func TestASeedIsTheSameEveryTime(t *testing.T) {
	k, again := kit(t, ""), kit(t, "")
	for n := uint64(1); n <= 20; n++ {
		a, b := sim.Run(k, sim.Options{Seed: n, Trace: io.Discard}), sim.Run(again, sim.Options{Seed: n, Trace: io.Discard})
		if a.Trace != b.Trace || a.Stats != b.Stats || a.Trace == [32]byte{} {
			t.Errorf("seed %d: %+v, and again %+v", n, a.Stats, b.Stats)
		}
	}
}

// TestRealCryptography plays a few seeds with each real provider: nothing may
// depend on the one that only pretends.
func TestRealCryptography(t *testing.T) {
	for provider, count := range map[string]uint64{"emmansun": 10, "tjfoc": 1} {
		k := kit(t, provider)
		play(k, *from, count, sim.Options{}, func(r sim.Result) bool {
			if r.Failure != "" {
				t.Errorf("%s: seed %d: %s", provider, r.Seed, r.Failure)
			}
			return true
		})
	}
}

// TestShrinkingNamesTheFaultThatIsNeeded plants a bug that only crashes bring
// out.
func TestShrinkingNamesTheFaultThatIsNeeded(t *testing.T) {
	k := kit(t, "")
	for n := uint64(1); n < 100; n++ {
		o := sim.Options{Seed: n, Plant: sim.AppliedTwice}
		if sim.Run(k, o).Failure == "" {
			continue
		}
		needed, last := sim.Shrink(k, o)
		if last.Failure == "" || len(needed) != 1 || needed[0] != sim.Crash && needed[0] != sim.CrashAll {
			t.Fatalf("seed %d needs %v: %q", n, needed, last.Failure)
		}
		return
	}
	t.Fatal("the bug was not found")
}
