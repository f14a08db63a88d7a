package tour_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/node/demo"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/tour"
)

// binary is the program under test, built once: evidence is verified by a
// process of its own.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tour")
	if err != nil {
		panic(err) // no temporary directory: nothing can be tested
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "yizhan")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/yizhan").CombinedOutput(); err != nil {
		panic(string(out)) // the program does not build
	}
	return m.Run()
}

func play(t *testing.T, topology founding.Topology, provider string) {
	dir := t.TempDir()
	d, err := demo.Start(t.Context(), demo.Options{Dir: filepath.Join(dir, "federation"), Topology: topology, Provider: provider, BasePort: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := d.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	r, err := tour.Play(t.Context(), tour.Options{Client: d.Client, Anchor: d.Anchor(), Verifier: binary, Dir: dir, Out: t.Output()})
	if err != nil || !r.OK() {
		t.Errorf("%v, %v", r, err)
	}
}

func TestEveryStepHoldsWithSeparateNodes(t *testing.T) { play(t, founding.Separate, sm.Emmansun) }

func TestEveryStepHoldsWithJointNodes(t *testing.T) {
	if testing.Short() {
		t.Skip("the separate tour covers the steps; this one the topology")
	}
	play(t, founding.Joint, sm.Emmansun)
}

func TestEveryStepHoldsWithTheOtherProvider(t *testing.T) {
	if testing.Short() {
		t.Skip("tjfoc is many times slower")
	}
	play(t, founding.Separate, sm.TJFOC)
}
