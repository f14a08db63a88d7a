//go:build soak

package chaos

import (
	"testing"

	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

func TestAFederationIsUpgradedUnderTraffic(t *testing.T) {
	w := NewWorld(t, Shape{County: 3, City: 3, Province: 1, Older: true})
	t.Run("standbys first, superior first", func(t *testing.T) { w.Upgrade(t, Upgrade{SuperiorFirst: true}) })
	w.older(t)
	t.Run("leader first, subordinate first", func(t *testing.T) { w.Upgrade(t, Upgrade{LeaderFirst: true}) })
}

// older has every process run the older program again: its data are those of
// the beginning.
func (w *World) older(t testing.TB) {
	for _, name := range w.all() {
		w.fleet.Use(name, fleet.Program(t, "older"))
	}
}
