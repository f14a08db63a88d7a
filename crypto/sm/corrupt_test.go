//go:build selftest_corrupt

package sm

import (
	"errors"
	"testing"
)

func TestTheSelfTestNamesThePrimitiveThatIsCorrupted(t *testing.T) {
	both(t, func(t *testing.T, p, w Provider) {
		for _, primitive := range Primitives() {
			t.Setenv(EnvCorrupt, primitive)
			err := SelfTest(p, w)
			if !errors.Is(err, ErrSelfTest) {
				t.Fatalf("%s: %v", primitive, err)
			}
			prefix := "power-on self-test failed: " + primitive + " of provider " + p.Name() + ": "
			if got := err.Error(); len(got) <= len(prefix) || got[:len(prefix)] != prefix {
				t.Errorf("%s: %q", primitive, got)
			}
		}
	})
}

func TestTheSelfTestPassesWhenNothingIsCorrupted(t *testing.T) {
	both(t, func(t *testing.T, p, w Provider) {
		if err := SelfTest(p, w); err != nil {
			t.Error(err)
		}
	})
}
