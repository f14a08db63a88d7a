package sim_test

import (
	"testing"

	"github.com/yizhan-exchange/yizhan/node/test/sim"
)

// TestSeedsWithdrawWhatWasNotSent: the rule that a row is only taken back when no
// leader can have handed it out is worth its seeds only if some are.
func TestSeedsWithdrawWhatWasNotSent(t *testing.T) {
	total := sim.Stats{}
	play(kit(t, ""), 20_000, 200, sim.Options{}, func(r sim.Result) bool {
		total = total.Plus(r.Stats)
		if r.Failure != "" {
			t.Errorf("seed %d: %s\n\t%s", r.Seed, r.Failure, r.Command())
		}
		return total.Voids < 3 && r.Failure == ""
	})
	if total.Voids == 0 {
		t.Errorf("nothing was withdrawn: %+v", total)
	}
}
