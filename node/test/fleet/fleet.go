// Package fleet runs a whole federation as separate processes of the real
// binary, for tests that kill them. Nothing in it is used by the product.
package fleet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"

	// The program is built and run as a process, which the test cache does not
	// see: with this import a result is old as soon as the product changes.
	_ "github.com/yizhan-exchange/yizhan/node"
)

// Fleet is one federation in a directory of its own.
type Fleet struct {
	Dir      string
	t        testing.TB
	mu       sync.Mutex
	running  map[string]*process
	configs  map[string]*config.Node
	settings *client.Settings
	programs map[string]string // what runs as a process, when not the program as it is
	env      map[string][]string
	api      map[string]string // the address that clients know
}

type process struct {
	cmd    *exec.Cmd
	output *tail
	ended  chan struct{}
}

var binary = sync.OnceValues(func() (string, error) { return build("") })

// build compiles the program with tags, and those of TagsVariable.
func build(tags string) (string, error) {
	dir, err := os.MkdirTemp("", "yizhan-fleet-")
	if err != nil {
		return "", err
	}
	made.Store(dir, true)
	out := filepath.Join(dir, "yizhan")
	tags = strings.Trim(tags+","+os.Getenv(TagsVariable), ",")
	cmd := exec.Command("go", "build", "-o", out, "-tags", tags, "github.com/yizhan-exchange/yizhan/node/cmd/yizhan")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, b)
	}
	return out, nil
}

// New founds the sample federation, changed as wished, on free ports. Nothing
// runs yet; everything is stopped when the test ends.
func New(t testing.TB, change func(*founding.Federation)) *Fleet {
	t.Helper()
	return NewBy(t, "", change)
}

// NewBy is New, founded by a program: by an older one for an upgrade. "" is
// the code of the test itself.
func NewBy(t testing.TB, founder string, change func(*founding.Federation)) *Fleet {
	t.Helper()
	f := &Fleet{t: t, Dir: filepath.Join(t.TempDir(), "federation"), running: map[string]*process{}, configs: map[string]*config.Node{},
		programs: map[string]string{}, env: map[string][]string{}, api: map[string]string{}}
	declared := founding.Sample()
	declared.BasePort = 0
	if change != nil {
		change(&declared)
	}
	trial, err := f.found(declared, founder)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range trial.Nodes {
		if f.configs[name], err = config.Load(trial.NodeConfig(name)); err != nil {
			t.Fatal(err)
		}
		f.api[name] = f.configs[name].Listen.API
	}
	if f.settings, err = client.LoadConfig(trial.ClientConfig()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.stopAll)
	return f
}

func (f *Fleet) found(declared founding.Federation, founder string) (*founding.Trial, error) {
	if founder == "" {
		return founding.Make(declared, f.Dir)
	}
	text, err := declared.Encode()
	if err != nil {
		return nil, err
	}
	path := f.Dir + ".yaml"
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, err
	}
	if out, err := exec.Command(founder, "init", "--federation", path, "--dir", f.Dir, "--base-port", "0").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return founding.Open(f.Dir)
}

// Save writes the changed configuration of a process.
func (f *Fleet) Save(name string) {
	f.t.Helper()
	if err := f.configs[name].Save(filepath.Join(f.Dir, "nodes", name, "node.yaml")); err != nil {
		f.t.Fatal(err)
	}
}

// Yizhan runs the program to its end and returns what it printed.
func (f *Fleet) Yizhan(args ...string) string {
	f.t.Helper()
	bin, err := binary()
	if err != nil {
		f.t.Fatal(err)
	}
	out, err := exec.Command(bin, args...).CombinedOutput()
	if err != nil {
		f.t.Fatalf("yizhan %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// Names lists the processes, in no order.
func (f *Fleet) Names() []string {
	var out []string
	for name := range f.configs {
		out = append(out, name)
	}
	return out
}

// Config returns the configuration of a process. Changes count after Save.
func (f *Fleet) Config(name string) *config.Node { return f.configs[name] }

// StartAll starts every process and waits until the federation is ready.
func (f *Fleet) StartAll() {
	f.t.Helper()
	for name := range f.configs {
		f.Start(name)
	}
	f.WaitReady(time.Minute)
}

// Start starts one process.
func (f *Fleet) Start(name string) {
	f.t.Helper()
	bin := f.programs[name]
	if bin == "" {
		bin = Program(f.t, "")
	}
	p := &process{cmd: exec.Command(bin, "run", "--config", filepath.Join(f.Dir, "nodes", name, "node.yaml")), output: &tail{}, ended: make(chan struct{})}
	file := f.printer(name)
	printed := io.MultiWriter(p.output, file)
	p.cmd.Stdout, p.cmd.Stderr = printed, printed
	p.cmd.Env = append(os.Environ(), f.env[name]...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.mu.Lock()
	f.running[name] = p
	f.mu.Unlock()
	go func() { _ = p.cmd.Wait(); _ = file.Close(); close(p.ended) }()
}

// Kill ends a process as a crash does: SIGKILL, and nothing is said to anyone.
func (f *Fleet) Kill(name string) { f.signal(name, syscall.SIGKILL) }

// Stop ends a process as an administrator does.
func (f *Fleet) Stop(name string) { f.signal(name, syscall.SIGTERM) }

func (f *Fleet) signal(name string, s syscall.Signal) {
	f.mu.Lock()
	p := f.running[name]
	delete(f.running, name)
	f.mu.Unlock()
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(s)
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// Pid returns the process id of a running process.
func (f *Fleet) Pid(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p := f.running[name]; p != nil {
		return p.cmd.Process.Pid
	}
	return 0
}

func (f *Fleet) stopAll() {
	for name := range f.configs {
		f.mu.Lock()
		p := f.running[name]
		f.mu.Unlock()
		f.Kill(name)
		if f.t.Failed() && p != nil {
			f.t.Logf("last words of %s:\n%s", name, p.output)
		}
	}
}

// Client returns a client for an identity of client.yaml. It is closed when
// the test ends.
func (f *Fleet) Client(as string) *client.Client {
	f.t.Helper()
	conf, err := f.settings.Pick(as)
	if err != nil {
		f.t.Fatal(err)
	}
	c, err := client.Dial(conf)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = c.Close() })
	return c
}

// Domains lists the domains of the federation.
func (f *Fleet) Domains() []exchange.Domain {
	seen := map[exchange.Domain]bool{}
	var out []exchange.Domain
	for _, c := range f.configs {
		for _, d := range c.Domains {
			if !seen[d.Domain] {
				seen[d.Domain] = true
				out = append(out, d.Domain)
			}
		}
	}
	return out
}

// WaitReady waits until every domain can send to every other: it leads, knows
// all units, and has its policy.
func (f *Fleet) WaitReady(patience time.Duration) {
	f.t.Helper()
	deadline := time.Now().Add(patience)
	units := 2 * len(f.Domains())
	for _, d := range f.Domains() {
		c := f.Client("wjw@" + string(d))
		f.Eventually(time.Until(deadline), string(d)+" is ready", func(ctx context.Context) error {
			known, err := c.Units(ctx, "", 0)
			if err != nil {
				return err
			}
			layers, err := c.PolicyStatus(ctx)
			if err == nil && (len(known) < units || len(layers) == 0) {
				err = fmt.Errorf("%d units, %d policy layers", len(known), len(layers))
			}
			return err
		})
	}
}

// Eventually tries until it holds, or fails the test.
func (f *Fleet) Eventually(patience time.Duration, what string, try func(context.Context) error) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			f.t.Fatalf("not after %v: %s: %v", patience, what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// tail keeps the end of what a process prints.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.buf.Len() > 1<<16 {
		t.buf.Next(t.buf.Len() - 1<<15)
	}
	return t.buf.Write(b)
}

func (t *tail) String() string { t.mu.Lock(); defer t.mu.Unlock(); return t.buf.String() }
