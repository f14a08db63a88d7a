package fleet

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	builds     sync.Mutex
	variations = map[string]string{}
	made       sync.Map // directories of programs
)

// Clean removes the programs that were built, when all tests are over.
func Clean() {
	made.Range(func(dir, _ any) bool {
		_ = os.RemoveAll(dir.(string)) // left to the system's own cleaning otherwise
		return true
	})
}

// TagsVariable names further build tags for every program that a test builds:
// so node/test/mutants shows tests a program with a defect.
const TagsVariable = "YIZHAN_TEST_TAGS"

// Program returns the path of the program, built with the tags ("": none).
func Program(t testing.TB, tags string) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	path, done := variations[tags]
	var err error
	switch {
	case done:
	case tags == "":
		path, err = binary()
	default:
		path, err = build(tags)
	}
	if err != nil {
		t.Fatal(err)
	}
	variations[tags] = path
	return path
}

// Command is one run of the program to its end.
type Command struct {
	Program string
	Dir     string        // where it runs; "" is here
	Env     []string      // nil is that of the test; empty is none
	Within  time.Duration // 30 s when zero
}

// Ended is how a run ended.
type Ended struct {
	Status         int // -1 when it had to be killed
	Stdout, Stderr string
}

// patience is how long a run may take that should end by itself, if nothing
// else is said.
const patience = 30 * time.Second

// Run runs the program and waits for its end.
func (c Command) Run(t testing.TB, args ...string) Ended {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(c.Within, patience))
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Program, args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.Dir, c.Env, &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("yizhan %v: %v", args, err)
	}
	return Ended{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// Output returns the file that holds everything a process has printed.
func (f *Fleet) Output(name string) string { return filepath.Join(f.Dir, "nodes", name, "output.log") }

// printer opens it to append.
func (f *Fleet) printer(name string) *os.File {
	file, err := os.OpenFile(f.Output(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		f.t.Fatal(err)
	}
	return file
}

// Running reports whether a process that was started has not ended by itself.
func (f *Fleet) Running(name string) bool {
	f.mu.Lock()
	p := f.running[name]
	f.mu.Unlock()
	if p == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Use says what runs as a process from its next start: "" is the program as it
// is. The environment is added to that of the test.
func (f *Fleet) Use(name, program string, env ...string) {
	f.programs[name], f.env[name] = program, env
}

// During has the fleet report to a part of its test, and stops what it started
// at the end of that.
func (f *Fleet) During(t testing.TB) {
	whole := f.t
	f.t = t
	t.Cleanup(func() { f.stopAll(); f.t = whole })
}

// Pause stops a process where it is (SIGSTOP), and Resume lets it go on.
func (f *Fleet) Pause(name string) { f.tell(name, syscall.SIGSTOP) }

// Resume undoes Pause.
func (f *Fleet) Resume(name string) { f.tell(name, syscall.SIGCONT) }

func (f *Fleet) tell(name string, s syscall.Signal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.running[name]; p != nil {
		_ = p.cmd.Process.Signal(s) // it may have ended
	}
}

// KillTogether kills several at one moment, as the loss of a machine room does.
func (f *Fleet) KillTogether(names ...string) {
	for _, name := range names {
		f.tell(name, syscall.SIGKILL)
	}
	for _, name := range names {
		f.Kill(name)
	}
}

// Words returns the end of what a process that runs has printed.
func (f *Fleet) Words(name string) string {
	b, err := os.ReadFile(f.Output(name))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(b[max(0, len(b)-1<<14):])
}
