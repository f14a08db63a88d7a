//go:build testclock

package node

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
)

// clockFile, in the data directory, says how far the clock of this node is off:
// a duration such as -7s or 48h. Missing or empty is not at all. It may be
// changed while the node runs; write it under another name and rename it.
const clockFile = "YIZHAN_TEST_CLOCK"

// clockRead is how often the file is looked at.
const clockRead = 20 * time.Millisecond

// machineClock is a clock that fault tests set wrong without touching the
// machine's. Everything that asks a node for the time gets this one.
func machineClock(data string, log *slog.Logger) exchange.Clock {
	c := &shiftedClock{path: filepath.Join(data, clockFile), log: log}
	log.Warn("built with the tag testclock: the clock can be set wrong", slog.String("by", c.path))
	return c.now
}

type shiftedClock struct {
	path string
	log  *slog.Logger

	mu   sync.Mutex // guards the rest
	read time.Time
	off  time.Duration
}

func (c *shiftedClock) now() exchange.Time { return systemTime().Add(c.offset()) }

func (c *shiftedClock) offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.read.IsZero() && time.Since(c.read) < clockRead {
		return c.off
	}
	c.read = time.Now()
	off, err := readOffset(c.path)
	switch {
	case err != nil:
		c.log.Error("the test clock cannot be read; the offset before stays", slog.Any("error", err))
	case off != c.off:
		c.log.Warn("the clock is set off", slog.Duration("by", off))
		c.off = off
	}
	return c.off
}

func readOffset(path string) (time.Duration, error) {
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return 0, nil
	}
	text := strings.TrimSpace(string(b))
	if err != nil || text == "" {
		return 0, err
	}
	return time.ParseDuration(text)
}
