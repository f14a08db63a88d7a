//go:build !soak

package chaos

import (
	"testing"
	"time"
)

// The long version, with its flags, is built with the tag soak
// instead.
func TestAFederationThatIsBrokenForSecondsLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("five processes; left out of short runs")
	}
	w := NewWorld(t, Shape{County: 3, City: 1, Province: 1})
	r := w.Run(t, Plan{Seed: 1, Kind: Mixed, Faults: 5 * time.Second})
	if r.Acknowledged == 0 {
		t.Error("nothing was acknowledged: nothing was tested")
	}
}
