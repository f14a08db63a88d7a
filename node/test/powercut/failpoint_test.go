//go:build soak

package powercut

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/exchange/client"
	"github.com/yizhan-exchange/yizhan/node/failpoint"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// received are the moments at which a replica takes the state of another.
var received = map[failpoint.Name]bool{
	failpoint.StageWritten: true, failpoint.StageSynced: true, failpoint.StageRenamed: true, failpoint.StageInstalled: true,
}

// TestEveryMomentIsSurvived starts one replica after the other so that it ends,
// or gets an error of the disk, at one of the moments of package failpoint,
// under traffic. At a kill the power of its disk is cut as well, so that nothing
// is left that was not synced at that moment. A moment that is not reached
// fails the test.
func TestEveryMomentIsSurvived(t *testing.T) {
	for _, action := range []string{"kill", "eio", "enospc"} {
		t.Run(action, func(t *testing.T) {
			for _, seed := range seeds(1) {
				momentsRun(t, action, seed)
			}
		})
	}
}

func momentsRun(t *testing.T, action string, seed uint64) {
	t.Logf("seed %d: go test -tags soak ./node/test/powercut -run TestEveryMomentIsSurvived/%s -seed %d -runs 1 -v", seed, action, seed)
	r := rand.New(rand.NewPCG(seed, 2))
	program := fleet.Program(t, "failpoints")
	c := newCounty(t)
	for _, name := range c.names {
		c.Use(name, program)
	}
	c.StartAll()
	c.traffic(6)
	c.until(10)
	for i, moment := range failpoint.Names() {
		victim := c.names[i%len(c.names)]
		if !received[moment] && r.IntN(2) == 0 {
			victim = c.Leader("320582")
		}
		c.Kill(victim)
		if received[moment] {
			c.until(400) // more than the others keep in their logs: a few share an entry
		}
		c.meet(moment, action, victim, 1+r.IntN(3))
		c.Use(victim, program)
		c.Start(victim)
		c.until(3)
	}
	c.settle()
	c.sound()
}

// meet runs a replica until it has met the moment, and leaves it ended.
func (c *county) meet(moment failpoint.Name, action, victim string, nth int) {
	c.t.Helper()
	if received[moment] || moment == failpoint.DirMade || moment == failpoint.DirSynced {
		nth = 1 // once for each start
	}
	seen := c.t.TempDir()
	c.Use(victim, fleet.Program(c.t, "failpoints"), "YIZHAN_FAILPOINT="+fmt.Sprintf("%s=%s@%d", moment, action, nth), "YIZHAN_FAILPOINT_RECORD="+seen)
	c.Start(victim)
	met := make(chan struct{})
	defer close(met)
	switch moment {
	case failpoint.SubmissionAnswers:
		direct := c.ClientAt("wjw@320582", victim)
		c.workers.Go(func() { c.knock(direct, nth) })
	case failpoint.ProposalAnswered:
		admin := c.Client(c.Administrator("320582"))
		c.workers.Go(func() { lead(admin, victim, met) })
	}
	reached := filepath.Join(seen, string(moment)+".done")
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(reached); err == nil || action == "kill" && !c.Running(victim) {
			break
		}
		if time.Now().After(end) {
			c.t.Errorf("%s never came to %s", victim, moment)
			break
		}
	}
	if action != "kill" {
		c.until(3) // with the error behind it, or without that replica
	}
	left := c.places[victim].Disk.Cut(LoseAll, 0)
	c.Kill(victim)
	c.places[victim].Put(left)
	c.t.Logf("%s at %s: %s", victim, moment, action)
}

// lead has a replica lead: only a leader answers to proposals.
func lead(admin *client.Client, name string, until <-chan struct{}) {
	for {
		select {
		case <-until:
			return
		case <-time.After(time.Second):
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			_, _ = admin.TransferLeadership(ctx, exchange.Replica(name)) // refused until it has caught up
			cancel()
		}
	}
}

// knock submits at one replica, which the others' traffic may not come by, and
// insists on it anywhere.
func (c *county) knock(direct *client.Client, n int) {
	for range n {
		key := fmt.Sprintf("p-%d", c.asked.Add(1))
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		done, err := c.submitBy(ctx, direct, key) // it may end there
		cancel()
		if err != nil {
			c.insist(key)
			continue
		}
		c.mu.Lock()
		c.acked[key] = done
		c.mu.Unlock()
	}
}

// TestEveryMomentIsReached is the short form: one run without any failure that
// comes by all of them.
func TestEveryMomentIsReached(t *testing.T) {
	program := fleet.Program(t, "failpoints")
	seen := t.TempDir()
	c := newCounty(t)
	for _, name := range c.names {
		c.Use(name, program, "YIZHAN_FAILPOINT_RECORD="+seen)
	}
	c.StartAll()
	c.traffic(6)
	c.until(10)
	away := c.names[0]
	c.Kill(away)
	c.until(400)
	c.Start(away)
	c.Eventually(time.Minute, "every moment is reached", func(context.Context) (err error) {
		for _, name := range failpoint.Names() {
			_, missing := os.Stat(filepath.Join(seen, string(name)))
			err = errors.Join(err, missing)
		}
		return err
	})
	c.settle()
	c.sound()
}
