//go:build soak

package powercut

import (
	"testing"
	"time"
)

// TestFullDisks prints how long service took to come back, for each run.
func TestFullDisks(t *testing.T) {
	for _, all := range []bool{false, true} {
		for range seeds(3) {
			stopped, back := fullRun(t, all)
			t.Logf("all disks full: %v; 20 acknowledgements with one full disk took %v; first acknowledgement %v after room was made", all, stopped.Round(time.Millisecond), back.Round(time.Millisecond))
			if back > 10*time.Second {
				t.Errorf("more than 10 s")
			}
		}
	}
}

// TestBitsAreFlipped flips bits on one replica after the other.
func TestBitsAreFlipped(t *testing.T) {
	for _, seed := range seeds(3) {
		flipRun(t, seed)
	}
}
