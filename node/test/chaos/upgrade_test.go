//go:build soak

package chaos

import "testing"

func TestAFederationIsUpgradedUnderTraffic(t *testing.T) {
	w := NewWorld(t, Shape{County: 3, City: 3, Province: 1, Older: true})
	t.Run("standbys first, superior first", func(t *testing.T) { w.Upgrade(t, Upgrade{SuperiorFirst: true}) })
	w.older(t)
	t.Run("leader first, subordinate first", func(t *testing.T) { w.Upgrade(t, Upgrade{LeaderFirst: true}) })
}
