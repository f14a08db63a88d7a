package test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// lone is a federation of one domain that one process hosts.
type lone struct {
	*founding.Trial
	dir string // of its process
}

func newLone(t *testing.T) lone {
	t.Helper()
	f := founding.Sample()
	f.BasePort, f.Domains = 0, f.Domains[:1]
	f.Domains[0].Replicas = 1
	trial, err := founding.Make(f, filepath.Join(t.TempDir(), "federation"))
	if err != nil {
		t.Fatal(err)
	}
	return lone{trial, filepath.Dir(trial.NodeConfig(trial.Nodes[0]))}
}

func (l lone) path(name ...string) string { return filepath.Join(append([]string{l.dir}, name...)...) }

// change rewrites node.yaml.
func (l lone) change(t *testing.T, how func(*config.Node)) {
	t.Helper()
	n, err := config.Load(l.path("node.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	how(n)
	if err := n.Save(l.path("node.yaml")); err != nil {
		t.Fatal(err)
	}
}

// starts checks that the node gets ready and leaves when it is told to.
func (l lone) starts(t *testing.T, program string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "run", "--config", l.path("node.yaml"))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Errorf("the node said %q, %v", line, err)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("leaving: %v", err)
	}
}

func TestANodeWhoseAlgorithmsAreBrokenDoesNotTouchItsKeys(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program once more; left out of short runs")
	}
	program, l := fleet.Program(t, "selftest_corrupt"), newLone(t)
	keys, hidden := l.path("keys"), l.path("hidden")
	if err := os.Rename(keys, hidden); err != nil { // whoever looks for keys complains of that
		t.Fatal(err)
	}
	for _, provider := range []string{sm.TJFOC, sm.Emmansun} {
		l.change(t, func(n *config.Node) { n.Crypto.Provider = provider })
		for _, primitive := range sm.Primitives() {
			env := append(os.Environ(), "YIZHAN_SELFTEST_CORRUPT="+primitive)
			got := fleet.Command{Program: program, Env: env}.Run(t, "run", "--config", l.path("node.yaml"))
			want := "power-on self-test failed: " + primitive + " of provider " + provider
			if got.Status != 1 || got.Stdout != "" || !strings.Contains(got.Stderr, want) || !strings.Contains(got.Stderr, "nothing was started") {
				t.Errorf("%s: exit status %d\n%s%s", primitive, got.Status, got.Stdout, got.Stderr)
			}
		}
	}
	if _, err := os.Stat(l.path("data")); !os.IsNotExist(err) {
		t.Errorf("a node that did not start left data behind: %v", err)
	}
	if err := os.Rename(hidden, keys); err != nil {
		t.Fatal(err)
	}
	l.starts(t, program)
}
