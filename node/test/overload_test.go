//go:build soak

package test

import (
	"path/filepath"
	"testing"
	"time"

	measured "github.com/yizhan-exchange/yizhan/node/bench"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// TestAStormOverProcessesIsBounded looks at what must hold on any machine:
// memory, and that everybody is told the truth. How long 特急 takes is for a
// machine that has nothing else to do, and for yizhan bench overload; here it
// is only told.
func TestAStormOverProcessesIsBounded(t *testing.T) {
	for name, o := range map[string]measured.OverloadOptions{
		"repeated": {Clients: 1000, Connections: 10, Limit: 5 * time.Minute},
		"final":    {Clients: 3000, Connections: 300, Limit: 5 * time.Minute, Once: true, Duration: 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			o.Program, o.Dir = fleet.Program(t, ""), filepath.Join(t.TempDir(), "federation")
			o.Size, o.Slow, o.Base, o.Progress = 64<<10, 50, 10*time.Second, func(what string) { t.Log(what) }
			r, err := measured.Overload(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("特急 p99 %s before, %s under the storm: %.1f times; %d accepted, %d refusals", r.Base.P99, r.Under.P99, r.Ratio, r.Storm.Accepted, r.Storm.Refused)
			if r.Lost+r.Unasked+r.Urgent+r.Storm.Failed+r.Storm.Waiting > 0 {
				t.Errorf("%d lost, %d twice, %d probes and %d of the storm without an answer (%s), %d left", r.Lost, r.Unasked, r.Urgent, r.Storm.Failed, r.Storm.Reason, r.Storm.Waiting)
			}
			for _, n := range r.Nodes {
				t.Logf("%s: at most %d MiB, content at most %d MiB", n.Node, n.Peak>>20, n.Load.ContentPeak>>20)
				if n.Peak == 0 || n.Peak > r.Memory || n.Load.ContentPeak > n.Load.ContentLimit {
					t.Errorf("%s held %d bytes, %d of content", n.Node, n.Peak, n.Load.ContentPeak)
				}
			}
		})
	}
}
