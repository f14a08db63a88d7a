package demo_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/demo"
	"github.com/yizhan-exchange/yizhan/node/founding"
)

func start(t *testing.T, o demo.Options) *demo.Demo {
	t.Helper()
	o.BasePort = -1
	if os.Getenv("YIZHAN_TEST_LOG") != "" {
		o.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	d, err := demo.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, d) })
	t.Logf("%s: ready after %v", d.Federation.Topology, d.Startup.Round(time.Millisecond))
	return d
}

func stop(t *testing.T, d *demo.Demo) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := d.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestAFederationStartsAndIsContinued(t *testing.T) {
	for _, topology := range []founding.Topology{founding.Separate, founding.Joint} {
		t.Run(string(topology), func(t *testing.T) {
			o := demo.Options{Dir: filepath.Join(t.TempDir(), "f"), Topology: topology}
			d := start(t, o)
			if !d.Made {
				t.Error("a new federation was not made")
			}
			stop(t, d)
			if again := start(t, o); again.Made {
				t.Error("the federation was made a second time")
			}
		})
	}
}

func TestAnotherTopologyInTheSameDirectoryIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "f")
	d := start(t, demo.Options{Dir: dir, Topology: founding.Joint})
	stop(t, d)
	_, err := demo.Start(t.Context(), demo.Options{Dir: dir, Topology: founding.Separate})
	if exchange.CodeOf(err) != exchange.Conflict {
		t.Errorf("got %v", err)
	}
}
