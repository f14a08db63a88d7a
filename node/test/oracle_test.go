package test

import (
	"context"
	"testing"

	"github.com/yizhan-exchange/yizhan/node/check"
	"github.com/yizhan-exchange/yizhan/node/test/fleet"
)

// soundStores stops every process and holds what each replica kept against
// itself and against the others. A replica may lag, so that content it does not
// have yet is no more than said; anything else fails the test.
func soundStores(t *testing.T, f *fleet.Fleet) {
	t.Helper()
	sound(t, f, check.Options{Signatures: true, Content: true}, f.Names()...)
}

// sound is soundStores for some of the processes: those that are still members.
func sound(t *testing.T, f *fleet.Fleet, o check.Options, names ...string) {
	t.Helper()
	var all []*check.Report
	for _, name := range names {
		f.Stop(name)
	}
	for _, name := range names {
		reports, err := check.Node(context.Background(), f.Config(name), o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		all = append(all, reports...)
	}
	for _, r := range all {
		t.Logf("%s of %s at %d: %+v", r.Replica, r.Domain, r.Index, r.Counts)
		for _, found := range r.Findings {
			if found.Code == check.ContentMissing && !o.Strict {
				t.Logf("%s of %s lags: %s", r.Replica, r.Domain, found)
				continue
			}
			t.Errorf("%s of %s: %s", r.Replica, r.Domain, found)
		}
	}
	for _, found := range check.Replicas(all...) {
		t.Error(found)
	}
}
