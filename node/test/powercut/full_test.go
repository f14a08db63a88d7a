//go:build soak

package powercut

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// TestFullDisks prints how long service took to come back, for each run.
func TestFullDisks(t *testing.T) {
	for _, all := range []bool{false, true} {
		for range seeds(3) {
			stopped, back := fullRun(t, all)
			t.Logf("all disks full: %v; 20 acknowledgements with one full disk took %v; first acknowledgement %v after room was made", all, stopped.Round(time.Millisecond), back.Round(time.Millisecond))
			if back > 10*time.Second {
				t.Errorf("more than 10 s")
			}
		}
	}
}

// fullRun fills the leader's disk, or all of them, to the last byte under
// traffic, makes room after a while, and tells how long it took until something
// was acknowledged again.
func fullRun(t *testing.T, all bool) (stopped, back time.Duration) {
	c := newCounty(t)
	for _, name := range c.names {
		c.Use(name, fleet.Program(t, "failpoints")) // allocates its log in small pieces, so that the disk is full at once
	}
	c.StartAll()
	c.traffic(4)
	c.until(20)
	full := c.names
	if !all {
		full = []string{c.Leader("320582")}
	}
	began := time.Now()
	for _, name := range full {
		d := c.places[name].Disk
		d.SetLimit(d.Used())
	}
	if all {
		c.meanwhile()
	} else {
		c.until(20) // another leads
		stopped = time.Since(began)
	}
	for _, name := range full {
		c.places[name].Disk.SetLimit(0)
	}
	freed := time.Now()
	c.until(1)
	back = time.Since(freed)
	c.until(20)
	for _, name := range c.names {
		if !c.Running(name) {
			t.Errorf("%s ended", name)
		}
	}
	c.settle()
	c.sound()
	return stopped, back
}

// meanwhile asks until the answer is a refusal that says why, and sees that
// reading goes on.
func (c *county) meanwhile() {
	c.t.Helper()
	tries, answers := 0, map[exchange.Code]int{}
	c.Eventually(time.Minute, "the refusal is clear", func(context.Context) error {
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		key := fmt.Sprintf("refused-%d", tries*10+1) // small: it needs the log and the ledger only
		tries++
		done, err := c.submit(ctx, key) // the client repeats it until its time is over
		if err == nil {
			c.mu.Lock()
			c.acked[key] = done
			c.mu.Unlock()
			return errors.New("there is room still")
		}
		answers[exchange.CodeOf(err)]++
		if exchange.CodeOf(err) == exchange.Exhausted && strings.Contains(err.Error(), "free space or enlarge") {
			c.refused = append(c.refused, key)
			return nil
		}
		return err
	})
	c.t.Logf("answers to small submissions while nothing had room: %v", answers)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if out, err := c.client.Outbox(ctx, exchange.ListQuery{}); err != nil || len(out.Items) == 0 {
		c.t.Errorf("reading from full disks: %d, %v", len(out.Items), err)
	}
}
