package chaos

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/ledger"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// Upgrade is an order in which a federation that runs the older program is
// brought to the newest, under traffic.
type Upgrade struct {
	LeaderFirst   bool // inside a domain; otherwise standbys first, as operators are told
	SuperiorFirst bool
}

const olderLevel = ledger.FeatureLevel - 1

// Upgrade upgrades domain after domain and replica after replica, takes one
// replica back to the older program when it is too late, and forward again.
// What clients were told is judged as after faults.
func (w *World) Upgrade(t testing.TB, u Upgrade) Result {
	newest := fleet.Program(t, "")
	older := fleet.Program(t, "older")
	domains := slices.Clone(levels)
	if u.SuperiorFirst {
		slices.Reverse(domains)
	}
	return w.Run(t, Plan{Seed: 1, Kind: Mixed, script: func(b *breaker) {
		for n, d := range domains {
			for i, name := range w.order(d, u.LeaderFirst) {
				if level := w.level(t, d); level != olderLevel {
					t.Errorf("%s is at level %d with %d of %d replicas upgraded", d, level, i, len(w.replicas[d]))
				}
				b.log("%s gets the newest program", name)
				w.replace(t, name, newest)
			}
			w.raised(t, d)
			b.log("%s is at level %d, and %d domains are not", d, ledger.FeatureLevel, len(domains)-1-n)
		}
		w.tooLate(t, b, w.replicas[county][0], older, newest)
	}})
}

// order lists the replicas of a domain with its leader first or last.
func (w *World) order(d exchange.Domain, leaderFirst bool) []string {
	leader := w.leader(d)
	rest := slices.DeleteFunc(slices.Clone(w.replicas[d]), func(name string) bool { return name == leader })
	switch {
	case leader == "":
		return rest
	case leaderFirst:
		return append([]string{leader}, rest...)
	}
	return append(rest, leader)
}

// replace stops a replica as an administrator does, and starts another program
// in its place. It returns when the replica has caught up.
func (w *World) replace(t testing.TB, name, program string) {
	t.Helper()
	w.fleet.Stop(name)
	w.fleet.Use(name, program)
	w.fleet.Start(name)
	d := w.fleet.Config(name).Domains[0].Domain
	w.fleet.Eventually(restLimit, name+" has caught up", func(ctx context.Context) error {
		lead, err := w.fleet.LeaderStatus(ctx, d)
		if err != nil {
			return err
		}
		here, err := w.fleet.StatusAt(ctx, d, name)
		if err == nil && (here.AppliedIndex+50 < lead.CommitIndex || here.StoppedBecause != "") {
			err = fmt.Errorf("it is at %d of %d %s", here.AppliedIndex, lead.CommitIndex, here.StoppedBecause)
		}
		return err
	})
}

// level is the feature level of a domain, as its leader has it.
func (w *World) level(t testing.TB, d exchange.Domain) (level uint32) {
	t.Helper()
	w.fleet.Eventually(restLimit, "the leader of "+string(d), func(ctx context.Context) error {
		s, err := w.fleet.LeaderStatus(ctx, d)
		level = s.FeatureLevel
		return err
	})
	return level
}

// raised waits until a domain uses what all its replicas support.
func (w *World) raised(t testing.TB, d exchange.Domain) {
	t.Helper()
	w.fleet.Eventually(restLimit, "the feature level of "+string(d)+" is raised", func(ctx context.Context) error {
		for _, name := range w.replicas[d] {
			s, err := w.fleet.StatusAt(ctx, d, name)
			if err != nil || s.FeatureLevel != ledger.FeatureLevel {
				return fmt.Errorf("%s is at level %d: %v", name, s.FeatureLevel, err)
			}
		}
		return nil
	})
}

// tooLate puts the older program back where the level was raised. It must not
// serve, must say why, and must leave everything as it is.
func (w *World) tooLate(t testing.TB, b *breaker, name, older, newest string) {
	t.Helper()
	b.log("%s gets the older program again", name)
	w.fleet.Stop(name)
	w.fleet.Use(name, older)
	w.fleet.Start(name)
	w.fleet.Eventually(restLimit, "the older program ends", func(context.Context) error {
		if w.fleet.Running(name) {
			return fmt.Errorf("it runs")
		}
		return nil
	})
	printed, err := os.ReadFile(w.fleet.Output(name))
	for _, words := range []string{fmt.Sprintf("feature level %d", ledger.FeatureLevel), "install the newer version"} {
		if err != nil || !strings.Contains(string(printed), words) {
			t.Errorf("%s does not say %q: %v", name, words, err)
		}
	}
	pause(context.Background(), time.Second) // the others take what comes meanwhile
	w.replace(t, name, newest)
}
