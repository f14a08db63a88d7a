package chaos

import (
	"testing"

	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

func TestMain(m *testing.M) {
	m.Run()
	fleet.Clean()
}
