package chaos

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/yizhan-exchange/yizhan/exchange"
	"github.com/yizhan-exchange/yizhan/node/config"
	"github.com/yizhan-exchange/yizhan/node/founding"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// The domains of the sample federation.
const (
	province exchange.Domain = "320000"
	city     exchange.Domain = "320500"
	county   exchange.Domain = "320582"
)

var levels = []exchange.Domain{county, city, province}

// World is a federation that is founded once and put back to its beginning
// before each run.
type World struct {
	fleet    *fleet.Fleet
	net      *fleet.Net
	clocks   bool                         // can be set wrong
	replicas map[exchange.Domain][]string // processes, by domain
}

// Shape is what a world consists of. Nine processes on two cores leave little
// for anything else, so the province has one unless asked otherwise.
type Shape struct {
	County, City, Province int // replicas
	// Clocks builds the program so that the clock of each replica can be set
	// wrong.
	Clocks bool
	// Older founds and runs it with the program before the newest feature level.
	Older bool
}

// NewWorld founds a federation, starts it until it is ready, and stops it.
func NewWorld(t testing.TB, s Shape) *World {
	t.Helper()
	tags := ""
	if s.Clocks {
		tags = "testclock"
	}
	if s.Older {
		tags = "older"
	}
	program := fleet.Program(t, tags)
	f := fleet.NewBy(t, program, func(d *founding.Federation) {
		for i := range d.Domains {
			d.Domains[i].Replicas = map[exchange.Domain]int{county: s.County, city: s.City, province: s.Province}[d.Domains[i].Domain]
		}
	})
	w := &World{fleet: f, clocks: s.Clocks, replicas: map[exchange.Domain][]string{}}
	for _, name := range f.Names() {
		f.Use(name, program)
		d := &f.Config(name).Domains[0]
		d.Heartbeat = config.Duration(500 * time.Millisecond)
		if d.Superior != nil {
			d.Superior.Retry = config.Retry{First: config.Duration(50 * time.Millisecond), Ceiling: config.Duration(time.Second)}
		}
		w.replicas[d.Domain] = append(w.replicas[d.Domain], name)
	}
	for _, names := range w.replicas {
		slices.Sort(names)
	}
	w.net = f.NewNet() // saves the configurations
	f.StartAll()
	w.stop()
	f.SaveData()
	return w
}

// all lists every process, by level.
func (w *World) all() (out []string) {
	for _, d := range levels {
		out = append(out, w.replicas[d]...)
	}
	return out
}

func (w *World) stop() {
	for _, name := range w.all() {
		w.fleet.Stop(name)
	}
}

// leader names the process that leads a domain, as far as any of them says so
// now; "" when none does.
func (w *World) leader(d exchange.Domain) string {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	answers := make(chan string, len(w.replicas[d]))
	for _, name := range w.replicas[d] {
		go func() {
			status, err := w.fleet.StatusAt(ctx, d, name)
			if err != nil || status.Role != "leader" {
				name = ""
			}
			answers <- name
		}()
	}
	for range w.replicas[d] {
		if name := <-answers; name != "" {
			return name
		}
	}
	return ""
}
