//go:build testclock

package node

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheClockIsOffByWhatTheFileSays(t *testing.T) {
	c := &shiftedClock{path: filepath.Join(t.TempDir(), clockFile), log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	for _, x := range []struct {
		file string
		off  time.Duration
	}{{"", 0}, {"48h\n", 48 * time.Hour}, {"-7s", -7 * time.Second}, {"soon", -7 * time.Second}, {"", 0}} {
		if err := os.WriteFile(c.path, []byte(x.file), 0o600); err != nil {
			t.Fatal(err)
		}
		c.read = time.Time{} // the file is looked at again
		before, now, after := systemTime(), c.now(), systemTime()
		if now < before.Add(x.off) || now > after.Add(x.off) {
			t.Errorf("%q: the clock says %s at %s, want it %s off", x.file, now.Std(), before.Std(), x.off)
		}
	}
}
