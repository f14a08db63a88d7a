//go:build !failpoints

package failpoint

// Enabled says whether this program was built with failpoints.
const Enabled = false

// Hit does nothing in a program without the build tag failpoints.
func Hit(Name) error { return nil }
