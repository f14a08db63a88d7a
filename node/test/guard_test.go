package test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// guarded is one domain of three replicas, whose clocks can be set wrong and
// whose state machines can be made to forget.
func guarded(t *testing.T) *fleet.Fleet {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the program once more; left out of short runs")
	}
	f := fleet.New(t, func(f *founding.Federation) { f.Domains = f.Domains[:1] })
	program := fleet.Program(t, "mutant_diverge,testclock")
	for _, name := range f.Names() {
		f.Use(name, program)
	}
	f.StartAll()
	return f
}

// plant writes a file that a mutant program looks for in its data directory.
func plant(t *testing.T, f *fleet.Fleet, process, file, text string) {
	t.Helper()
	path := filepath.Join(f.Config(process).Data, file)
	if err := errors.Join(os.WriteFile(path+".new", []byte(text), 0o600), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}

func submitAt(f *fleet.Fleet, process, key string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err := file(ctx, f.ClientAt("wjw@320000", process), key, "bgs@320000")
	return err
}

func TestAReplicaThatDivergesStopsAndAnswersNobody(t *testing.T) {
	const d = exchange.Domain("320000")
	for _, who := range []string{"a follower", "the leader"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel() // it waits for most of its time
			f := guarded(t)
			leader := f.Leader(d)
			victim, other := leader, ""
			for _, name := range f.Names() {
				if name != leader && who == "a follower" {
					victim = name
				}
			}
			for _, name := range f.Names() {
				if name != victim {
					other = name
				}
			}
			plant(t, f, victim, "YIZHAN_MUTANT_DIVERGE", "")
			if err := submitAt(f, other, "diverges"); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			f.Eventually(time.Minute, victim+" stops", func(ctx context.Context) error {
				if f.Leader(d) == victim {
					return errors.New("it leads")
				}
				return answersNobody(ctx, f, victim)
			})
			t.Logf("%s stopped %s after it diverged", who, time.Since(begun).Round(10*time.Millisecond))
			f.Eventually(time.Minute, "the others go on", func(context.Context) error { return submitAt(f, other, "goes on") })
			f.Kill(victim)
			f.Start(victim)
			f.Eventually(time.Minute, victim+" does not come back", func(ctx context.Context) error { return answersNobody(ctx, f, victim) })
			if text, err := os.ReadFile(f.Output(victim)); err != nil || !strings.Contains(string(text), "stopped at log index") || !strings.Contains(string(text), "yizhan cluster remove") {
				t.Errorf("its log does not say at which index and what to do, %v", err)
			}
		})
	}
}

// answersNobody returns nil when a process answers a unit's question with that
// it has diverged.
func answersNobody(ctx context.Context, f *fleet.Fleet, process string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_, err := f.ClientAt("bgs@320000", process).Units(ctx, "", 0)
	if err == nil || !strings.Contains(err.Error(), "answers nothing any more") {
		return fmt.Errorf("it answers %w", err)
	}
	return nil
}

func TestAReplicaWhoseClockIsWrongDoesNotLeadAndTheLedgersTimeStays(t *testing.T) {
	t.Parallel() // it waits for most of its time
	const d = exchange.Domain("320000")
	f := guarded(t)
	for _, off := range []time.Duration{48 * time.Hour, -30 * time.Second} {
		wrong := f.Leader(d)
		plant(t, f, wrong, "YIZHAN_TEST_CLOCK", off.String())
		f.Eventually(time.Minute, wrong+" gives leadership up", func(ctx context.Context) error {
			if leader := f.Leader(d); leader == wrong {
				return errors.New(leader + " leads")
			}
			return nil
		})
		if err := submitAt(f, f.Leader(d), "by a good clock"+off.String()); err != nil {
			t.Fatal(err)
		}
		status, err := f.LeaderStatus(t.Context(), d)
		if behind := time.Since(status.LedgerTime.Std()); err != nil || behind.Abs() > 12*time.Hour {
			t.Errorf("with a clock that is off by %s the ledger's time became %s, %v", off, status.LedgerTime.Std(), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err = file(ctx, f.ClientAt("wjw@320000", wrong), "by a wrong clock"+off.String(), "bgs@320000")
		cancel()
		if err == nil || !strings.Contains(err.Error(), "clock of this replica") {
			t.Errorf("a replica whose clock is off by %s answers a submission with %v", off, err)
		}
		plant(t, f, wrong, "YIZHAN_TEST_CLOCK", "0s")
		f.Eventually(time.Minute, wrong+" works again", func(context.Context) error { return submitAt(f, wrong, "by a mended clock"+off.String()) })
	}
}

func TestADomainThatWasOffForLongIsToldThatItsClocksAreRight(t *testing.T) {
	t.Parallel() // it waits for most of its time
	f := guarded(t)
	for _, name := range f.Names() {
		plant(t, f, name, "YIZHAN_TEST_CLOCK", "240h") // as if ten days had gone by
	}
	name := f.Names()[0]
	f.Eventually(time.Minute, "it accepts nothing", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_, err := file(ctx, f.ClientAt("wjw@320000", name), fmt.Sprint("refused-", time.Now().UnixNano()), "bgs@320000")
		if err == nil || !strings.Contains(err.Error(), "yizhan cluster clock") {
			return fmt.Errorf("it says %w", err)
		}
		return nil
	})
	out := f.Yizhan("cluster", "clock", "--config", filepath.Join(f.Dir, "nodes", name, "node.yaml"), "--confirm", "320000")
	if !strings.Contains(out, "at the present time") {
		t.Error(out)
	}
	f.Eventually(time.Minute, "it works", func(context.Context) error { return submitAt(f, name, "accepted") })
}
