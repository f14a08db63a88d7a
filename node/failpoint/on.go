//go:build failpoints

package failpoint

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Enabled says whether this program was built with failpoints.
const Enabled = true

// plan is what YIZHAN_FAILPOINT asks for.
type plan struct {
	name   Name
	action string
	at     int
}

var (
	read = sync.OnceValues(func() (plan, error) { return parse(os.Getenv("YIZHAN_FAILPOINT")) })
	mu   sync.Mutex
	hits = map[Name]int{}
)

func parse(text string) (p plan, err error) {
	if text == "" {
		return p, nil
	}
	name, rest, _ := strings.Cut(text, "=")
	action, at, counted := strings.Cut(rest, "@")
	p = plan{Name(name), action, 1}
	if counted {
		p.at, err = strconv.Atoi(at)
	}
	if err != nil || !slices.Contains(Names(), p.name) || !slices.Contains([]string{"kill", "eio", "enospc", "pause"}, action) {
		return p, fmt.Errorf("YIZHAN_FAILPOINT: %q is not NAME=kill|eio|enospc|pause[@N]", text)
	}
	return p, nil
}

// Hit says that the program has come to name: it may not return, and the error
// that it returns is to be taken for one of the disk.
func Hit(name Name) error {
	p, err := read()
	if err != nil {
		panic(err) // of a test's own: nothing to go on with
	}
	mu.Lock()
	hits[name]++
	n := hits[name]
	mu.Unlock()
	if n == 1 {
		record(name)
	}
	if name != p.name || n != p.at {
		return nil
	}
	defer record(name + ".done")
	switch p.action {
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "pause":
		time.Sleep(3 * time.Second)
		return nil
	case "enospc":
		return fmt.Errorf("failpoint %s: %w", name, syscall.ENOSPC)
	}
	return fmt.Errorf("failpoint %s: %w", name, syscall.EIO)
}

// record leaves an empty file for each moment reached, for the test that sees
// that all are.
func record(name Name) {
	if dir := os.Getenv("YIZHAN_FAILPOINT_RECORD"); dir != "" {
		_ = os.WriteFile(filepath.Join(dir, string(name)), nil, 0o600) // the test misses it then, and says so
	}
}
