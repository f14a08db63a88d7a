//go:build !testclock

package node

import (
	"log/slog"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// machineClock is the clock of a node that was given none. A program built with
// the tag testclock has one that tests can set wrong; this one is the machine's.
func machineClock(string, *slog.Logger) exchange.Clock { return systemTime }
