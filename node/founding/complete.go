package founding

import (
	"fmt"

	"github.com/yizhan-exchange/yizhan/crypto/sm"
	"github.com/yizhan-exchange/yizhan/node/config"
)

const (
	defaultHost     = "127.0.0.1"
	defaultReplicas = 3
	maxReplicas     = 9
	maxDomains      = 256
)

// complete fills in what is left out. Lists are copied, so that the caller's
// federation stays as it is.
func (f Federation) complete() Federation {
	f.Domains = append([]Domain(nil), f.Domains...)
	setDefault(&f.Topology, Separate)
	setDefault(&f.Provider, sm.Emmansun)
	setDefault(&f.Profile, config.ProfileDefault)
	setDefault(&f.Host, defaultHost)
	levels := map[string]int{}
	for _, d := range f.Domains {
		levels[d.Level]++
	}
	for i := range f.Domains {
		d := &f.Domains[i]
		setDefault(&d.Replicas, defaultReplicas)
		if d.Process == "" {
			d.Process = d.Level
			if levels[d.Level] > 1 {
				d.Process = fmt.Sprintf("%s-%s", d.Level, d.Domain)
			}
		}
	}
	return f
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}
